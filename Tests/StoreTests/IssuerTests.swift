import Gateway
import Testing

@testable import Store

struct `Issuers of an organization` {
    private func issuer(_ number: UInt64, of organization: OrganizationID = ours, _ name: String = "a") -> TokenIssuer {
        TokenIssuer(
            id: Identifier(high: number, low: 1),
            organization: organization,
            url: "https://\(name).example",
            environment: .live,
            keysURL: "https://\(name).example/keys",
            algorithms: [.edDSA, .ps256],
            key: APIKeyID(Identifier(high: 1, low: 2)),
            subjects: ["b": APIKeyID(Identifier(high: 3, low: 4)), "a|1": APIKeyID(Identifier(high: 5, low: 6))]
        )
    }

    @Test func `are what was written, and nobody else's`() async throws {
        try await withEachStore { (store) async throws in
            try await store.save(issuer(2, "b"))
            try await store.save(issuer(1))
            try await store.save(issuer(3, of: theirs))
            #expect(try await store.issuers(of: ours) == [issuer(1), issuer(2, "b")])
            let id = Identifier(high: 1, low: 1)

            let changed = try await store.changeIssuer(id, of: ours) { issuer in
                (issuer.isActive, issuer.key, issuer.keysURL, issuer.subjects) = (false, nil, nil, [:])
            }

            var expected = issuer(1)
            (expected.isActive, expected.key, expected.keysURL, expected.subjects) = (false, nil, nil, [:])
            expected.version = 2
            #expect(try await store.issuers(of: ours).first == expected && changed == expected)
            #expect(try await store.changeIssuer(id, of: theirs) { $0.isActive = true } == nil)
            #expect(try await !store.removeIssuer(id, of: theirs))
            #expect(try await store.removeIssuer(id, of: ours))
            #expect(try await !store.removeIssuer(id, of: ours))
            #expect(try await store.issuers(of: ours) == [issuer(2, "b")])
            #expect(try await store.issuers(of: theirs).count == 1)
        }
    }

    @Test func `are the operator's too, with what their claims mean, and those that are accepted`() async throws {
        try await withEachStore { (store) async throws in
            let tenants = ["a": ours, "b|\"1": theirs]
            let shared = TokenIssuer(
                id: Identifier(high: 7, low: 1),
                organization: theirs,
                url: "https://all.example",
                environment: .test,
                shared: SharedIssuer(subjectClaim: "oid", tenantClaim: "tid", tenants: tenants)
            )
            let plain = TokenIssuer(
                id: Identifier(high: 8, low: 1),
                organization: theirs,
                url: "https://any.example",
                environment: .test,
                shared: SharedIssuer()
            )
            let accepted = TokenIssuer(
                id: Identifier(high: 9, low: 1),
                organization: ours,
                url: "https://all.example",
                environment: .test,
                algorithms: [],
                accepted: shared.id
            )
            for issuer in [shared, plain, accepted] { try await store.save(issuer) }
            #expect(try await store.issuers(of: theirs) == [shared, plain])
            #expect(try await store.issuers(of: ours) == [accepted])

            let changed = try await store.changeIssuer(shared.id, of: theirs) { $0.shared?.tenants["a"] = nil }

            #expect(changed?.shared?.tenants == ["b|\"1": theirs] && changed?.version == 2)
            #expect(try await store.issuers(of: theirs).first == changed)
        }
    }

    @Test func `tell each that has accepted one of the operator's of its change, as far as that is about them`()
        async throws
    {
        try await withEachStore { (store) async throws in
            let (host, other) = (OrganizationID(newID()), OrganizationID(newID()))
            let shared = TokenIssuer(
                id: Identifier(high: 7, low: 1),
                organization: host,
                url: "https://all.example",
                environment: .test,
                shared: SharedIssuer(tenantClaim: "tid", tenants: ["a": ours, "b": theirs])
            )
            try await store.save(shared)
            for (number, organization) in [ours, theirs, other].enumerated() {
                try await store.save(
                    TokenIssuer(
                        id: Identifier(high: 9, low: UInt64(number)),
                        organization: organization,
                        url: shared.url,
                        environment: .test,
                        // Of the same address, and an organization's own.
                        accepted: organization == other ? nil : shared.id
                    )
                )
            }
            let news = IssuerNews { registration, _, now in
                AuditRecord(
                    id: newID(),
                    organization: registration.organization,
                    at: moment,
                    call: CallID(newID()),
                    subject: "user:1",
                    action: now == nil ? "GONE" : "CHANGED",
                    door: "rest",
                    outcome: .success
                )
            }
            func told() async throws -> [[String]] {
                try await store.append([], usage: [])
                var all: [[String]] = []
                for organization in [ours, theirs, other, host] {
                    let lines = try await store.records(organization: organization, before: nil, limit: 10)
                    all.append(lines.map(\.action).sorted())
                }
                return all
            }

            _ = try await store.changeIssuer(shared.id, of: host, telling: news) { $0.shared?.tenants["b"] = nil }
            #expect(try await told() == [[], ["CHANGED"], [], []])
            _ = try await store.changeIssuer(shared.id, of: host, telling: news) { $0.isActive = false }
            _ = try await store.changeIssuer(shared.id, of: host, telling: news) { $0.isActive = false }
            #expect(try await told() == [["CHANGED"], ["CHANGED", "CHANGED"], [], []])
            #expect(try await store.removeIssuer(shared.id, of: host, telling: news))
            #expect(try await !store.removeIssuer(shared.id, of: host, telling: news))
            #expect(try await told() == [["CHANGED", "GONE"], ["CHANGED", "CHANGED", "GONE"], [], []])
        }
    }

    @Test func `have an address each, and are not more than may be`() async throws {
        try await withEachStore { (store) async throws in
            for number in 1...UInt64(TokenIssuer.countMax) {
                if number == TokenIssuer.countMax {
                    let twice = await #expect(throws: GatewayError.self) { try await store.save(issuer(99, "x1")) }
                    #expect(twice?.code == .conflict)
                }
                try await store.save(issuer(number, "x\(number)"))
            }
            let full = await #expect(throws: GatewayError.self) { try await store.save(issuer(77, "y")) }
            #expect(full?.code == .limitExceeded)
            try await store.save(issuer(88, of: theirs, "x1"))
        }
    }

    @Test func `count the configuration's version up, for their organization alone`() async throws {
        try await withEachStore { (store) async throws in
            let before = try await store.configurationVersion()
            try await store.save(issuer(1))
            _ = try await store.changeIssuer(Identifier(high: 1, low: 1), of: ours) { $0.isActive = false }
            _ = try await store.removeIssuer(Identifier(high: 1, low: 1), of: ours)
            let changes = try await store.configurationChanges(after: before, limit: 10)
            let version = try await store.configurationVersion()
            #expect(changes.map(\.organization) == [ours] && changes.first?.version == version && version >= before + 3)
        }
    }
}
