/// One match of a text.
struct PatternRun {
    private let text: [UInt32]
    private var stepsLeft: Int
    /// For each look, whether it holds before each character and at the end.
    private var looks: [[Bool]] = []

    init(_ text: String, stepsMax: Int) {
        self.text = text.unicodeScalars.map(\.value)
        stepsLeft = stepsMax
    }

    /// Works out where a look holds, all inner ones having been worked out; false when that costs too much.
    mutating func add(_ look: PatternLook, _ program: PatternProgram) -> Bool {
        var holds = [Bool](repeating: look.isNegative, count: text.count + 1)
        // Read towards the look's own place: what stands ahead from the end of the text, what stands behind from its
        // beginning. So one pass tells it for every place.
        let isWhole = pass(program, isBackward: !look.isBehind) { place in
            holds[place] = !look.isNegative
            return true
        }
        looks.append(holds)
        return isWhole
    }

    /// Whether a program matches anywhere; false, too, when finding out costs too much.
    mutating func finds(_ program: PatternProgram) -> Bool {
        var isFound = false
        _ = pass(program, isBackward: false) { _ in
            isFound = true
            return false
        }
        return isFound
    }

    /// Walks the text once, beginning a match at every place; `accepted` hears where one ends, and may stop it.
    private mutating func pass(_ program: PatternProgram, isBackward: Bool, _ accepted: (Int) -> Bool) -> Bool {
        let count = program.steps.count
        var current: [Int] = []
        var following: [Int] = []
        var marks = [Int](repeating: -1, count: count)
        var stack: [Int] = []
        for walked in 0...text.count {
            let place = isBackward ? text.count - walked : walked
            var isAccepted = false
            // The states that wait here, and whatever they lead to without a character; then a new beginning.
            stack.append(0)
            stack.append(contentsOf: following.reversed())
            current.removeAll(keepingCapacity: true)
            while let state = stack.popLast() {
                guard marks[state] != walked else { continue }
                marks[state] = walked
                stepsLeft -= 1
                switch program.steps[state] {
                case .characters: current.append(state)
                case .accept: isAccepted = true
                case .fork(let first, let second):
                    stack.append(first)
                    if second != first { stack.append(second) }
                case .assertion(let assertion): if holds(assertion, at: place) { stack.append(state + 1) }
                }
            }
            guard stepsLeft > 0 else { return false }
            if isAccepted, !accepted(place) { return true }
            guard walked < text.count, !(current.isEmpty && program.isAnchored && !isBackward) else {
                if walked < text.count { return true }
                break
            }
            let character = text[isBackward ? place - 1 : place]
            following.removeAll(keepingCapacity: true)
            for state in current {
                guard case .characters(let index) = program.steps[state] else { continue }
                if program.classes[index].contains(character) { following.append(state + 1) }
            }
        }
        return true
    }

    private func holds(_ assertion: PatternAssertion, at place: Int) -> Bool {
        switch assertion {
        case .begin: place == 0
        case .end: place == text.count
        case .wordBoundary(let isWanted):
            ((place > 0 && CharacterClass.word.contains(text[place - 1]))
                != (place < text.count && CharacterClass.word.contains(text[place]))) == isWanted
        case .look(let index): looks[index][place]
        }
    }
}
