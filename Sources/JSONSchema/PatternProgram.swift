/// A pattern's part as a machine with a fixed number of states.
///
/// All ways to match are followed at once, so a text costs at most its length times the number of states, whatever the
/// text (K. Thompson, 1968).
struct PatternProgram: Sendable {
    enum Step: Sendable {
        case characters(Int)
        case fork(Int, Int)
        case assertion(PatternAssertion)
        case accept
    }

    private(set) var steps: [Step] = []
    private(set) var classes: [CharacterClass] = []
    private let statesMax: Int

    /// Compiles a part, to be read from its end where `isReversed`.
    init(_ node: PatternNode, isReversed: Bool, statesMax: Int) throws(SchemaError) {
        self.statesMax = statesMax
        try add(isReversed ? node.reversed : node)
        try append(.accept)
    }

    /// Whether it can only match at the very beginning.
    var isAnchored: Bool {
        if case .assertion(.begin) = steps.first { return true }
        return false
    }

    private mutating func append(_ step: Step) throws(SchemaError) {
        guard steps.count < statesMax else {
            throw SchemaError(pointer: "", reason: "a pattern that is too large once its repetitions are written out")
        }
        steps.append(step)
    }

    private mutating func add(_ node: PatternNode) throws(SchemaError) {
        switch node {
        case .empty: break
        case .characters(let set):
            classes.append(set)
            try append(.characters(classes.count - 1))
        case .assertion(let assertion): try append(.assertion(assertion))
        case .sequence(let nodes): for node in nodes { try add(node) }
        case .choice(let branches): try add(branches)
        case .repeated(let node, let least, let most):
            for _ in 0..<least { try add(node) }
            guard let most else { return try addLoop(node) }
            for _ in least..<max(least, most) { try addOptional(node) }
        }
    }

    /// Each branch but the last ends with a fork of one way to behind them all.
    private mutating func add(_ branches: [PatternNode]) throws(SchemaError) {
        var ends: [Int] = []
        for (index, branch) in branches.enumerated() {
            guard index < branches.count - 1 else {
                try add(branch)
                break
            }
            let fork = steps.count
            try append(.fork(0, 0))
            try add(branch)
            ends.append(steps.count)
            try append(.fork(0, 0))
            steps[fork] = .fork(fork + 1, steps.count)
        }
        for end in ends { steps[end] = .fork(steps.count, steps.count) }
    }

    private mutating func addLoop(_ node: PatternNode) throws(SchemaError) {
        let fork = steps.count
        try append(.fork(0, 0))
        try add(node)
        try append(.fork(fork, fork))
        steps[fork] = .fork(fork + 1, steps.count)
    }

    private mutating func addOptional(_ node: PatternNode) throws(SchemaError) {
        let fork = steps.count
        try append(.fork(0, 0))
        try add(node)
        steps[fork] = .fork(fork + 1, steps.count)
    }
}

extension PatternNode {
    /// The same texts, read from their ends; what must hold between characters stays as it is.
    fileprivate var reversed: PatternNode {
        switch self {
        case .empty, .characters, .assertion: self
        case .sequence(let nodes): .sequence(nodes.reversed().map(\.reversed))
        case .choice(let branches): .choice(branches.map(\.reversed))
        case .repeated(let node, let least, let most): .repeated(node.reversed, least: least, most: most)
        }
    }
}
