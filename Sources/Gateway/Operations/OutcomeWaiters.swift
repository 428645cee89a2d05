import Synchronization

/// Callers who wait for a record to end.
///
/// Waking is a courtesy: whoever is woken, or gives up, reads the record again.
final class OutcomeWaiters: Sendable {
    private enum Slot {
        case registered
        case parked(CheckedContinuation<Void, Never>)
        case woken
    }

    private struct Waiting {
        var next: UInt64 = 0
        var count = 0
        var slots: [RecordID: [UInt64: Slot]] = [:]

        /// Wakes one slot; answers the continuation to resume outside the lock.
        mutating func wake(_ record: RecordID, _ ticket: UInt64) -> CheckedContinuation<Void, Never>? {
            guard let slot = slots[record]?[ticket] else { return nil }
            slots[record]?[ticket] = .woken
            if case .parked(let continuation) = slot { return continuation }
            return nil
        }
    }

    private let waiting = Mutex(Waiting())
    private let waitersMax: Int
    private let toldEvery: Duration
    private let sleep: Sleep

    /// At most `waitersMax` callers wait at once; whoever comes later does not wait.
    ///
    /// Whoever wants to hear of it is told every `toldEvery` for how long it has waited.
    init(waitersMax: Int = 10_000, toldEvery: Duration = .seconds(5), sleep: Sleep = .real) {
        self.waitersMax = waitersMax
        self.toldEvery = toldEvery
        self.sleep = sleep
    }

    /// Waits until the record ends, at most for `duration`.
    ///
    /// `hasEnded` is asked once the wait has been registered, so that an end between the caller's last look and now is
    /// not missed. `isOver` is asked while it lasts: whether whoever waits may do so no longer. `tell` hears while it
    /// lasts for how long it has lasted.
    func wait(
        for record: RecordID,
        atMost duration: Duration,
        unless isOver: @escaping @Sendable () async -> Bool = { false },
        telling tell: (@Sendable (Duration) -> Void)? = nil,
        hasEnded: @escaping @Sendable () async -> Bool
    ) async {
        guard let ticket = register(record) else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.park(record, ticket) }
            group.addTask {
                if await hasEnded() { return }
                // A cancelled sleep means that the caller has gone, which ends the wait as well.
                do { try await self.sleep(for: duration) } catch { return }
            }
            if duration > LoadedPlugin.askedEvery {
                group.addTask {
                    repeat {
                        do { try await self.sleep(for: LoadedPlugin.askedEvery) } catch { return }
                    } while await !isOver()
                }
            }
            if let tell { group.addTask { await self.count(tell) } }
            await group.next()
            waiting.withLock { $0.wake(record, ticket) }?.resume()
            group.cancelAll()
        }
        forget(record, ticket)
    }

    /// Tells how long it has been, until it is cancelled: the wait ends by itself.
    private func count(_ tell: @Sendable (Duration) -> Void) async {
        var waited = Duration.zero
        while true {
            tell(waited)
            do { try await sleep(for: toldEvery) } catch { return }
            waited += toldEvery
        }
    }

    /// Wakes everyone who waits for the record.
    func announce(_ record: RecordID) {
        let woken = waiting.withLock { waiting in
            (waiting.slots[record] ?? [:]).keys.sorted().compactMap { waiting.wake(record, $0) }
        }
        for continuation in woken { continuation.resume() }
    }

    private func register(_ record: RecordID) -> UInt64? {
        waiting.withLock { waiting in
            guard waiting.count < waitersMax else { return nil }
            waiting.count += 1
            waiting.next += 1
            waiting.slots[record, default: [:]][waiting.next] = .registered
            return waiting.next
        }
    }

    private func park(_ record: RecordID, _ ticket: UInt64) async {
        await withCheckedContinuation { continuation in
            let parks = waiting.withLock { waiting in
                guard case .registered = waiting.slots[record]?[ticket] else { return false }
                waiting.slots[record]?[ticket] = .parked(continuation)
                return true
            }
            if !parks { continuation.resume() }
        }
    }

    private func forget(_ record: RecordID, _ ticket: UInt64) {
        waiting.withLock { waiting in
            waiting.count -= 1
            waiting.slots[record]?[ticket] = nil
            if waiting.slots[record]?.isEmpty == true { waiting.slots[record] = nil }
        }
    }
}
