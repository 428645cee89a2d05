import Gateway
import Synchronization
import Testing

/// What several tasks note down, in the order in which they do.
private final class Notes<Value: Sendable>: Sendable {
    private let notes = Mutex<[Value]>([])

    var all: [Value] { notes.withLock { $0 } }

    func add(_ value: Value) { notes.withLock { $0.append(value) } }
}

@Suite(.timeLimit(.minutes(15)))
struct `The dispatcher` {
    func account(_ number: UInt64, _ environment: Environment = .live) -> AccountID {
        AccountID(
            organization: OrganizationID(Identifier(high: 1, low: number)),
            environment: environment
        )
    }

    func dispatcher(
        places: Int,
        each: Int,
        wait: Duration = .seconds(60),
        line: Int = 100
    ) -> Dispatcher {
        var settings = Dispatcher.Settings()
        settings.placesMax = places
        settings.accountPlacesMax = each
        settings.waitMax = wait
        settings.accountWaitingMax = line
        return Dispatcher(settings: settings)
    }

    /// Lets others run until something holds.
    func eventually(_ isSo: () -> Bool) async {
        while !isSo() { await Task.yield() }
    }

    @Test func `gives a place at once while one is free, and takes it back once`() async throws {
        let dispatcher = dispatcher(places: 3, each: 2)
        let first = try await dispatcher.enter(account(1))
        let second = try await dispatcher.enter(account(1))
        #expect(dispatcher.enterIfFree(account(1)) == nil)
        #expect(dispatcher.counts.taken == 2)

        first.leave()
        first.leave()

        #expect(dispatcher.counts.taken == 1)
        #expect(dispatcher.enterIfFree(account(1)) != nil)
        second.leave()
    }

    @Test func `refuses what gets no place in time, or finds the line full`() async throws {
        let dispatcher = dispatcher(places: 1, each: 1, wait: .milliseconds(20), line: 1)
        let place = try await dispatcher.enter(account(1))
        let waiting = Task { try await dispatcher.enter(account(1)) }
        await eventually { dispatcher.counts.waiting == 1 }

        let full = await #expect(throws: GatewayError.self) { try await dispatcher.enter(account(1)) }
        #expect(full?.code == .upstreamUnavailable && full?.retryAfter != nil)
        let late = await #expect(throws: GatewayError.self) { try await waiting.value }
        #expect(late?.code == .upstreamUnavailable && late?.retryAfter != nil)
        #expect(dispatcher.counts == (1, 0))
        place.leave()
        #expect(dispatcher.counts == (0, 0))
    }

    @Test func `lets organizations take turns, however long the line of one`() async throws {
        let dispatcher = dispatcher(places: 1, each: 1)
        let order = Notes<UInt64>()
        let place = try await dispatcher.enter(account(9))
        await withTaskGroup(of: Void.self) { group in
            for (index, number) in [1, 1, 1, 1, 2, 3].enumerated() {
                group.addTask {
                    guard let place = try? await dispatcher.enter(account(UInt64(number))) else { return }
                    order.add(UInt64(number))
                    place.leave()
                }
                await eventually { dispatcher.counts.waiting == index + 1 }
            }
            place.leave()
        }

        #expect(order.all == [1, 2, 3, 1, 1, 1])
    }

    @Test func `lets the accounts of an organization take turns too`() async throws {
        let dispatcher = dispatcher(places: 1, each: 1)
        let order = Notes<Environment>()
        let place = try await dispatcher.enter(account(9))
        await withTaskGroup(of: Void.self) { group in
            for (index, environment) in [Environment.live, .live, .live, .test].enumerated() {
                group.addTask {
                    guard let place = try? await dispatcher.enter(account(1, environment)) else { return }
                    order.add(environment)
                    place.leave()
                }
                await eventually { dispatcher.counts.waiting == index + 1 }
            }
            place.leave()
        }

        #expect(order.all == [.live, .test, .live, .live])
    }

    @Test func `keeps places for those who have few, when others have taken most`() async throws {
        let dispatcher = dispatcher(places: 8, each: 8)
        var places: [Dispatcher.Place] = []
        while let place = dispatcher.enterIfFree(account(1)) { places.append(place) }
        #expect(places.count == 6)

        let other = try #require(dispatcher.enterIfFree(account(2)))
        #expect(dispatcher.enterIfFree(account(2)) != nil)
        other.leave()
    }

    @Test func `lets a cancelled caller go`() async throws {
        let dispatcher = dispatcher(places: 1, each: 1)
        let place = try await dispatcher.enter(account(1))
        let waiting = Task { try await dispatcher.enter(account(1)) }
        await eventually { dispatcher.counts.waiting == 1 }

        waiting.cancel()

        await #expect(throws: GatewayError.self) { try await waiting.value }
        #expect(dispatcher.counts == (1, 0))
        place.leave()
    }

    @Test func `loses no place among many who come, wait, give up and go`() async throws {
        let dispatcher = dispatcher(places: 5, each: 3, wait: .milliseconds(3))
        let taken = Notes<Int>()
        let served = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<600 {
                group.addTask {
                    guard let place = try? await dispatcher.enter(account(UInt64(number % 4))) else { return false }
                    taken.add(dispatcher.counts.taken)
                    await Task.yield()
                    place.leave()
                    return true
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }

        #expect(served > 0)
        #expect(taken.all.max() ?? 0 <= 5)
        #expect(dispatcher.counts == (0, 0))
    }
}
