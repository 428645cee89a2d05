import Gateway

/// A piece of a page: what is not written in the house's own code gets in as text alone.
///
/// A text that is put into one is escaped, and what nobody sees in it is written out; only another piece is taken as it is.
struct HTML: Sendable, ExpressibleByStringInterpolation {
    /// As it is sent.
    let text: String

    /// The house's own words.
    init(stringLiteral value: String) { text = value }

    init(stringInterpolation: Interpolation) { text = stringInterpolation.text }

    private init(_ text: String) { self.text = text }

    /// Pieces, one after another.
    init(_ pieces: [HTML]) { text = pieces.map(\.text).joined() }

    /// Puts a piece together.
    struct Interpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + 32 * interpolationCount)
        }

        mutating func appendLiteral(_ literal: String) { text += literal }

        mutating func appendInterpolation(_ piece: HTML) { text += piece.text }

        mutating func appendInterpolation(_ value: String) { text += HTML.escaped(value) }
    }

    /// A text that means nothing else, in an element or between quotes.
    static func escaped(_ value: String) -> String {
        var escaped = ""
        escaped.reserveCapacity(value.utf8.count)
        for character in PlainText.name.shown(value).unicodeScalars {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
