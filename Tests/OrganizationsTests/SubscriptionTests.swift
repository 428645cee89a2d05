import Gateway
import GatewayTesting
import OrderedJSON
import Organizations
import Testing

struct `A subscription` {
    @Test func `ends when its time and its grace are over, and one's money is still seen`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            #expect(await bureau.collect(5, as: key.text).code == nil)
            let until = bureau.clock.now + .seconds(3600)
            let set = await bureau.ask(
                "organizations.update",
                [
                    "org_id": .string(bureau.shop.id.description), "grace_days": 1,
                    "subscription_until_ms": .integer(until.milliseconds),
                ],
                as: boss.token
            )
            #expect(set.data["subscription_until"] == .string(until.description))

            bureau.clock.advance(.seconds(3600 + 86_000))
            #expect(await bureau.collect(6, as: key.text).code == nil)
            bureau.clock.advance(.seconds(500))
            let refused = await bureau.collect(7, as: key.text)
            #expect(refused.code == .organizationSuspended)
            #expect(refused.error?.message.contains(until.description) == true)
            #expect(await bureau.ask("transactions.list", as: key.text).data.arrayValue?.count == 2)
            // What the document of the API is made of, so that programs still find their way.
            let look = ActionCall(
                id: CallID(bureau.clock.entropy.identifier()),
                door: .rest,
                credential: .token(key.text),
                environment: nil,
                address: "192.0.2.1"
            )
            let seen = try await bureau.pipeline.perform(.listTools, look) {
                principal,
                membership throws(GatewayError) in
                bureau.pipeline.tools(for: principal, membership).count
            }
            #expect(seen > 0)
            let boss2 = try await bureau.logIn(boss.user)
            let renew: JSON = ["org_id": .string(bureau.shop.id.description), "subscription_until_ms": .null]
            #expect(await bureau.ask("organizations.update", renew, as: boss2.token).code == nil)
            #expect(await bureau.collect(7, as: key.text).code == nil)
        }
    }
}

struct `A subscription's word` {
    @Test(arguments: Subscription.allCases)
    func `lets whoever pays or tries begin something, and lets everybody see what became of their money`(
        word: Subscription
    ) async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            #expect(await bureau.collect(5, as: key.text).code == nil)
            let set = { (word: Subscription) async in
                let id = JSON.string(bureau.shop.id.description)
                let change: JSON = ["org_id": id, "subscription_status": .string(word.rawValue)]
                return await bureau.ask("organizations.update", change, as: boss.token)
            }

            #expect(await set(word).data["subscription_status"] == .string(word.rawValue))

            let isOpen = word == .trial || word == .active
            let next = await bureau.collect(6, as: key.text)
            #expect(next.code == (isOpen ? nil : .organizationSuspended))
            #expect(isOpen || next.error?.message.contains(word.rawValue) == true)
            #expect(await bureau.ask("transactions.list", as: key.text).data.arrayValue?.count == (isOpen ? 2 : 1))
            // Reactivated, it goes on at once.
            #expect(await set(.active).code == nil)
            #expect(await bureau.collect(7, as: key.text).code == nil)
        }
    }
}

struct `An organization that registers` {
    private static let stall = Registration(
        name: "Stall",
        slug: "stall",
        username: "wanjiru",
        email: "wanjiru@stall.example",
        password: Secret("a good long sentence")
    )

    private func register(
        _ bureau: Bureau,
        _ policy: Registration.Policy,
        _ registration: Registration = stall
    ) async -> Result<Organization, GatewayError> {
        var settings = Reception.Settings()
        settings.policy = policy
        let desk = Reception(bureau.administration, failures: bureau.failures, settings: settings)
        let caller = LogIns.Caller(call: CallID(bureau.clock.entropy.identifier()), address: "192.0.2.3")
        do throws(GatewayError) { return .success(try await desk.register(registration, caller)) } catch {
            return .failure(error)
        }
    }

    @Test func `is let in at once, after approval or not at all, as the policy says`() async throws {
        try await Bureau.with { (bureau) async throws in
            let closed = await register(bureau, .closed)
            #expect(closed.error?.code == .permissionDenied)
            let made = try await register(bureau, .approval).get()
            #expect(made.awaitsApproval && made.subscription == .trial && made.subscriptionUntil != nil)
            let user = try #require(try await bureau.store.user(named: "wanjiru", organization: made.id))
            let person = try await bureau.logIn(user)
            let key: JSON = ["name": "till", "environment": "test", "role": "user"]
            let waiting = await bureau.ask("keys.create", key, as: person.token)
            #expect(waiting.code == .organizationSuspended)
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let approve: JSON = ["org_id": .string(made.id.description), "is_approved": true]
            #expect(await bureau.ask("organizations.update", approve, as: boss.token).data["awaits_approval"] == false)
            #expect(await bureau.ask("users.list", as: person.token).code == nil)
            #expect(await register(bureau, .open).error?.code == .conflict)
            #expect(try await bureau.audit(made).contains { $0.action == "ORGANIZATION_REGISTERED" })
        }
    }

    @Test func `takes no slug of the host's and no common password, and not too many come at once`() async throws {
        try await Bureau.with { (bureau) async throws in
            let host = Registration(name: "H", slug: "host", username: "w", email: "w@x", password: Self.stall.password)
            #expect(await register(bureau, .open, host).error?.code == .conflict)
            let weak = Registration(name: "S", slug: "s", username: "w", email: "w@x", password: Secret("password1234"))
            #expect(await register(bureau, .open, weak).error?.code == .invalidArgument)
            var codes: [GatewayError.Code?] = []
            for number in 0..<12 {
                let one = Registration(
                    name: "S",
                    slug: "s\(number)",
                    username: "w",
                    email: "w@x",
                    password: Self.stall.password
                )
                codes.append(await register(bureau, .open, one).error?.code)
            }
            #expect(codes.contains(nil) && codes.last == .rateLimited)
        }
    }
}

struct `Whoever registers` {
    private func register(_ desk: Reception, _ number: Int, email: String = "w@x", _ bureau: Bureau) async
        -> GatewayError.Code?
    {
        let one = Registration(
            name: "Stall",
            slug: "stall\(number)",
            username: "wanjiru",
            email: email,
            password: Secret("a good long sentence")
        )
        let caller = LogIns.Caller(call: CallID(bureau.clock.entropy.identifier()), address: "192.0.2.\(number)")
        do throws(GatewayError) {
            _ = try await desk.register(one, caller)
            return nil
        } catch { return error.code }
    }

    private func desk(_ bureau: Bureau, perHour: Int) -> Reception {
        var settings = Reception.Settings()
        settings.policy = .open
        settings.perHourMax = perHour
        return Reception(bureau.administration, failures: bureau.failures, settings: settings)
    }

    @Test func `and is refused leaves nothing behind, and may try again`() async throws {
        try await Bureau.with { (bureau) async throws in
            let desk = desk(bureau, perHour: 1)

            #expect(await register(desk, 1, email: "w\u{7}@x", bureau) == .invalidArgument)

            #expect(try await bureau.store.organization(slug: "stall1") == nil)
            #expect(await register(desk, 1, bureau) == nil)
            let made = try #require(try await bureau.store.organization(slug: "stall1"))
            #expect(try await bureau.store.user(named: "wanjiru", organization: made.id)?.role == .orgAdmin)
        }
    }

    @Test func `is one of so many in an hour, from whatever address`() async throws {
        try await Bureau.with { (bureau) async throws in
            let desk = desk(bureau, perHour: 3)
            for number in 1...3 { #expect(await register(desk, number, bureau) == nil) }

            #expect(await register(desk, 4, bureau) == .rateLimited)

            #expect(try await bureau.store.organization(slug: "stall4") == nil)
            bureau.clock.advance(.seconds(1200))
            #expect(await register(desk, 4, bureau) == nil)
        }
    }
}

extension Result where Failure == GatewayError {
    fileprivate var error: GatewayError? {
        if case .failure(let error) = self { error } else { nil }
    }
}
