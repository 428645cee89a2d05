import Synchronization

/// What M-Pesa said while the store was away: in the journal, until the inbox has it.
///
/// Of one record only so many callbacks are kept there; what the host itself keeps of answers is not counted.
final class CallbacksAside: Sendable {
    private struct State {
        /// How many callbacks of a record are in the journal; as many records at most as the journal has room for.
        var counts: [RecordID: Int] = [:]
        /// What the store did not take: tried again after all others, so that nothing waits behind it for ever.
        var refused: Set<CallbackID> = []
    }

    private let journal: any AnswerJournal
    private let callbacks: any CallbackRepository
    private let eachMax: Int
    private let state = Mutex(State())

    init(journal: any AnswerJournal, callbacks: any CallbackRepository, eachMax: Int) {
        self.journal = journal
        self.callbacks = callbacks
        self.eachMax = eachMax
    }

    /// Keeps a callback that the store could not take; false when there is no room, or no disk.
    func keep(_ callback: ReceivedCallback) async -> Bool {
        let hasRoom = state.withLock { state in
            guard state.counts[callback.record, default: 0] < eachMax else { return false }
            state.counts[callback.record, default: 0] += 1
            return true
        }
        guard hasRoom else { return false }
        guard await journal.keep(callback) else {
            uncount(callback)
            return false
        }
        return true
    }

    /// Takes into the inbox what could not be committed when it came.
    ///
    /// Ends at the first that the store does not take: it may be away still. That one waits behind the others from then
    /// on, in case it is what the store will never take.
    func replay(at now: Timestamp) async {
        let kept = await journal.entries()
        let refused = state.withLock { state in
            state.refused.formIntersection(kept.map(\.id))
            return state.refused
        }
        for callback in kept.filter({ !refused.contains($0.id) }) + kept.filter({ refused.contains($0.id) }) {
            guard (try? await callbacks.receive(callback.received(by: now))) != nil else {
                return state.withLock { _ = $0.refused.insert(callback.id) }
            }
            await journal.remove(callback.id)
            uncount(callback)
        }
    }

    private func uncount(_ callback: ReceivedCallback) {
        guard callback.sending == nil else { return }
        state.withLock { state in
            guard let count = state.counts[callback.record] else { return }
            state.counts[callback.record] = count > 1 ? count - 1 : nil
        }
    }
}
