import Daraja
import OrderedJSON

/// A row of a file as an item: the members that its columns stand for.
package struct SheetItem: Sendable {
    /// The row, as a spreadsheet counts them.
    package let row: Int
    /// The members that hold something.
    package let value: JSON
    /// What could not be read: the member, and what is wrong with its cell.
    package let faults: [(name: String, message: String)]
    /// What stands in the columns that are no members, by their headers.
    package let others: [(header: String, text: String)]

    /// What a member takes.
    enum Taking: Sendable, Equatable {
        case text
        case phone
        case whole
        case oneOf([String])
    }

    struct Member: Sendable {
        let name: String
        let taking: Taking
        let isRequired: Bool
    }

    /// What items look like.
    package struct Form: Sendable {
        let members: [Member]

        /// Reads a schema of an object.
        ///
        /// - Parameter phones: The members that hold numbers of phones.
        package init(_ schema: JSON, phones: Set<String>) {
            let required = (schema["required"]?.arrayValue ?? []).compactMap(\.stringValue)
            members = (schema["properties"]?.objectValue ?? JSONObject())
                .map { name, property in
                    var taking = Taking.text
                    if property["type"] == "integer" { taking = .whole }
                    if let words = property["enum"]?.arrayValue { taking = .oneOf(words.compactMap(\.stringValue)) }
                    if phones.contains(name) { taking = .phone }
                    return Member(name: name, taking: taking, isRequired: required.contains(name))
                }
        }
    }

    /// Reads the columns of a row; nil for one that holds nothing but spaces.
    ///
    /// What only comes back with the result is cut at once, for there may be a lot of it.
    init?(_ row: SheetRow, _ columns: SheetColumns, _ limits: SheetLimits) {
        guard row.cells.contains(where: { $0.kind == .unsaved || !SheetItem.trimmed($0.text).isEmpty }) else {
            return nil
        }
        var members = JSONObject()
        var faults: [(name: String, message: String)] = []
        if row.isHidden {
            faults.append(("", "this row is hidden. Show or delete it, so that nothing unseen is paid."))
        }
        if let fault = SheetItem.movedCells(row, columns) { faults.append(("", fault)) }
        for place in columns.places {
            switch SheetItem.read(row[place.column], place.taking) {
            case .success(let value): if let value { members[place.name] = value }
            case .failure(let fault): faults.append((place.name, "\(place.name): \(fault.message)"))
            }
        }
        self.row = row.number
        value = .object(members)
        self.faults = faults
        var others: [(header: String, text: String)] = []
        for (column, header) in columns.others where others.count < limits.othersMax {
            let text = SheetItem.shownValue(row[column])
            if !text.isEmpty { others.append((header, SheetItem.cut(text, limits.otherCharactersMax))) }
        }
        self.others = others
    }

    /// What tells that a sign stands in a row of CSV which parts no cells: `15,000` without quotes is 15 and something else.
    private static func movedCells(_ row: SheetRow, _ columns: SheetColumns) -> String? {
        guard row.isParted else { return nil }
        if row.cells.dropFirst(columns.width).contains(where: { !trimmed($0.text).isEmpty }) {
            return """
                this row has \(row.cells.count) cells, and its header \(columns.width). Put a cell that holds a comma in quotes, \
                write amounts without one, or give each column a header.
                """
        }
        for place in columns.places where place.taking == .whole {
            let (first, next) = (trimmed(row[place.column].text), trimmed(row[place.column + 1].text))
            guard next == "000", (1...3).contains(first.utf8.count), first.allSatisfy(\.isWholeNumber) else { continue }
            return "\(place.name): \(first) is followed by a cell of 000. Write \(first)000 if that is what is meant."
        }
        return nil
    }

    /// About how long what is kept of it is.
    var bytes: Int {
        let read = (value.objectValue ?? JSONObject()).reduce(0) { $0 + ($1.value.stringValue?.utf8.count ?? 8) }
        let beside = others.reduce(0) { $0 + $1.header.utf8.count + $1.text.utf8.count }
        return read + beside + faults.reduce(0) { $0 + $1.message.utf8.count }
    }

    /// The beginning of a text, as a text of its own: a part would keep the whole one.
    static func cut(_ text: String, _ characters: Int) -> String {
        String(String.UnicodeScalarView(Array(text.unicodeScalars.prefix(characters))))
    }

    /// What a cell holds that is only given back: a date as one.
    private static func shownValue(_ cell: SheetCell) -> String {
        let text = trimmed(cell.text)
        guard cell.kind == .date, let serial = Double(text), (1...2_958_465).contains(serial) else { return text }
        // Spreadsheets count days from 1899-12-30, EastAfricaTime from 1970.
        return EastAfricaTime.date(ofDay: Int64(serial) - 25_569)
    }

    private struct Fault: Error {
        let message: String

        static func isTwoNumbers(_ text: String, _ number: SheetNumber, _ other: String) -> Fault {
            let whole = number.money.text.prefix { $0 != "." }
            return Fault(message: "\(shown(text)) may be \(whole) or \(other). Write \(whole).00 or \(other) instead.")
        }

        static func hasLostDigits(_ text: String) -> Fault {
            Fault(
                message: """
                    \(shown(text)) has lost digits: a spreadsheet shortened it. Format the column as a number without \
                    decimals, or as text, and write it anew.
                    """
            )
        }
    }

    private static func read(_ cell: SheetCell, _ taking: Taking) -> Result<JSON?, Fault> {
        switch cell.kind {
        case .empty: return .success(nil)
        case .date:
            let form = taking == .whole ? "a number" : "text"
            return .failure(Fault(message: "the cell holds a date. Format it as \(form), and write it anew."))
        case .truth:
            let form = taking == .whole ? "number" : taking == .phone ? "phone" : "text"
            return .failure(Fault(message: "the cell holds \(cell.text), which is no \(form). Write it anew."))
        case .fault: return .failure(Fault(message: "the cell holds the error \(shown(cell.text))."))
        case .unsaved:
            return .failure(
                Fault(message: "the formula's result is not in the file. Open it in a spreadsheet, and save it.")
            )
        case .text, .number: break
        }
        let text = trimmed(unwrapped(cell.text))
        guard !text.isEmpty else { return .success(nil) }
        // Tools read a phone with spaces anywhere.
        let number = SheetNumber(taking == .phone ? text.filter { !$0.isWhitespace } : text)
        if let number, cell.kind == .number ? number.isShortenedNumber : number.isShortened {
            return .failure(Fault.hasLostDigits(text))
        }
        switch taking {
        case .whole:
            if cell.kind == .text, let number, let other = number.asThousands {
                return .failure(Fault.isTwoNumbers(text, number, other))
            }
            return whole(text, number)
        case .phone:
            guard isOneLine(text) else { return .failure(Fault(message: "the cell holds more than one line.")) }
            return .success(.string(plainNumber(text, number)))
        case .text: return .success(.string(cell.kind == .number ? plainNumber(text, number) : text))
        case .oneOf(let words):
            let key = SheetColumns.key(text)
            return .success(.string(words.first { SheetColumns.key($0) == key } ?? text))
        }
    }

    /// A number as it is meant: `254712345678.0` and `2.54712345678E+11` are `254712345678`.
    private static func plainNumber(_ text: String, _ number: SheetNumber?) -> String {
        guard text.utf8.contains(where: { $0 == 0x2E || $0 | 0x20 == 0x65 }), let number, !number.hasCurrency else {
            return text
        }
        return number.money.wholeShillings.map(String.init) ?? number.money.text
    }

    private static func whole(_ text: String, _ number: SheetNumber?) -> Result<JSON?, Fault> {
        guard let number else {
            return .failure(Fault(message: "\(shown(text)) is no number. Write one alone, without spaces."))
        }
        guard let whole = number.money.wholeShillings else {
            return .failure(Fault(message: "\(shown(text)) is no whole number of shillings."))
        }
        return .success(.integer(whole))
    }

    private static func isOneLine(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: false
            default: true
            }
        }
    }

    /// A text as its author meant it: without the apostrophe that made it safe, and without `="…"`, by which people keep a
    /// spreadsheet from taking a zero away.
    private static func unwrapped(_ text: String) -> String {
        let plain = SheetText.unsafed(text)
        guard plain.hasPrefix("=\""), plain.hasSuffix("\""), plain.utf8.count > 3 else { return plain }
        let inside = plain.dropFirst(2).dropLast()
        return inside.contains("\"") ? plain : String(inside)
    }

    static func trimmed(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[first...last])
    }

    /// A text of a stranger's, short and in one line.
    static func shown(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(64).map { $0.properties.generalCategory == .control ? " " : $0 }
            )
        )
    }
}
