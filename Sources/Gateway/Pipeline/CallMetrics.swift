import Synchronization

/// Counts calls by door, tool and result.
///
/// Labels come from closed sets: never an id, a name or a phone number.
package final class CallMetrics: Sendable {
    /// What a call is counted by.
    package struct Labels: Sendable, Hashable {
        /// The door.
        package let door: String
        /// The tool, or `-` when it was not found.
        package let tool: String
        /// `ok`, or the error's code.
        package let result: String
    }

    private let counts = Mutex<[Labels: Int]>([:])

    /// Starts at nothing.
    package init() {}

    /// Counts one call.
    package func count(door: Door, tool: ToolDescriptor?, error: GatewayError?) {
        let labels = Labels(door: door.rawValue, tool: tool?.name ?? "-", result: error?.code.rawValue ?? "ok")
        counts.withLock { $0[labels, default: 0] += 1 }
    }

    /// Every count so far.
    package var all: [Labels: Int] { counts.withLock { $0 } }
}
