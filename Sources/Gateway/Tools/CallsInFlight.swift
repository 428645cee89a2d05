import Synchronization

/// How many calls a generation is working on, and how its calls have ended: what draining waits for and rolling back
/// is decided by.
package final class CallsInFlight: Sendable {
    /// Set beside the count once no call may begin any more, so that both change in one step.
    private static let closed = 1 << 62

    private let current = Atomic<Int>(0)
    private let ended = Atomic<Int>(0)
    private let failed = Atomic<Int>(0)
    private let malformed = Atomic<Int>(0)
    private let tools: [ToolCount]

    /// How the calls of one tool have ended.
    private final class ToolCount: Sendable {
        let ended = Atomic<Int>(0)
        let failed = Atomic<Int>(0)
    }

    init(tools: Int) { self.tools = (0..<tools).map { _ in ToolCount() } }

    /// Calls under way.
    package var count: Int { current.load(ordering: .acquiring) & ~Self.closed }
    /// Calls that have ended.
    package var endedCount: Int { ended.load(ordering: .relaxed) }
    /// Those of them in which the plugin itself failed.
    package var failedCount: Int { failed.load(ordering: .relaxed) }

    /// How many calls of each tool have ended, and in how many the plugin failed; in the catalogue's order.
    package var toolCounts: [(ended: Int, failed: Int)] {
        tools.map { ($0.ended.load(ordering: .relaxed), $0.failed.load(ordering: .relaxed)) }
    }
    /// Answers of operation functions that were not of their form, and questions of tools that do not say that they ask,
    /// which count as crashes do (rule P2).
    package var malformedCount: Int { malformed.load(ordering: .relaxed) }

    /// Counts such an answer.
    package func countMalformed() { malformed.add(1, ordering: .relaxed) }

    /// Counts a call in; false when the generation takes no more, and the caller must look for the one after it.
    package func begin() -> Bool {
        let (_, now) = current.add(1, ordering: .acquiringAndReleasing)
        guard now & Self.closed != 0 else { return true }
        current.subtract(1, ordering: .releasing)
        return false
    }

    /// Counts it out; `tool` is whose call it was, where it was a tool's.
    package func end(hasFailed: Bool, tool: Int? = nil) {
        current.subtract(1, ordering: .releasing)
        ended.add(1, ordering: .relaxed)
        if hasFailed { failed.add(1, ordering: .relaxed) }
        guard let tool, tools.indices.contains(tool) else { return }
        tools[tool].ended.add(1, ordering: .relaxed)
        if hasFailed { tools[tool].failed.add(1, ordering: .relaxed) }
    }

    /// From now on no call begins; those under way go on.
    package func close() { _ = current.bitwiseOr(Self.closed, ordering: .acquiringAndReleasing) }
}
