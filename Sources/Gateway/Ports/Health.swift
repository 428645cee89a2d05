import Synchronization

/// What keeps this process from serving as it should, by name: what readiness shows, and what operators must act on.
///
/// A part says what is wrong with it when that begins, and takes it back when it ends; nothing is asked of it meanwhile.
package final class Health: Sendable {
    /// What a reason means for whoever sends calls here.
    package enum Severity: String, Sendable {
        /// Calls are served; a part is not what it should be.
        case degraded
        /// No calls should come here.
        case notReady = "not_ready"
    }

    /// Something that is wrong.
    package struct Reason: Sendable, Equatable {
        /// The part, such as `store` or `plugin stk-push`.
        package let name: String
        /// What it means for calls.
        package let severity: Severity
        /// A sentence for operators: what is wrong, and what to do.
        package let sentence: String
    }

    private let current = Mutex<[String: Reason]>([:])

    /// Nothing is wrong.
    package init() {}

    /// Says that something is wrong with a part, in place of what was said of it before.
    package func report(_ name: String, _ severity: Severity, _ sentence: String) {
        current.withLock { $0[name] = Reason(name: name, severity: severity, sentence: sentence) }
    }

    /// Says that nothing is wrong with a part any more.
    package func clear(_ name: String) { current.withLock { $0[name] = nil } }

    /// All that is wrong, by name.
    package var reasons: [Reason] { current.withLock { $0.values.sorted { $0.name < $1.name } } }

    /// Whether calls should come here.
    package var isReady: Bool { reasons.allSatisfy { $0.severity != .notReady } }
}
