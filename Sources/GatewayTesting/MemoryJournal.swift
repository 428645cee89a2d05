import Gateway
import Synchronization

/// Answers that wait for the store, on a disk that outlives its host.
package final class MemoryJournal: AnswerJournal {
    private let kept = Mutex<[ReceivedCallback]>([])

    /// An empty one.
    package init() {}

    package func keep(_ answer: ReceivedCallback) async -> Bool {
        kept.withLock { kept in
            if !kept.contains(where: { $0.id == answer.id }) { kept.append(answer) }
        }
        return true
    }

    package func entries() async -> [ReceivedCallback] { kept.withLock { $0 } }
    package func remove(_ id: CallbackID) async { kept.withLock { $0.removeAll { $0.id == id } } }
}
