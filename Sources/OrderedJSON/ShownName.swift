/// Names in JSON of a stranger's, as errors say them again: what cannot be seen is left out of them, and they are short.
package enum ShownName {
    /// So many characters of a name are said again.
    private static let nameMax = 100
    /// So many of a whole pointer.
    private static let pointerMax = 400

    /// Whether a character is seen as nothing, or changes in which order others are seen: zero-width ones, and those that turn
    /// the direction of reading; fillers that are blank, too, by which a name would be one to its readers.
    package static func hides(_ character: UInt32) -> Bool {
        switch character {
        case 0xAD, 0x034F, 0x061C, 0x115F...0x1160, 0x180E, 0x200B...0x200F, 0x202A...0x202E, 0x2060...0x206F, 0x2800,
            0x3164, 0xFEFF, 0xFFA0, 0xFFF9...0xFFFB, 0x1D173...0x1D17A, 0xE0000...0xE007F:
            true
        default: false
        }
    }

    /// Whether a character is a control, or ends a line.
    package static func controls(_ character: UInt32) -> Bool {
        switch character {
        case 0x00...0x1F, 0x7F...0x9F, 0x2028, 0x2029: true
        default: false
        }
    }

    /// A name as it is said again: a question mark for each character that shows nothing, and no more than 100 characters.
    package static func of(_ name: String) -> String { cut(name, nameMax) }

    /// A pointer as it is said again: the same for each of its names, and no more than 400 characters of all of them.
    package static func pointer(_ pointer: String) -> String {
        // Nearly all are short, and of letters.
        if pointer.utf8.count <= nameMax, pointer.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return pointer }
        let tokens = pointer.split(separator: "/", omittingEmptySubsequences: false)
        return cut(tokens.map { cut($0, nameMax) }.joined(separator: "/"), pointerMax)
    }

    private static func cut(_ text: some StringProtocol, _ most: Int) -> String {
        if text.utf8.count <= most, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return String(text) }
        var shown = ""
        // One character may be a whole page of marks, so scalars are counted.
        for scalar in text.unicodeScalars.prefix(most) {
            shown.unicodeScalars.append(hides(scalar.value) || controls(scalar.value) ? "?" : scalar)
        }
        if text.unicodeScalars.dropFirst(most).first != nil { shown += "…" }
        return shown
    }
}
