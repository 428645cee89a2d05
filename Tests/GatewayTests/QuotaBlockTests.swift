import GatewayTesting
import Logging
import Synchronization
import Testing

@testable import Gateway

private let shop = OrganizationID(Identifier(high: 1, low: 1))

private func membership(_ limit: Int) -> DirectoryCache.Membership {
    DirectoryCache.Membership(
        organization: Organization(id: shop, slug: "shop", name: "Shop", plan: "p"),
        plan: Plan(
            name: "p",
            tools: [],
            organizationLimits: [:],
            principalLimits: [:],
            ceilings: Ceilings(quotas: ["read": limit])
        )
    )
}

private func makeQuotas(_ store: MemoryStore, _ time: ManualEntropy) -> Quotas {
    Quotas(repository: store, entropy: time.entropy, logger: .quiet)
}

/// How many of so many calls go through.
private func through(_ count: Int, _ quotas: Quotas, of limit: Int) async -> Int {
    await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<count {
            group.addTask { (try? await quotas.charge("read", cost: 1, membership(limit))) != nil }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
}

struct `A quota of reads` {
    @Test(arguments: [1, 2, 5, 16, 17, 100, 1_000, 5_000])
    func `lets through what the month has, exactly, however many call at once`(limit: Int) async throws {
        let (store, time) = (MemoryStore(), ManualEntropy())
        let quotas = makeQuotas(store, time)
        #expect(await through(limit + 50, quotas, of: limit) == limit)
        #expect(await through(10, quotas, of: limit) == 0)
        #expect(await through(10, makeQuotas(store, time), of: limit) == 0)
    }

    @Test func `is never let through twice by processes that are killed`() async throws {
        for calls in [1, 3, 16, 17, 40, 90] {
            let (store, time) = (MemoryStore(), ManualEntropy())
            var (all, processes) = (0, 0)
            while processes < 200 {
                // Each is gone without a word.
                let got = await through(calls, makeQuotas(store, time), of: 1_000)
                (all, processes) = (all + got, processes + 1)
                if got == 0 { break }
            }
            #expect(all <= 1_000 && all > 0)
        }
    }

    @Test func `loses no call where a process ends in order`() async throws {
        let (store, time) = (MemoryStore(), ManualEntropy())
        var all = 0
        for _ in 0..<40 {
            let quotas = makeQuotas(store, time)
            all += await through(30, quotas, of: 1_000)
            await quotas.giveBack(all: true)
        }
        #expect(all == 1_000)
    }

    @Test func `is told as it is used, and a block that nobody uses goes back`() async throws {
        let (store, time) = (MemoryStore(), ManualEntropy())
        let quotas = makeQuotas(store, time)
        let state = try await quotas.charge("read", cost: 3, membership(100))
        #expect(state?.used == 3)
        #expect(try await quotas.states(of: membership(100)).map(\.used) == [3])
        let place = QuotaPlace(organization: shop, counted: "read", month: Month(of: time.now))
        #expect(try await store.used(place) == 16)

        time.advance(.seconds(29))
        await quotas.giveBack()
        #expect(try await store.used(place) == 16)
        time.advance(.seconds(1))
        await quotas.giveBack()
        #expect(try await store.used(place) == 3)
        #expect(try await quotas.charge("read", cost: 1, membership(100))?.used == 4)
    }

    @Test func `is noted at 80 and at 100 per cent when it is used, and not before`() async throws {
        let (store, time) = (MemoryStore(), ManualEntropy())
        let quotas = makeQuotas(store, time)
        var noted: [Int] = []
        for used in 1...100 {
            _ = try await quotas.charge("read", cost: 1, membership(100))
            let lines = try await store.records(organization: shop, before: nil, limit: 10)
            if lines.count > noted.count { noted.append(used) }
        }
        #expect(noted == [80, 100])
    }

    @Test func `takes larger blocks the faster they are used, and costs no commit for each call`() async throws {
        let (disk, time) = (MemoryDisk(), ManualEntropy())
        let writes = Mutex(0)
        let way = MemoryStore.Way(before: { job in if job.isWrite { writes.withLock { $0 += 1 } } })
        let quotas = makeQuotas(MemoryStore(disk: disk, way: way), time)
        #expect(await through(20_000, quotas, of: 100_000) == 20_000)
        // 16, 64, 256, 1,024 and then as many.
        #expect(writes.withLock { $0 } <= 4 + 20)
    }

    @Test func `is refused while the store is away, and goes on when it is back`() async throws {
        let (disk, time) = (MemoryDisk(), ManualEntropy())
        let isAway = Mutex(true)
        let way = MemoryStore.Way(before: { _ throws(GatewayError) in
            if isAway.withLock({ $0 }) { throw GatewayError(.unavailable, "away") }
        })
        let quotas = makeQuotas(MemoryStore(disk: disk, way: way), time)
        let error = await #expect(throws: GatewayError.self) {
            try await quotas.charge("read", cost: 1, membership(100))
        }
        #expect(error?.code == .unavailable)
        isAway.withLock { $0 = false }
        #expect(try await quotas.charge("read", cost: 1, membership(100))?.used == 1)
        // What is in memory is used up without it.
        isAway.withLock { $0 = true }
        #expect(await through(50, quotas, of: 100) == 15)
    }

    @Test func `follows a plan that changes`() async throws {
        let (store, time) = (MemoryStore(), ManualEntropy())
        let quotas = makeQuotas(store, time)
        #expect(await through(10, quotas, of: 100) == 10)
        #expect(await through(10, quotas, of: 12) == 2)
        #expect(await through(10, quotas, of: 200) == 10)
        #expect(await through(1_000, quotas, of: 200) == 178)
    }

    @Test func `loses no unit where some are given back while others call`() async throws {
        let (disk, time, held) = (MemoryDisk(), ManualEntropy(), HeldJob("give back to a quota"))
        let quotas = makeQuotas(MemoryStore(disk: disk, way: held.way), time)
        // The last block ends before the month does: whoever takes one more finds the month all taken.
        #expect(await through(84, quotas, of: 100) == 84)

        let giving = Task { await quotas.giveBack(all: true) }
        await held.begun()
        let calling = Task { await through(1, quotas, of: 100) }
        for _ in 0..<1_000 { await Task.yield() }
        held.letGo()
        await giving.value

        #expect(await calling.value == 1)
        #expect(await through(200, quotas, of: 100) == 15)
    }

    @Test func `is refused to a call that is too large, and not to one that waited beside it`() async throws {
        let (disk, time, held) = (MemoryDisk(), ManualEntropy(), HeldJob("take of a quota"))
        let before = makeQuotas(MemoryStore(disk: disk), time)
        #expect(await through(95, before, of: 100) == 95)
        await before.giveBack(all: true)
        // The next process does not know yet how much is left.
        let quotas = makeQuotas(MemoryStore(disk: disk, way: held.way), time)

        let large = Task { (try? await quotas.charge("read", cost: 10, membership(100))) != nil }
        await held.begun()
        let small = Task { await through(1, quotas, of: 100) }
        for _ in 0..<1_000 { await Task.yield() }
        held.letGo()

        #expect(await large.value == false)
        #expect(await small.value == 1)
    }
}

/// A store whose first job of a name waits until it is let go.
private final class HeldJob: Sendable {
    private let name: String
    private let isOpen = Mutex(false)
    private let hasBegun = Mutex(false)

    init(_ name: String) { self.name = name }

    var way: MemoryStore.Way {
        MemoryStore.Way(before: { [self] job in
            guard job.name == name else { return }
            hasBegun.withLock { $0 = true }
            while !isOpen.withLock({ $0 }) { await Task.yield() }
        })
    }

    func begun() async { while !hasBegun.withLock({ $0 }) { await Task.yield() } }

    func letGo() { isOpen.withLock { $0 = true } }
}
