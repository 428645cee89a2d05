import Cryptography
import Gateway
import GatewayTesting
import OrderedJSON
import Testing

extension House {
    /// A key beside the house's own.
    func addKey(role: Role = .manager, scopes: Set<String>? = nil, revokedAt: Timestamp? = nil) async throws
        -> APIKeyText
    {
        let key = APIKeyText(
            environment: key.environment,
            organization: organization,
            id: APIKeyID(clock.entropy.identifier()),
            secret: [UInt8](repeating: 4, count: 20)
        )
        try await store.save(
            APIKey(
                id: key.id,
                organization: organization,
                name: "other",
                prefix: key.prefix,
                hash: SHA256.digest(Array(key.text.reveal().utf8)).bytes,
                environment: key.environment,
                role: role,
                scopes: scopes,
                revokedAt: revokedAt
            )
        )
        return key
    }

    func perform(_ action: HostAction, as credential: Secret<String>) async -> GatewayError? {
        let call = ActionCall(
            id: CallID(clock.entropy.identifier()),
            door: .rest,
            credential: .token(credential),
            environment: nil,
            address: "192.0.2.1"
        )
        do throws(GatewayError) {
            try await pipeline.perform(action, call) { _, _ throws(GatewayError) in }
            return nil
        } catch { return error }
    }

    /// The audit's lines, newest first; what is queued is written when another line is.
    func audit() async throws -> [AuditRecord] {
        try await store.append([], usage: [])
        return try await store.records(organization: organization, before: nil, limit: 100)
    }
}

struct `What is no tool` {
    @Test(arguments: [HostAction.readTransactions, .readExport, .readContext])
    func `needs its scope, and says which`(action: HostAction) async throws {
        try await House.with { (house) async throws in
            let bare = try await house.addKey(scopes: [])
            let scoped = try await house.addKey(scopes: Set(action.scopes))

            let refusal = await house.perform(action, as: bare.text)

            #expect(refusal?.code == .permissionDenied && refusal?.scopes == action.scopes)
            #expect(await house.perform(action, as: scoped.text) == nil)
        }
    }

    @Test func `leaves a line of the audit, refused or not`() async throws {
        try await House.with { (house) async throws in
            let bare = try await house.addKey(scopes: [])
            _ = await house.perform(.readTransactions, as: bare.text)
            _ = await house.perform(.readTransactions, as: house.key.text)

            let lines = try await house.audit()

            #expect(lines.map(\.action) == ["TRANSACTIONS_READ", "TRANSACTIONS_READ"])
            #expect(lines.map(\.outcome) == [.success, .failed])
            #expect(lines.map(\.subject) == ["key:\(house.key.id)", "key:\(bare.id)"])
        }
    }

    @Test func `counts in its bucket`() async throws {
        try await House.with { (house) async throws in
            try await house.store.save(
                Plan(
                    name: "all",
                    tools: ["**"],
                    organizationLimits: ["read": RateLimit(units: 2, per: .seconds(60))],
                    principalLimits: [:]
                )
            )
            var refusals: [GatewayError?] = []
            for _ in 0..<3 { refusals.append(await house.perform(.listTools, as: house.key.text)) }

            #expect(refusals[0] == nil && refusals[1] == nil && refusals[2]?.code == .rateLimited)
            #expect(refusals[2]?.retryAfter == .seconds(30))
        }
    }
}

struct `A hidden tool` {
    @Test func `is answered like one that there is not, at both doors`() async throws {
        try await House.with { (house) async throws in
            try await house.store.save(
                Plan(name: "all", tools: ["fake_ask"], organizationLimits: [:], principalLimits: [:])
            )
            for door in [Door.rest, .mcp] {
                let hidden = await house.call("fake_pay", ["nonsense": 1], door: door)
                let unknown = await house.call("fake_nothing", door: door)

                #expect(hidden.code == .notFound && unknown.code == .notFound)
                #expect(hidden.tool == nil && unknown.tool == nil)
                #expect(hidden.rate == unknown.rate && hidden.record == unknown.record)
            }
            #expect(await house.call("fake_ask", ["nonsense": 1]).code == .invalidArgument)
        }
    }
}

struct `A payout by MCP` {
    @Test func `is not made without a key that is one, and made once with it`() async throws {
        try await House.with { (house) async throws in
            let payout: JSONObject = ["phone": "254711000001", "amount": 100]
            func pay(_ key: JSON?) async -> ToolReply {
                var arguments = payout
                arguments["idempotency_key"] = key
                return await house.call("fake_pay", .object(arguments), door: .mcp)
            }
            for key: JSON? in [nil, 1017, true, [], .null] { #expect(await pay(key).code == .invalidArgument) }
            #expect(house.upstream.count("pay") == 0)

            let first = await pay("1")
            let again = await pay("1")
            #expect(first.isSuccess && again.isReplayed && again.record == first.record)
            #expect(house.upstream.count("pay") == 1)
        }
    }
}

struct `Strangers' failures` {
    @Test func `that name somebody are written once a minute, with their number`() async throws {
        try await House.with { (house) async throws in
            let failures = SampleFailures(audit: house.store, entropy: house.clock.entropy)
            let line = AuditRecord(
                id: house.clock.entropy.identifier(),
                organization: house.organization,
                at: house.clock.now,
                call: CallID(house.clock.entropy.identifier()),
                subject: "anonymous",
                action: "CREDENTIAL_REFUSED",
                door: "rest",
                outcome: .failed
            )
            let whom = GatewayError.Attempted(organization: house.organization, subject: "key:1")
            for _ in 0..<10_000 { failures.note(line, naming: whom) }
            #expect(try await house.audit().count == 1)

            house.clock.advance(.seconds(60))
            failures.flush()
            failures.flush()
            let lines = try await house.audit()
            #expect(lines.count == 2)
            #expect(lines.first?.detail.flatMap { try? JSON(parsing: $0) }?["failures"] == 9_999)

            house.clock.advance(.seconds(60))
            failures.flush()
            #expect(try await house.audit().count == 2)
        }
    }

    @Test func `that name nobody are not written, those of a real key and organization are`() async throws {
        try await House.with { (house) async throws in
            let forged = Secret(String(house.key.text.reveal().dropLast()) + "0")
            let elsewhere = APIKeyText(
                environment: .test,
                organization: OrganizationID(house.clock.entropy.identifier()),
                id: house.key.id,
                secret: [UInt8](repeating: 3, count: 20)
            )
            for _ in 0..<20 {
                #expect(await house.perform(.listTools, as: forged)?.code == .unauthenticated)
                #expect(await house.perform(.listTools, as: elsewhere.text)?.code == .unauthenticated)
                #expect(await house.perform(.listTools, as: Secret("nonsense"))?.code == .unauthenticated)
            }

            let lines = try await house.audit()
            #expect(lines.map(\.action) == ["CREDENTIAL_REFUSED"] && lines.first?.subject == "anonymous")
            #expect(lines.first?.address == "192.0.2.1")
            #expect(try await house.store.firstBrokenAuditLine(organization: house.organization) == nil)
        }
    }

    @Test func `of more names than may be told apart are not written`() async throws {
        try await House.with { (house) async throws in
            var settings = SampleFailures.Settings()
            settings.namesMax = 5
            let failures = SampleFailures(audit: house.store, entropy: house.clock.entropy, settings: settings)
            for number in 0..<50 {
                let line = AuditRecord(
                    id: house.clock.entropy.identifier(),
                    organization: house.organization,
                    at: house.clock.now,
                    call: CallID(house.clock.entropy.identifier()),
                    subject: "anonymous",
                    action: "LOGIN_FAILED",
                    door: "rest",
                    outcome: .failed
                )
                failures.note(line, naming: .init(organization: house.organization, subject: "user:\(number)"))
            }

            #expect(try await house.audit().count == 5)
        }
    }
}
