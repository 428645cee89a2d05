import Cryptography
import GatewayTesting
import JSONSchema
import OrderedJSON
import Synchronization
import Testing

@testable import Gateway

extension ToolDescriptor {
    static func sample(
        bucket: String = "money",
        scopes: [String] = [],
        role: Role = .user,
        concurrencyMax: Int? = nil
    ) throws -> ToolDescriptor {
        let schema: JSON = [
            "type": "object", "properties": ["amount": ["type": "integer", "minimum": 1]], "required": ["amount"],
            "additionalProperties": false,
        ]
        return ToolDescriptor(
            name: "mpesa_stk_push",
            index: 0,
            kind: .operation(0),
            title: "Push",
            summary: "Push",
            inputSchema: schema,
            inputValidator: try JSONSchema(compiling: schema),
            outputSchema: schema,
            outputValidator: try JSONSchema(compiling: schema),
            annotations: .init(
                readOnly: false,
                destructive: true,
                idempotent: false,
                openWorld: true,
                movesMoney: true
            ),
            role: role,
            scopes: scopes,
            bucket: bucket,
            concurrencyMax: concurrencyMax,
            route: .init(method: "POST", segments: [.literal("stk-push")], successStatus: 200)
        )
    }
}

extension Principal {
    static func sample(role: Role = .user, scopes: Set<String>? = nil) -> Principal {
        Principal(
            organization: OrganizationID(Identifier(high: 1, low: 1)),
            subject: .apiKey(APIKeyID(Identifier(high: 3, low: 3))),
            name: "k",
            role: role,
            scopes: scopes,
            environment: .test
        )
    }
}

extension DirectoryCache.Membership {
    static func sample(
        tools: [String] = ["mpesa_stk_push"],
        units: Int = 3,
        besides: [RateLimit] = []
    ) -> DirectoryCache.Membership {
        .init(
            organization: Organization(
                id: OrganizationID(Identifier(high: 1, low: 1)),
                slug: "demo",
                name: "Demo",
                plan: "p"
            ),
            plan: Plan(
                name: "p",
                tools: tools,
                organizationLimits: ["money": RateLimit(units: units, per: .seconds(60), besides: besides)],
                principalLimits: [:]
            )
        )
    }
}

struct `Limiting the rate` {
    @Test func `refuses what passes the limit and says when to come again`() throws {
        let clock = ManualEntropy()
        let limit = LimitRate(entropy: clock.entropy)
        let tool = try ToolDescriptor.sample()
        for left in [2, 1, 0] {
            let decision = try limit.check(tool, principal: .sample(), membership: .sample())
            #expect(decision?.remaining == left)
        }

        let error = #expect(throws: GatewayError.self) {
            try limit.check(tool, principal: .sample(), membership: .sample())
        }
        #expect(error?.code == .rateLimited)
        #expect(error?.retryAfter == .seconds(20))
        clock.advance(.seconds(20))
        #expect(throws: Never.self) { try limit.check(tool, principal: .sample(), membership: .sample()) }
    }

    @Test func `holds by the minute, by the hour and by the day at once, and what one refuses costs no other`() throws {
        let clock = ManualEntropy()
        let limit = LimitRate(entropy: clock.entropy)
        let tool = try ToolDescriptor.sample()
        let membership = DirectoryCache.Membership.sample(besides: [
            RateLimit(units: 5, per: .seconds(3_600)), RateLimit(units: 7, per: .seconds(86_400)),
        ])
        /// How many of these are let pass, and the last refusal.
        func pass(_ count: Int) -> (passed: Int, refusal: GatewayError?) {
            var (passed, refusal): (Int, GatewayError?) = (0, nil)
            for _ in 0..<count {
                do throws(GatewayError) {
                    _ = try limit.check(tool, principal: .sample(), membership: membership)
                    passed += 1
                } catch { refusal = error }
            }
            return (passed, refusal)
        }

        #expect(pass(9).passed == 3)
        clock.advance(.seconds(60))
        let hour = pass(9)
        #expect(hour.passed == 2 && hour.refusal?.message.contains("5 money calls per 3600.0 seconds") == true)
        clock.advance(.seconds(3_600))
        let day = pass(9)
        #expect(day.passed == 2 && day.refusal?.message.contains("7 money calls per 86400.0 seconds") == true)
        clock.advance(.seconds(86_400))
        #expect(pass(9).passed == 3)
    }

    @Test func `leaves a bucket without a limit alone`() throws {
        let limit = LimitRate(entropy: ManualEntropy().entropy)

        #expect(
            try limit.check(ToolDescriptor.sample(bucket: "read"), principal: .sample(), membership: .sample()) == nil
        )
    }
}

struct `Pacing refusals` {
    private let ours = OrganizationID(Identifier(high: 1, low: 1))
    private let theirs = OrganizationID(Identifier(high: 1, low: 2))
    private let refused = GatewayError(.rateLimited, "spent")

    private func make(_ clock: ManualEntropy, namesMax: Int = 10) -> PaceRefusals {
        var settings = PaceRefusals.Settings()
        (settings.perSecond, settings.burst, settings.namesMax) = (10, 3, namesMax)
        settings.waitMax = .milliseconds(250)
        return PaceRefusals(entropy: clock.entropy, settings: settings)
    }

    @Test func `answers a few at once, then each in its turn, none later than the longest wait`() {
        let clock = ManualEntropy()
        let pace = make(clock)
        var waits = (0..<8).map { _ in pace.wait(refused, organization: ours, address: "192.0.2.1") }

        #expect(waits == [0, 0, 0, 100, 200, 250, 250, 250].map { .milliseconds($0) })
        clock.advance(.milliseconds(500))
        waits = (0..<2).map { _ in pace.wait(refused, organization: ours, address: "192.0.2.9") }
        #expect(waits == [.zero, .zero])
    }

    @Test func `makes nobody wait for another, whether organization or address`() {
        let pace = make(ManualEntropy())
        for _ in 0..<9 { _ = pace.wait(refused, organization: ours, address: "192.0.2.1") }
        for _ in 0..<9 { _ = pace.wait(refused, organization: nil, address: "192.0.2.2") }

        #expect(pace.wait(refused, organization: theirs, address: "192.0.2.1") == .zero)
        #expect(pace.wait(refused, organization: nil, address: "192.0.2.1") == .zero)
        #expect(pace.wait(refused, organization: nil, address: "192.0.2.2") > .zero)
    }

    @Test func `makes nothing wait that was begun or may be wrong`() {
        let pace = make(ManualEntropy())
        for code in [GatewayError.Code.invalidArgument, .upstreamUnavailable, .conflict, .withdrawn] {
            for _ in 0..<9 {
                #expect(pace.wait(GatewayError(code, ""), organization: ours, address: nil) == .zero)
            }
        }
    }

    @Test func `makes strangers wait for what is away, and nobody who is known`() {
        let (pace, away) = (make(ManualEntropy()), GatewayError(.unavailable, "away"))
        for _ in 0..<9 { #expect(pace.wait(away, organization: ours, address: "192.0.2.1") == .zero) }
        let waits = (0..<9).map { _ in pace.wait(away, organization: nil, address: "192.0.2.1") }
        #expect(waits.last == .milliseconds(250))
    }

    @Test func `counts more names than it keeps as one`() {
        let clock = ManualEntropy()
        let pace = make(clock, namesMax: 2)
        for number in 0..<9 { _ = pace.wait(refused, organization: nil, address: "192.0.2.\(number)") }

        #expect(pace.wait(refused, organization: nil, address: "192.0.2.20") > .zero)
        clock.advance(.seconds(2))
        #expect(pace.wait(refused, organization: nil, address: "192.0.2.20") == .zero)
    }
}

struct `Limiting concurrency` {
    @Test func `gives a place back, and refuses when none is left`() throws {
        let limit = LimitConcurrency()
        let tool = try ToolDescriptor.sample(concurrencyMax: 1)
        let ours = OrganizationID(Identifier(high: 1, low: 1))
        let theirs = OrganizationID(Identifier(high: 1, low: 2))
        let place = try #require(try limit.enter(tool, organization: ours, Ceilings()))

        #expect(throws: GatewayError.self) { try limit.enter(tool, organization: ours, Ceilings()) }
        #expect(throws: Never.self) { try limit.enter(tool, organization: theirs, Ceilings()) }
        limit.leave(place)
        #expect(throws: Never.self) { try limit.enter(tool, organization: ours, Ceilings()) }
        #expect(try limit.enter(ToolDescriptor.sample(), organization: ours, Ceilings()) == nil)
    }

    @Test func `counts the calls of all tools for the plan, and of an organization alone`() throws {
        let limit = LimitConcurrency()
        let (one, any) = (try ToolDescriptor.sample(concurrencyMax: 1), try ToolDescriptor.sample())
        let ours = OrganizationID(Identifier(high: 1, low: 1))
        let plan = Ceilings(callsMax: 2)
        let places = try (0..<2).map { _ in try #require(try limit.enter(any, organization: ours, plan)) }

        let refused = #expect(throws: GatewayError.self) { try limit.enter(one, organization: ours, plan) }
        #expect(refused?.code == .rateLimited && refused?.message.contains("2 calls") == true)
        #expect(limit.refusal(of: any, organization: ours, plan) == refused)
        #expect(limit.refusal(of: any, organization: OrganizationID(Identifier(high: 1, low: 2)), plan) == nil)
        limit.leave(places[0])
        let place = try #require(try limit.enter(one, organization: ours, plan))
        limit.leave(place)
        limit.leave(places[1])
        for _ in 0..<2 { _ = try limit.enter(any, organization: ours, plan) }
        // A plan that has no limit any more lets everybody in.
        #expect(try limit.enter(any, organization: ours, Ceilings()) == nil)
    }
}

struct `Authorizing` {
    @Test func `a prefix never switches a money tool on`() throws {
        let tool = try ToolDescriptor.sample()

        #expect(Authorize.allows(tool, principal: .sample(), membership: .sample()))
        #expect(!Authorize.allows(tool, principal: .sample(), membership: .sample(tools: ["mpesa_*"])))
        #expect(!Authorize.allows(tool, principal: .sample(), membership: .sample(tools: [])))
    }

    @Test func `names every missing scope at once`() throws {
        let tool = try ToolDescriptor.sample(scopes: ["a", "b", "c"])

        let error = #expect(throws: GatewayError.self) {
            try Authorize.check(tool, principal: .sample(scopes: ["b"]), membership: .sample())
        }
        #expect(error?.code == .permissionDenied)
        #expect(error?.message.contains("a and c") ?? false)
    }

    @Test func `tells what plan and role forbid from what there is not by nothing`() throws {
        let tool = try ToolDescriptor.sample(scopes: ["a"], role: .manager)
        func refusal(_ principal: Principal, _ membership: DirectoryCache.Membership) -> GatewayError? {
            #expect(throws: GatewayError.self) {
                try Authorize.check(tool, principal: principal, membership: membership)
            }
        }

        #expect(refusal(.sample(role: .user), .sample()) == Authorize.noSuchTool("mpesa_stk_push"))
        #expect(refusal(.sample(role: .manager), .sample(tools: [])) == Authorize.noSuchTool("mpesa_stk_push"))
        #expect(refusal(.sample(role: .user, scopes: []), .sample()) == Authorize.noSuchTool("mpesa_stk_push"))
        #expect(refusal(.sample(role: .manager, scopes: []), .sample())?.scopes == ["a"])
    }

    @Test func `asks for the least role`() throws {
        let tool = try ToolDescriptor.sample(role: .manager)

        #expect(!Authorize.allows(tool, principal: .sample(role: .user), membership: .sample()))
        #expect(Authorize.allows(tool, principal: .sample(role: .orgAdmin), membership: .sample()))
    }
}

struct `Callback addresses` {
    let addresses = CallbackAddresses(publicURL: "https://x.example/", key: Secret([UInt8](repeating: 7, count: 32)))
    let target = CallbackAddresses.Target(
        organization: OrganizationID(Identifier(high: 1, low: 2)),
        environment: .live,
        record: RecordID(Identifier(high: 3, low: 4)),
        name: "result"
    )

    @Test func `lead back to their record`() throws {
        let parts = addresses.address(for: target).split(separator: "/")

        #expect(addresses.address(for: target).hasPrefix("https://x.example/cb/"))
        #expect(addresses.target(organization: parts[3], token: parts[4]) == target)
    }

    @Test func `lead nowhere for another organization, once changed, or under another key`() throws {
        let parts = addresses.address(for: target).split(separator: "/")
        let other = OrganizationID(Identifier(high: 1, low: 3)).description
        let changed = String(parts[4].dropLast()) + (parts[4].last == "0" ? "1" : "0")
        let stranger = CallbackAddresses(
            publicURL: "https://x.example",
            key: Secret([UInt8](repeating: 8, count: 32))
        )

        #expect(addresses.target(organization: other[...], token: parts[4]) == nil)
        #expect(addresses.target(organization: parts[3], token: changed[...]) == nil)
        #expect(stranger.target(organization: parts[3], token: parts[4]) == nil)
        #expect(addresses.target(organization: parts[3], token: "") == nil)
    }
}

struct `API keys` {
    @Test func `carry their organization and are read back`() throws {
        let key = APIKeyText(
            environment: .test,
            organization: OrganizationID(Identifier(high: 1, low: 2)),
            id: APIKeyID(Identifier(high: 3, low: 4)),
            secret: SecureRandom.bytes(20)
        )
        let read = try #require(APIKeyText(key.text.reveal()))

        #expect(read.organization == key.organization && read.id == key.id && read.environment == .test)
        #expect(!key.prefix.contains(key.text.reveal().suffix(32)))
        #expect("\(key)".contains("•••"))
    }

    @Test(arguments: ["", "mpk_test", "mpk_prod_a_b_c", "mpk_test_00_00_00", "xyz_test_a_b_c"])
    func `are refused in any other form`(text: String) {
        #expect(APIKeyText(text) == nil)
    }
}

struct `Moments and ids` {
    @Test func `are written as the standards say`() {
        #expect(Timestamp(milliseconds: 0).description == "1970-01-01T00:00:00.000Z")
        #expect(Timestamp(milliseconds: 1_795_465_598_324).description == "2026-11-23T20:26:38.324Z")
        #expect(Timestamp(milliseconds: 951_782_400_000).description == "2000-02-29T00:00:00.000Z")
        let id = Identifier(at: Timestamp(milliseconds: 1_795_465_598_324), random: (.max, .max))
        #expect(Identifier(id.description) == id)
        #expect(Array(id.description)[14] == "7")
    }
}

struct `An address` {
    @Test func `of IPv6 is its network, whoever it says it is there`() {
        let group = AttemptLimit.group

        #expect(group("2001:db8:1:2:3:4:5:6") == group("2001:db8:1:2::ffff"))
        #expect(group("2001:db8:1:2::1") != group("2001:db8:1:3::1"))
        #expect(group("::ffff:192.0.2.1") != group("::ffff:192.0.2.2"))
        let neighbourhood = AttemptLimit.neighbourhood
        #expect(neighbourhood("2001:db8:1:2::1") == neighbourhood("2001:db8:1:3::1"))
        #expect(neighbourhood("2001:db8:1:2::1") != neighbourhood("2001:db8:2:2::1"))
        #expect(neighbourhood("192.0.2.1") == "192.0.2.1")
        #expect(group("192.0.2.1") == "192.0.2.1" && group("fe80::1%eth0") == group("fe80::2"))
    }
}
