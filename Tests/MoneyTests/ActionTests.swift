import Cryptography
import GatewayTesting
import JSONSchema
import OrderedJSON
import Testing

@testable import Gateway

struct `What is no tool` {
    @Test func `needs its scope, and says which`() async throws {
        try await House.with { (house) async throws in
            let scoped = house.actions.sorted.filter { !$0.rules.scopes.isEmpty && $0.rules.role <= .manager }
            #expect(scoped.count >= 3)
            for action in scoped {
                let bare = try await house.addKey(scopes: [])
                let good = try await house.addKey(scopes: Set(action.rules.scopes))
                let arguments: JSON = action.route.pathArguments.isEmpty ? [:] : ["id": "nonsense"]

                let refusal = await house.ask(action.name, arguments, as: bare.text)
                let passed = await house.ask(action.name, arguments, as: good.text)

                #expect(refusal.code == .permissionDenied && refusal.error?.scopes == action.rules.scopes)
                #expect(passed.code != .permissionDenied)
            }
        }
    }

    @Test func `leaves a line of the audit, refused or not, with its arguments`() async throws {
        try await House.with { (house) async throws in
            let bare = try await house.addKey(scopes: [])
            _ = await house.ask("transactions.list", as: bare.text)
            _ = await house.ask("transactions.list", ["limit": 5, "phone_number": "254711000001"])

            let lines = try await house.audit()

            #expect(lines.map(\.action) == ["TRANSACTIONS_READ", "TRANSACTIONS_READ"])
            #expect(lines.map(\.outcome) == [.success, .failed])
            #expect(lines.map(\.subject) == ["key:\(house.key.id)", "key:\(bare.id)"])
            #expect(lines.map(\.detail) == [#"{"limit":5,"phone_number":"•••"}"#, nil])
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
            var replies: [ActionReply] = []
            for _ in 0..<3 { replies.append(await house.ask("auth.verify")) }

            #expect(replies[0].code == nil && replies[1].code == nil && replies[2].code == .rateLimited)
            #expect(replies[2].error?.retryAfter == .seconds(30))
            #expect(replies[0].rate?.remaining == 1)
        }
    }

    @Test func `is refused where an argument is not of its schema, and says which`() async throws {
        try await House.with { (house) async throws in
            let wrong: [(JSON, String)] = [
                (["limit": 0], "/limit"), (["limit": "five"], "/limit"), (["status": "PAID"], "/status"),
                (["before": "x"], "/before"), (["before": "tx\u{202E}1"], "/before"), (["operations": "stk"], ""),
                (["amount_min": 5, "amount_max": 4], "/amount_max"), (["from_ms": 5, "until_ms": 4], "/until_ms"),
            ]
            for (arguments, place) in wrong {
                let reply = await house.ask("transactions.list", arguments)
                #expect(reply.code == .invalidArgument, "\(arguments.text)")
                #expect(reply.error?.errors.first?.pointer.hasPrefix(place) ?? false, "\(arguments.text)")
            }
        }
    }

    @Test func `shows role user what it made, others all, and nobody another organization's`() async throws {
        try await House.with { (house) async throws in
            let mine = try await house.addKey(role: .user)
            let manager = try await house.addKey(role: .manager)
            let theirs = try await house.neighbour()
            let made = await house.call("fake_collect", ["phone": "254711000001", "amount": 10])
            let id = JSON.string(made.record?.description ?? "none")

            for (key, sees) in [(mine, false), (manager, true), (theirs, false)] {
                let list = await house.ask("transactions.list", as: key.text)
                let shown = await house.ask("transactions.show", ["id": id], as: key.text)
                let unknown = await house.ask("transactions.show", ["id": "nonsense"], as: key.text)
                #expect(list.data.arrayValue?.isEmpty == !sees)
                #expect((shown.code == nil) == sees)
                if !sees { #expect(shown.error == unknown.error) }
            }
        }
    }

    @Test func `of what an organization reads, stays open when it may not call any more`() async throws {
        try await House.with { (house) async throws in
            _ = try await house.store.change(house.organization) { $0.subscription = .suspended }

            #expect(await house.ask("transactions.list").code == nil)
            #expect(await house.call("fake_ask", [:]).code == .organizationSuspended)
        }
    }

    @Test func `answers what its schema says`() async throws {
        try await House.with { (house) async throws in
            let made = await house.call("fake_collect", ["phone": "254711000001", "amount": 10])
            let id = JSON.string(made.record?.description ?? "none")
            for (name, arguments): (String, JSON) in [
                ("transactions.list", [:]), ("transactions.show", ["id": id]), ("auth.verify", [:]),
            ] {
                let reply = await house.ask(name, arguments)
                guard case .data(let schema, _)? = house.actions.action(name)?.output else { continue }
                let violations = try JSONSchema(compiling: schema).violations(in: reply.data)
                #expect(reply.code == nil && violations.isEmpty, "\(name): \(violations)")
            }
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
                #expect(await house.ask("auth.verify", as: forged).code == .unauthenticated)
                #expect(await house.ask("auth.verify", as: elsewhere.text).code == .unauthenticated)
                #expect(await house.ask("auth.verify", as: Secret("nonsense")).code == .unauthenticated)
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
