import Synchronization

/// Counts calls by door, tool and result.
///
/// Labels come from closed sets: never an id, a name or a phone number.
package final class CallMetrics: Sendable {
    /// What a call is counted by.
    package struct Labels: Sendable, Hashable {
        /// The door.
        package let door: String
        /// The tool or the host's action, or `-` when it was not found.
        package let tool: String
        /// `ok`, or the error's code.
        package let result: String
    }

    private let counts = Mutex<[Labels: Int]>([:])

    /// Starts at nothing.
    package init() {}

    /// Counts one call.
    package func count(door: Door, what name: String?, error: GatewayError?) {
        let labels = Labels(door: door.rawValue, tool: name ?? "-", result: error?.code.rawValue ?? "ok")
        counts.withLock { $0[labels, default: 0] += 1 }
    }

    /// Every count so far.
    package var all: [Labels: Int] { counts.withLock { $0 } }
}
