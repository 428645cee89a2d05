import Gateway
import GatewayTesting
import Store
import Synchronization
import Testing

struct `What is known of the configuration` {
    @Test func `costs a call of any of many organizations no SQL, for as long as nothing changes`() async throws {
        let statements = StatementCounts()
        var settings = StoreSettings()
        settings.statements = statements
        try await House.with(settings: settings) { (house) async throws in
            var keys: [APIKeyText] = []
            for number in 0..<40 { keys.append(try await house.neighbour("shop-\(number)")) }
            for key in keys { try await house.pass(key) }
            _ = statements.take()

            for _ in 0..<20 {
                house.clock.advance(.milliseconds(900))
                try await house.gateway.configuration.look()
                #expect(statements.take().values.reduce(0, +) == 1)
                for key in keys { try await house.pass(key) }
                #expect(statements.take().isEmpty)
            }
        }
    }

    @Test func `is read again for the organization that was changed, and for no other`() async throws {
        let statements = StatementCounts()
        var settings = StoreSettings()
        settings.statements = statements
        try await House.with(settings: settings) { (house) async throws in
            let (first, second) = (try await house.neighbour("first"), try await house.neighbour("second"))
            for key in [first, second] { try await house.pass(key) }

            _ = try await house.store.change(first.organization) { $0.name = "Other" }
            house.gateway.directory.forget()
            _ = statements.take()

            try await house.pass(second)
            #expect(statements.take().values.reduce(0, +) == 1)
            try await house.pass(first)
            #expect(statements.take().values.reduce(0, +) == 2)
        }
    }

    @Test func `is remembered where there is nothing, and the first account is used once it is there`() async throws {
        let statements = StatementCounts()
        var settings = StoreSettings()
        settings.statements = statements
        try await House.with(settings: settings) { (house) async throws in
            let organization = try await house.neighbour().organization
            let directory = house.gateway.directory
            #expect(try await directory.accounts(of: organization, in: .live).accounts.isEmpty)
            _ = statements.take()

            #expect(try await directory.accounts(of: organization, in: .live).accounts.isEmpty)
            #expect(statements.take().isEmpty)

            try await house.store.save(
                Profile(environment: .live, shortCode: "174379", shortCodeType: "paybill", organizationName: "O"),
                organization: organization
            )
            house.clock.advance(.seconds(1))
            #expect(try await directory.accounts(of: organization, in: .live).accounts.count == 1)
        }
    }

    @Test func `follows a plan for all who are on it, and what another process changes within a second`() async throws {
        try await House.with { (house) async throws in
            let key = try await house.neighbour()
            try await house.pass(key)
            let now = house.clock.now

            _ = try await house.store.change(key.organization) { $0.subscription = .suspended }
            house.clock.advance(.seconds(1))
            #expect(await house.refusal(key) == .organizationSuspended)
            _ = try await house.store.change(key.organization) { $0.subscription = .active }
            _ = try await house.store.change(key.id, organization: key.organization) { $0.revokedAt = now }
            house.clock.advance(.seconds(1))
            #expect(await house.refusal(key) == .unauthenticated)

            try await house.pass(house.key)
            try await house.store.save(Plan(name: "all", tools: [], organizationLimits: [:], principalLimits: [:]))
            house.clock.advance(.seconds(1))
            let membership = try await house.gateway.directory.membership(of: house.organization)
            #expect(membership.plan.tools.isEmpty)
        }
    }

    @Test func `ends for a key and for a trial at their moment, though nothing was changed`() async throws {
        try await House.with { (house) async throws in
            let key = try await house.neighbour()
            let now = house.clock.now
            _ = try await house.store.change(key.id, organization: key.organization) { key in
                key.expiresAt = now + .milliseconds(300)
            }
            house.gateway.authenticate.forget()
            try await house.pass(key)
            house.clock.advance(.milliseconds(299))
            try await house.pass(key)
            house.clock.advance(.milliseconds(2))
            #expect(await house.refusal(key) == .unauthenticated)

            let then = house.clock.now
            _ = try await house.store.change(house.organization) { organization in
                organization.subscription = .trial
                organization.subscriptionUntil = then + .milliseconds(300)
                organization.graceDays = 0
            }
            house.gateway.directory.forget()
            try await house.pass(house.key)
            house.clock.advance(.milliseconds(302))
            #expect(await house.refusal(house.key) == .organizationSuspended)
        }
    }

    @Test func `is believed for a second once the store no longer answers, and not longer`() async throws {
        let isAway = Atomic(false)
        let clock = ManualEntropy()
        let disk = MemoryDisk()
        let store = MemoryStore(
            disk: disk,
            way: MemoryStore.Way(before: { _ throws(GatewayError) in
                if isAway.load(ordering: .relaxed) { throw GatewayError(.unavailable, "away") }
            })
        )
        let watch = ConfigurationWatch(directory: store, entropy: clock.entropy)
        let cache = ConfiguredCache<Int, String>(watch)
        #expect(try await cache.value(for: 1) == nil)
        cache.set("known", for: 1, of: nil, since: cache.stamp)

        isAway.store(true, ordering: .relaxed)
        clock.advance(.milliseconds(999))
        #expect(try await cache.value(for: 1) == "known")
        clock.advance(.milliseconds(1))
        await #expect(throws: GatewayError.self) { _ = try await cache.value(for: 1) }
        isAway.store(false, ordering: .relaxed)
        #expect(try await cache.value(for: 1) == "known")
    }

    @Test func `that was being read while it was changed is read again`() async throws {
        let store = MemoryStore()
        let watch = ConfigurationWatch(directory: store, entropy: ManualEntropy().entropy)
        let cache = ConfiguredCache<Int, String>(watch)
        #expect(try await cache.value(for: 1) == nil)

        let stamp = cache.stamp
        try await store.save(Plan(name: "p", tools: [], organizationLimits: [:], principalLimits: [:]))
        watch.forget()
        try await watch.look()
        cache.set("as it was", for: 1, of: nil, since: stamp)
        #expect(try await cache.value(for: 1) == nil)
        cache.set("as it is", for: 1, of: nil, since: cache.stamp)
        #expect(try await cache.value(for: 1) == "as it is")
    }

    @Test func `stays for as many organizations as are set, those used last, and at most twice as many`() async throws {
        let clock = ManualEntropy()
        var settings = ConfigurationWatch.Settings()
        #expect(settings.organizationsMax == 10_000)
        settings.organizationsMax = 100
        let watch = ConfigurationWatch(directory: MemoryStore(), entropy: clock.entropy, settings: settings)
        let cache = ConfiguredCache<Int, Int>(watch)

        for number in 0..<1_000 {
            #expect(try await cache.value(for: 0) == (number == 0 ? nil : 0))
            cache.set(number, for: number, of: nil, since: cache.stamp)
        }

        for number in 901..<1_000 { #expect(try await cache.value(for: number) == number) }
        var kept = 0
        for number in 0..<1_000 where try await cache.value(for: number) != nil { kept += 1 }
        #expect(kept <= 200)
    }

    @Test func `is heard of by a process that was told of nothing for long, page by page`() async throws {
        let store = MemoryStore()
        let clock = ManualEntropy()
        var settings = ConfigurationWatch.Settings()
        settings.changesMax = 3
        let watch = ConfigurationWatch(directory: store, entropy: clock.entropy, settings: settings)
        let cache = ConfiguredCache<OrganizationID, Int>(watch)
        let ids = (0..<10).map { _ in OrganizationID(clock.entropy.identifier()) }
        try await store.save(Plan(name: "p", tools: [], organizationLimits: [:], principalLimits: [:]))
        try await watch.look()
        for id in ids { cache.set(1, for: id, of: id, since: cache.stamp) }

        for (number, id) in ids.enumerated().dropLast() {
            try await store.save(Organization(id: id, slug: "s\(number)", name: "S", plan: "p"))
        }
        clock.advance(.seconds(3_600))

        for id in ids.dropLast() { #expect(try await cache.value(for: id) == nil) }
        #expect(try await cache.value(for: ids[9]) == 1)
    }
}

extension House {
    /// Passes the stages that every call passes before its work.
    fileprivate func pass(_ key: APIKeyText) async throws(GatewayError) {
        let call = ActionCall(
            id: CallID(clock.entropy.identifier()),
            door: .rest,
            credential: .token(key.text),
            environment: nil,
            address: "192.0.2.1",
            arguments: .success([:])
        )
        try await pipeline.perform(.discover, call) { _, _ in }
    }

    /// Why a key may not call.
    fileprivate func refusal(_ key: APIKeyText) async -> GatewayError.Code? {
        do throws(GatewayError) {
            try await pass(key)
            return nil
        } catch { return error.code }
    }
}
