/// Texts that a pattern allows, made from its parts: short ones and long ones, of its usual characters and of its odd ones.
///
/// What looks ahead or behind is not followed, so each is held against the pattern before it is given out.
package enum PatternSamples {
    /// How long a text grows; what repeats without an end stops before it.
    private static let lengthMax = 4_096
    /// How deep parts of a pattern are followed.
    private static let depthMax = 50
    /// Characters of which a class has some, the odd ones last.
    private static let known = Array("x5aZ0 9-_.@:/\"\\'%é😀\u{0}\u{7F}\u{FEFF}".unicodeScalars.map(\.value))

    /// Texts that match; none where the pattern is none, or nothing was found.
    package static func texts(of pattern: String) -> [String] {
        var parser = PatternParser(pattern)
        guard let node = try? parser.parse(), let whole = try? Pattern(pattern, limits: SchemaLimits()) else {
            return []
        }
        var texts: [String] = []
        for variant in 0..<8 {
            var text = String.UnicodeScalarView()
            append(node, variant, 0, &text)
            let made = String(text)
            if !texts.contains(made), whole.matches(made) { texts.append(made) }
        }
        return texts
    }

    /// Even variants are short, odd ones long; the higher, the odder the characters.
    private static func append(
        _ node: PatternNode,
        _ variant: Int,
        _ depth: Int,
        _ text: inout String.UnicodeScalarView
    ) {
        guard depth < depthMax, text.count < lengthMax else { return }
        switch node {
        case .empty, .assertion: break
        case .characters(let set):
            if let character = member(of: set, variant / 2 + text.count % (variant + 1)) { text.append(character) }
        case .sequence(let nodes): for node in nodes { append(node, variant, depth + 1, &text) }
        case .choice(let branches): append(branches[variant % branches.count], variant, depth + 1, &text)
        case .repeated(let node, let least, let most):
            let count = variant.isMultiple(of: 2) ? least : min(most ?? least + 40, lengthMax)
            for _ in 0..<count where text.count < lengthMax { append(node, variant, depth + 1, &text) }
        }
    }

    private static func member(of set: CharacterClass, _ place: Int) -> Unicode.Scalar? {
        let usual = known.filter { set.contains($0) }
        let found =
            usual.isEmpty ? (0x21...0x2FFF as ClosedRange<UInt32>).first { set.contains($0) }.map { [$0] } : usual
        guard let found, !found.isEmpty else { return nil }
        return Unicode.Scalar(found[place % found.count])
    }
}
