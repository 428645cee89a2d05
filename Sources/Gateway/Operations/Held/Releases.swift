import Logging
import Synchronization

/// Sends what was let go, and withdraws what nobody let go in time.
///
/// Each takes its place among those that may send before anything is looked at, so that what waits in the store delays
/// nobody who waits at a door, and one account's backlog no other's. The store says what is due: a process that ends here
/// leaves it to the next.
package final class Releases: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How often it looks for what is due, besides being called.
        ///
        /// Default 1 s.
        package var every: Duration = .seconds(1)
        /// How soon it looks again for more when some had to stay behind.
        ///
        /// Default 50 ms.
        package var again: Duration = .milliseconds(50)
        /// How many records it reads at a time.
        ///
        /// Default 200.
        package var batchMax = 200
        /// How many it has in hand at once.
        ///
        /// Default 64.
        package var inHandMax = 64
        /// How long what cannot leave now is put off.
        ///
        /// Default 5 s.
        package var putOff: Duration = .seconds(5)

        /// The defaults.
        package init() {}
    }

    private let due: any DueRepository
    private let calls: HeldCalls
    private let sender: Sender
    private let settlement: Settlement
    private let entropy: Entropy
    private let logger: Logger
    private let settings: Settings
    private let bell = Bell<Void>()
    private let isCalled = Atomic(false)

    init(
        due: any DueRepository,
        calls: HeldCalls,
        sender: Sender,
        settlement: Settlement,
        entropy: Entropy,
        logger: Logger,
        settings: Settings
    ) {
        self.due = due
        self.calls = calls
        self.sender = sender
        self.settlement = settlement
        self.entropy = entropy
        self.logger = logger
        self.settings = settings
    }

    /// Something was let go.
    func call() {
        isCalled.store(true, ordering: .sequentiallyConsistent)
        bell.ring()
    }

    private func takeCall() -> Bool { isCalled.exchange(false, ordering: .sequentiallyConsistent) }

    /// Sends until cancelled; what is under way is finished.
    package func run() async {
        let hand = SweptRecords()
        let (signals, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        bell.call { signal.yield() }
        await withDiscardingTaskGroup { group in
            group.addTask {
                while !Task.isCancelled {
                    signal.yield()
                    // Only cancellation ends the sleep early, and the loop's condition sees it.
                    try? await self.entropy.sleep(for: self.settings.every)
                }
                signal.finish()
            }
            var lookedAt: Uptime?
            for await _ in signals {
                let isTime = lookedAt.map { entropy.uptime() - $0 >= settings.every } ?? true
                let isCalled = takeCall()
                guard isTime || isCalled || hand.hasLeftSome else { continue }
                for visit in await take(hand) {
                    group.addTask {
                        await self.visit(visit)
                        hand.remove(visit.record.id)
                        signal.yield()
                    }
                }
                lookedAt = entropy.uptime()
                if hand.hasLeftSome { try? await entropy.sleep(for: settings.again) }
            }
        }
    }

    /// Does what is due now, each once, and waits until all is done.
    package func sendDue() async {
        let hand = SweptRecords()
        await withTaskGroup(of: Void.self) { group in
            repeat {
                for visit in await take(hand) { group.addTask { await self.visit(visit) } }
            } while await group.next() != nil
        }
    }

    private func take(_ hand: SweptRecords) async -> [SweptRecords.Visit] {
        let (visits, failure) = await hand.take(
            from: sender.dispatcher,
            batchMax: settings.batchMax,
            inHandMax: settings.inHandMax
        ) { limit, full throws(GatewayError) in
            try await due.dueHeld(at: entropy.now(), limit: limit, except: full)
        }
        if let failure {
            logger.warning("what was released could not be read", metadata: ["reason": "\(failure.message)"])
        }
        return visits
    }

    private func visit(_ visit: SweptRecords.Visit) async {
        let record = visit.record
        defer { visit.place.leave() }
        do throws(GatewayError) {
            let looked = try await look(at: record, from: visit.place)
            // What it gives back has been changed meanwhile: it is looked at again, at once.
            if case .stale? = looked.refusal { return call() }
            guard looked.record.version == record.version else { return }
        } catch {
            logger.warning(
                "what was released could not leave now",
                metadata: ["record": "\(record.id)", "code": "\(error.code.rawValue)", "reason": "\(error.message)"]
            )
        }
        await putOff(record)
    }

    /// Does what a record's time has come for; answers the record as it stands afterwards.
    private func look(
        at record: Record,
        from place: Dispatcher.Place
    ) async throws(GatewayError) -> Settlement.Settled {
        let looked = try await settlement.settle(record) { _ in .timePassed }
        guard looked.record.state == .released else { return looked }
        // It is known first whether a sending that never left was written.
        if settlement.mayBeBegun(record), settlement.whyUnsent(record) == nil { return looked }
        return try await send(looked.record, from: place)
    }

    private func send(
        _ record: Record,
        from place: Dispatcher.Place
    ) async throws(GatewayError) -> Settlement.Settled {
        do throws(HeldCalls.Obstacle) {
            return try await calls.ready(record) { ready throws(GatewayError) in
                let (now, membership) = (entropy.now(), ready.work.membership)
                let limits = try membership.organization.approvals.claims(
                    ofWaiting: record,
                    by: ready.work.principal,
                    within: membership.ceilings,
                    at: now
                )
                let prepared = try await sender.makeReady(ready.planned.record, kind: ready.kind)
                let settled = try await sender.send(
                    released: record,
                    prepared,
                    from: place,
                    within: ready.kind.sendWithin,
                    claiming: ready.planned.claims(at: now, guarding: true, limits),
                    of: ready.planned.original
                )
                if let refusal = settled.refusal {
                    _ = try calls.operations.earlierRecord(refusal, ready.planned.plan, ready.work)
                }
                return settled
            }
        } catch {
            switch error {
            case .notNow(let error): throw error
            case .never(let reason):
                return try await settlement.settle(record) { current in
                    current.version == record.version ? .withdrawn(.obsolete, by: "host", because: reason) : nil
                }
            }
        }
    }

    /// A visit that led nowhere: others come first.
    private func putOff(_ record: Record) async {
        do { try await due.postpone(record, until: entropy.now() + settings.putOff) } catch {
            logger.warning("what was released could not be put off", metadata: ["reason": "\(error.message)"])
            // It is due still: nobody comes back to it at once.
            try? await entropy.sleep(for: settings.every)
        }
    }
}
