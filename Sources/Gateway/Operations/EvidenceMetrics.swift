import Synchronization

/// Counts what M-Pesa said by where it came from and what it proved: much that proves nothing is a sign that something
/// stands between, or that M-Pesa has begun to say what no table has.
///
/// Labels come from closed sets: callbacks count as one source.
package final class EvidenceMetrics: Sendable {
    /// What is counted by.
    package struct Labels: Sendable, Hashable {
        /// `reply`, `callback`, `query` or `statement`.
        package let source: String
        /// The verdict.
        package let verdict: String
    }

    private let counts = Mutex<[Labels: Int]>([:])

    /// Starts at nothing.
    package init() {}

    /// Counts a step that evidence led to.
    func count(_ event: RecordEvent) {
        guard let verdict = event.verdict else { return }
        let source = event.source.hasPrefix("callback") ? "callback" : event.source
        counts.withLock { $0[Labels(source: source, verdict: verdict), default: 0] += 1 }
    }

    /// Every count so far.
    package var all: [Labels: Int] { counts.withLock { $0 } }
}
