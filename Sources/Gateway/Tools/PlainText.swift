import OrderedJSON

/// Which characters a text from outside may hold.
///
/// U+0000 would cut a text short in a database of C strings, other control characters forge lines of logs, and what is
/// not seen, or turns the direction of reading, makes one name look like another.
package enum PlainText: Sendable {
    /// Lines of text: tab and ends of lines, and no other control character.
    case lines
    /// One line, without any control character.
    case line
    /// A name or reference: one line in which everything is seen, in the order in which it stands.
    case name

    /// What was expected of a text that holds something else; nil for a good one.
    package func expectation(for text: String) -> String? {
        if text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return nil }
        guard text.unicodeScalars.contains(where: { !admits($0.value) }) else { return nil }
        switch self {
        case .lines: return "text without control characters, other than tabs and ends of lines"
        case .line: return "one line of text without control characters"
        case .name: return "one line of text without control, invisible or direction-changing characters"
        }
    }

    /// A text with what it may not hold written out, such as `\\u{A}`: for logs, which show texts of strangers whole.
    package func shown(_ text: String) -> String {
        guard expectation(for: text) != nil else { return text }
        var shown: [UInt8] = []
        shown.reserveCapacity(2 * text.utf8.count)
        for scalar in text.unicodeScalars {
            if admits(scalar.value) {
                shown.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            } else {
                shown.append(contentsOf: "\\u{\(String(scalar.value, radix: 16, uppercase: true))}".utf8)
            }
        }
        return String(decoding: shown, as: UTF8.self)
    }

    private func admits(_ character: UInt32) -> Bool {
        switch character {
        case 0x09, 0x0A, 0x0D: self == .lines
        case 0x2028, 0x2029: self == .lines
        default: !ShownName.controls(character) && (self != .name || !ShownName.hides(character))
        }
    }

    /// Every text of a value that is not what it should be, at most `errorsMax`, names of members included.
    ///
    /// - Parameter kind: What the text at a place should be.
    package static func errors(
        in value: JSON,
        errorsMax: Int = 20,
        as kind: (String) -> PlainText
    ) -> [GatewayError.FieldError] {
        // Nearly every text is good as a name, and then nobody asks what it is for, nor where it stands.
        if isPlain(value) { return [] }
        var errors: [GatewayError.FieldError] = []
        walk(value, at: "", kind, &errors, errorsMax)
        return errors
    }

    private static func isPlain(_ value: JSON) -> Bool {
        switch value {
        case .string(let text): PlainText.name.expectation(for: text) == nil
        case .array(let elements): elements.allSatisfy(isPlain)
        case .object(let members):
            members.allSatisfy { PlainText.name.expectation(for: $0.key) == nil && isPlain($0.value) }
        default: true
        }
    }

    private static func error(at place: String, _ name: String, _ expectation: String) -> GatewayError.FieldError {
        .init(pointer: ShownName.pointer(place), message: "\(name): expected \(expectation).")
    }

    private static func walk(
        _ value: JSON,
        at place: String,
        _ kind: (String) -> PlainText,
        _ errors: inout [GatewayError.FieldError],
        _ errorsMax: Int
    ) {
        guard errors.count < errorsMax else { return }
        switch value {
        case .string(let text):
            guard let expectation = kind(place).expectation(for: text) else { return }
            let name = place.split(separator: "/").last.map(String.init) ?? "the value"
            errors.append(error(at: place, ShownName.of(name), expectation))
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                walk(element, at: "\(place)/\(index)", kind, &errors, errorsMax)
            }
        case .object(let members):
            for (name, member) in members {
                if let expectation = PlainText.line.expectation(for: name) {
                    errors.append(error(at: place, "the name of a member", expectation))
                } else {
                    walk(member, at: place + "/" + JSONPointer.escaped(name), kind, &errors, errorsMax)
                }
            }
        default: return
        }
    }
}
