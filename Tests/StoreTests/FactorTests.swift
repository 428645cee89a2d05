import Cryptography
import Gateway
import Testing

@testable import Store

struct `What people prove themselves by` {
    private let asha = User(
        id: UserID(Identifier(high: 5, low: 5)),
        organization: ours,
        username: "asha",
        email: "asha@x",
        passwordHash: "h",
        role: .user
    )

    @Test func `is taken once by many at once, a link and a code`() async throws {
        try await withStore { (store) async throws in
            try await store.save(asha)
            let link = OneTimeLink(
                id: newID(),
                organization: ours,
                user: asha.id,
                purpose: .reset,
                hash: [1, 2],
                expiresAt: moment
            )
            try await store.save(link)
            #expect(try await store.link(link.id, organization: ours) == link)
            #expect(try await store.link(link.id, organization: theirs) == nil)
            var factor = SecondFactor(user: asha.id, organization: ours, sealed: [9], recovery: ["a", "b"])
            try await store.begin(factor)
            #expect(try await store.factor(of: asha.id, organization: ours) == factor)
            factor.usedStep = 7
            factor.isConfirmed = true
            let next = factor
            let line = AuditRecord(
                id: newID(),
                organization: ours,
                at: moment,
                call: CallID(newID()),
                subject: "user:\(asha.id)",
                action: "PASSWORD_RESET",
                door: "rest",
                outcome: .success
            )
            let taken = try await withThrowingTaskGroup(of: (Bool, Bool).self) { group in
                for _ in 0..<5 {
                    group.addTask {
                        (
                            try await store.take(link, setting: "new", line),
                            try await store.change(next, from: 0)
                        )
                    }
                }
                return try await group.reduce(into: (0, 0)) {
                    $0.0 += $1.0 ? 1 : 0
                    $0.1 += $1.1 ? 1 : 0
                }
            }

            #expect(taken == (1, 1))
            #expect(try await store.user(asha.id, organization: ours)?.hasSecondFactor == true)
            let again = await #expect(throws: GatewayError.self) { try await store.begin(next) }
            #expect(again?.code == .conflict)
            _ = try await store.change(asha.id, organization: ours) { $0.email = "new@x" }
            #expect(try await store.user(asha.id, organization: ours)?.hasSecondFactor == true)
            try await store.removeFactor(of: asha.id, organization: ours)
            #expect(try await store.user(asha.id, organization: ours)?.hasSecondFactor == false)
        }
    }

    @Test func `is a second factor whose confirming ends every other session, and lets none begin without it`()
        async throws
    {
        try await withStore { (store) async throws in
            try await store.save(asha)
            let sessions = (0..<3)
                .map {
                    UserSession(
                        id: Identifier(high: 7, low: UInt64($0)),
                        user: asha.id,
                        organization: ours,
                        generation: 1,
                        expiresAt: moment + .seconds(60)
                    )
                }
            for session in sessions.prefix(2) { try await store.begin(session, at: moment, sessionsMax: 5) }
            var factor = SecondFactor(user: asha.id, organization: ours, sealed: [9], recovery: ["a"])
            try await store.begin(factor)
            (factor.usedStep, factor.isConfirmed) = (3, true)
            #expect(try await !store.change(factor, from: 2, endingAllBut: sessions[1].id))
            #expect(try await store.sessions(of: asha.id, organization: ours).count == 2)

            #expect(try await store.change(factor, from: 0, endingAllBut: sessions[1].id))

            #expect(try await store.sessions(of: asha.id, organization: ours) == [sessions[1]])
            let unasked = SessionBeginning(sessions[2], at: moment, sessionsMax: 5, hasSecondFactor: false)
            #expect(try await !store.begin(unasked))
            let asked = SessionBeginning(sessions[2], at: moment, sessionsMax: 5, hasSecondFactor: true)
            #expect(try await store.begin(asked))
        }
    }

    @Test func `is known at so many places of each person, the newest`() async throws {
        try await withStore { (store) async throws in
            try await store.save(asha)
            func logIn(_ number: Int, from network: String) async throws {
                let session = UserSession(
                    id: Identifier(high: 8, low: UInt64(number)),
                    user: asha.id,
                    organization: ours,
                    generation: 1,
                    expiresAt: moment + .seconds(3600)
                )
                let place = KnownPlace(
                    organization: ours,
                    user: asha.id,
                    network: network,
                    login: "|asha",
                    seen: moment + .seconds(number)
                )
                let beginning = SessionBeginning(session, at: moment, sessionsMax: 9, place: place, placesMax: 3)
                #expect(try await store.begin(beginning))
            }
            for (number, network) in ["a", "b", "a", "c", "d"].enumerated() { try await logIn(number, from: network) }

            let all = try await store.knownPlaces(since: moment, limit: 10)
            #expect(all.map(\.network) == ["d", "c", "a"])
            #expect(all.map(\.seen) == [4, 3, 2].map { moment + .seconds($0) })
            #expect(all.allSatisfy { $0.organization == ours && $0.user == asha.id && $0.login == "|asha" })
            #expect(try await store.knownPlaces(since: moment + .seconds(3), limit: 10).count == 1)
            #expect(try await store.knownPlaces(since: moment, limit: 2).map(\.network) == ["d", "c"])
        }
    }

    @Test func `is a link that ends with the password, role, standing or address that it was made beside`() async throws
    {
        try await withStore { (store) async throws in
            try await store.save(asha)
            let changes: [@Sendable (inout User) -> Void] = [
                { $0.passwordHash = "other" }, { $0.role = .manager }, { $0.isActive = false },
                { $0.isActive = true }, { $0.email = "other@x" },
            ]
            for (number, change) in changes.enumerated() {
                let link = OneTimeLink(
                    id: Identifier(high: 9, low: UInt64(number)),
                    organization: ours,
                    user: asha.id,
                    purpose: .reset,
                    hash: [1],
                    expiresAt: moment
                )
                try await store.save(link)
                _ = try await store.change(asha.id, organization: ours) { $0.username = "asha\(number)" }
                #expect(try await store.link(link.id, organization: ours) == link)

                _ = try await store.change(asha.id, organization: ours, change)

                #expect(try await store.link(link.id, organization: ours) == nil, "\(number)")
            }
        }
    }

    @Test func `is a session that ends alone`() async throws {
        try await withStore { (store) async throws in
            try await store.save(asha)
            var ids: [Identifier] = []
            for number in 0..<3 {
                ids.append(Identifier(at: moment + .seconds(number), random: (1, UInt64(number))))
                let session = UserSession(
                    id: ids[number],
                    user: asha.id,
                    organization: ours,
                    generation: 1,
                    expiresAt: moment + .seconds(100)
                )
                try await store.begin(session, at: moment, sessionsMax: 5)
            }
            #expect(try await !store.endSession(ids[1], of: asha.id, organization: theirs))
            #expect(try await store.endSession(ids[1], of: asha.id, organization: ours))

            #expect(try await store.sessions(of: asha.id, organization: ours).map(\.id) == [ids[0], ids[2]])
        }
    }
}

struct `Sealed credentials` {
    @Test func `are written over only by whoever has seen them`() async throws {
        try await withStore { (store) async throws in
            var credential = SealedCredential(environment: .test, fields: ["a": [1]], keyVersion: 1, version: -1)
            try await store.save(credential, organization: ours)
            let second = await #expect(throws: GatewayError.self) {
                try await store.save(credential, organization: ours)
            }
            #expect(second?.code == .staleVersion)
            credential.version = 1
            credential.fields["b"] = [2]
            try await store.save(credential, organization: ours)
            let stale = await #expect(throws: GatewayError.self) {
                try await store.save(credential, organization: ours)
            }
            #expect(stale?.code == .staleVersion)
            let kept = try await store.sealedCredential(
                organization: ours,
                environment: .test,
                account: .main
            )
            #expect(kept?.version == 2 && kept?.fields.count == 2)
        }
    }
}

struct `The version of an account's secrets` {
    @Test func `is never used twice, also once all of them were taken away`() async throws {
        try await withEachStore { (store) async throws in
            let look = { try await store.sealedCredential(organization: ours, environment: .test, account: .main) }
            let put = { (fields: [String: [UInt8]], seen: Int) in
                let credential = SealedCredential(environment: .test, fields: fields, keyVersion: 1, version: seen)
                try await store.save(credential, organization: ours, at: moment)
            }
            try await put(["a": [1]], -1)
            try await put([:], 1)
            #expect(try await look() == nil)
            let stale = await #expect(throws: GatewayError.self) { try await put(["a": [2]], 1) }
            #expect(stale?.code == .staleVersion)
            // Whoever saw that there are none may be the first anew.
            try await put(["a": [3]], -1)

            let newest = try await look()
            #expect(newest?.version == 3 && newest?.fields == ["a": [3]])
            let told = try await store.feed(lane: FeedReader.lane, after: 0, limit: 10).map(\.event)
            #expect(told.map(\.version) == [1, 2, 3] && Set(told.map(\.id)).count == 3)
        }
    }
}

struct `Usage and invoices` {
    @Test func `are kept by the hour and by who called, and an invoice's lines are only added to`() async throws {
        try await withStore { (store) async throws in
            let record = { (subject: String, hours: Int64) in
                UsageRecord(
                    organization: ours,
                    environment: .live,
                    tool: "t",
                    counted: "money",
                    subject: subject,
                    at: moment + .seconds(3600 * hours),
                    succeeded: true
                )
            }
            try await store.append([], usage: [record("a", 0), record("b", 0), record("a", 1), record("a", 800)])
            let question = { (period: UsageQuestion.Period, parts: Set<UsageQuestion.Part>, most: Int) in
                UsageQuestion(
                    organization: ours,
                    environment: .live,
                    from: moment + .seconds(-3600),
                    until: moment + .seconds(3600 * 900),
                    period: period,
                    parts: parts,
                    rowsMax: most
                )
            }
            #expect(try await store.usage(question(.hour, [], 10)).map(\.succeeded) == [2, 1, 1])
            #expect(try await store.usage(question(.day, [.subject], 10)).count == 3)
            #expect(try await store.usage(question(.month, [.tool], 10)).map(\.succeeded) == [3, 1])
            let wide = await #expect(throws: GatewayError.self) { try await store.usage(question(.hour, [], 2)) }
            #expect(wide?.code == .limitExceeded)

            let month = Month(of: moment)
            let line = InvoiceLine(kind: .subscription, text: "Plan p", unitCents: 100, madeBy: "x", madeAt: moment)
            try await store.add([line, line], to: month, organization: ours, isNew: true)
            try await store.add([line], to: month, organization: ours, isNew: false)
            #expect(try await store.invoice(month, organization: ours) == [line, line, line])
            #expect(try await store.invoices(organization: ours, limit: 5).map(\.cents) == [300])
            for isNew in [true, false] {
                let organization = isNew ? ours : theirs
                let error = await #expect(throws: GatewayError.self) {
                    try await store.add([line], to: month, organization: organization, isNew: isNew)
                }
                #expect(error?.code == .conflict)
            }
        }
    }
}
