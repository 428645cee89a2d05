/// A regular expression of ECMA-262 whose cost grows with the text and no faster.
///
/// It knows all of the syntax but references back to groups, which no such machine can match.
final class Pattern: Sendable {
    let text: String
    private let program: PatternProgram
    private let looks: [(PatternLook, PatternProgram)]
    private let stepsMax: Int
    /// How many states it takes.
    var stateCount: Int { looks.reduce(program.steps.count) { $0 + $1.1.steps.count } }

    /// Compiles a pattern.
    ///
    /// - Throws: `SchemaError` for what is no pattern, or too large, or refers back to a group.
    init(_ text: String, limits: SchemaLimits) throws(SchemaError) {
        guard text.utf8.count <= limits.patternBytesMax else {
            throw SchemaError(pointer: "", reason: "a pattern longer than \(limits.patternBytesMax) bytes")
        }
        var parser = PatternParser(text)
        let node = try parser.parse()
        var looks: [(PatternLook, PatternProgram)] = []
        for look in parser.looks {
            let program = try PatternProgram(
                look.node,
                isReversed: !look.isBehind,
                statesMax: limits.patternStatesMax
            )
            looks.append((look, program))
        }
        program = try PatternProgram(node, isReversed: false, statesMax: limits.patternStatesMax)
        self.text = text
        self.looks = looks
        stepsMax = limits.patternStepsMax
    }

    /// Whether the pattern occurs in the text.
    ///
    /// False, too, when finding out would cost too much.
    func matches(_ subject: String) -> Bool {
        var run = PatternRun(subject, stepsMax: stepsMax)
        for (look, program) in looks {
            guard run.add(look, program) else { return false }
        }
        return run.finds(program)
    }
}
