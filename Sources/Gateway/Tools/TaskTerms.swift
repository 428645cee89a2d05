/// How a function tool may go on after its reply: the draft member `x-task` of docs/abi.md, section 1.1.
package struct TaskTerms: Sendable, Hashable {
    /// The longest that any tool may ask for, all attempts together.
    package static let deadlineMax: Duration = .seconds(6 * 3600)

    /// How long it may take, all attempts together.
    package let deadline: Duration
    /// Whether it may be begun again where a host or a worker ended in between: it then does nothing twice that matters.
    package let mayBeginAgain: Bool

    /// States them.
    package init(deadline: Duration, mayBeginAgain: Bool) {
        self.deadline = deadline
        self.mayBeginAgain = mayBeginAgain
    }
}

extension Catalogue {
    /// Reads `x-task`, which function tools alone may have: what moves money is never a task of this kind.
    static func task(
        of reader: CatalogueReader,
        _ kind: ToolDescriptor.Kind
    ) throws(CatalogueError) -> TaskTerms? {
        guard let terms = try reader.optionalObject("x-task") else { return nil }
        guard kind == .function else { throw reader.fail("x-task", "none, in a tool that is no function") }
        let deadline = Duration.milliseconds(try terms.whole("deadline_ms", from: 1_000))
        guard deadline <= TaskTerms.deadlineMax else {
            throw terms.fail("deadline_ms", "at most \(TaskTerms.deadlineMax.wholeMilliseconds)")
        }
        return TaskTerms(deadline: deadline, mayBeginAgain: try terms.flag("again", default: false))
    }
}
