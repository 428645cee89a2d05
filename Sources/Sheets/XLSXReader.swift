/// Reads a sheet of an XLSX (ECMA-376): its rows as they stand in it, one at a time.
///
/// Of a formula the result counts that the file holds, which is what its maker saw.
enum XLSXReader {
    static func read(
        _ bytes: [UInt8],
        sheet: String?,
        _ limits: SheetLimits,
        _ take: @escaping (SheetRow) throws(SheetError) -> Void
    ) throws(SheetError) -> String {
        try ZipArchive.reading(bytes, limits) { (archive) throws(SheetError) in
            let book = try Workbook(archive, sheet: sheet, limits)
            let texts = SharedTexts(limits)
            if let place = book.texts { try XMLReader.read(place, of: archive, limits, to: texts) }
            let styles = SheetStyles(limits)
            if let place = book.styles { try XMLReader.read(place, of: archive, limits, to: styles) }
            let rows = SheetRows(texts, styles, limits, take)
            try XMLReader.read(book.sheet, of: archive, limits, to: rows)
            guard rows.isSheet else { throw SheetError(.unreadable, "the sheet is damaged: it has no rows.") }
            return book.name
        }
    }
}

/// The rows of a sheet.
private final class SheetRows: XMLTaker {
    private let texts: SharedTexts
    private let styles: SheetStyles
    private let limits: SheetLimits
    private let take: (SheetRow) throws(SheetError) -> Void
    private var count: RowCount

    private(set) var isSheet = false
    private var number = 0
    private var isHidden = false
    private var hiddenColumns: [ClosedRange<Int>] = []
    private var cells: [SheetCell] = []
    private var column = -1

    // The cell that is being read.
    private var type = ""
    private var style = 0
    private var hasFormula = false
    private var hasValue = false
    private var isKept = false
    private var phonetic = 0
    private var value: [UInt8] = []

    init(
        _ texts: SharedTexts,
        _ styles: SheetStyles,
        _ limits: SheetLimits,
        _ take: @escaping (SheetRow) throws(SheetError) -> Void
    ) {
        self.texts = texts
        self.styles = styles
        self.limits = limits
        self.take = take
        count = RowCount(max: limits.rowsMax)
    }

    func begin(_ name: String, _ attributes: XMLAttributes) throws(SheetError) {
        switch name {
        case "col" where !isSheet: try beginColumns(attributes)
        case "sheetData": isSheet = true
        case "row" where isSheet: try beginRow(attributes)
        case "c" where isSheet: try beginCell(attributes)
        case "f": hasFormula = true
        case "v":
            hasValue = true
            isKept = true
        case "t": isKept = type == "inlineStr" && phonetic == 0
        case "rPh": phonetic += 1
        default: return
        }
    }

    func end(_ name: String) throws(SheetError) {
        switch name {
        case "v", "t": isKept = false
        case "rPh": phonetic -= 1
        case "c" where isSheet: try endCell()
        case "row" where isSheet:
            guard !cells.isEmpty else { return }
            let row = SheetRow(number: number, cells: cells, isHidden: isHidden, hiddenColumns: hiddenColumns)
            try count.add(row)
            try take(row)
        default: return
        }
    }

    func text(_ bytes: UnsafeBufferPointer<UInt8>) throws(SheetError) {
        guard isKept else { return }
        value.append(contentsOf: bytes)
        guard value.count <= limits.cellBytesMax else {
            throw SheetError(.tooLarge, "a cell is longer than \(limits.cellBytesMax) bytes.", row: number)
        }
    }

    /// Columns of one look, which may be not to be shown.
    private func beginColumns(_ attributes: XMLAttributes) throws(SheetError) {
        guard attributes.isSet("hidden") || attributes["width"].flatMap({ Double($0) }) == 0 else { return }
        guard let first = attributes["min"].flatMap({ Int($0) }), let last = attributes["max"].flatMap({ Int($0) }),
            first >= 1, last >= first, hiddenColumns.count < limits.columnsMax
        else { throw SheetError(.unreadable, "the sheet is damaged: its columns are not in order.") }
        guard first <= limits.columnsMax else { return }
        hiddenColumns.append(first - 1...last - 1)
    }

    private func beginRow(_ attributes: XMLAttributes) throws(SheetError) {
        let before = number
        number = attributes["r"].flatMap { Int($0) } ?? before + 1
        guard number > before, number <= 1_048_576 else {
            throw SheetError(.unreadable, "the sheet is damaged: its rows are not in order.")
        }
        isHidden = attributes.isSet("hidden")
        cells = []
        column = -1
    }

    private func beginCell(_ attributes: XMLAttributes) throws(SheetError) {
        let before = column
        column = attributes["r"].flatMap(SheetRows.column) ?? before + 1
        guard column > before, column < 16_384 else {
            throw SheetError(.unreadable, "the sheet is damaged: its cells are not in order.", row: number)
        }
        type = attributes["t"] ?? "n"
        style = attributes["s"].flatMap { Int($0) } ?? 0
        hasFormula = false
        hasValue = false
        value.removeAll(keepingCapacity: true)
    }

    private func endCell() throws(SheetError) {
        let cell = try cell()
        guard cell.kind != .empty else { return }
        guard column < limits.columnsMax else {
            throw SheetError(.tooLarge, "it has more than \(limits.columnsMax) columns.", row: number)
        }
        while cells.count < column { cells.append(.empty) }
        cells.append(cell)
    }

    private func cell() throws(SheetError) -> SheetCell {
        // Some write an empty result where they have computed none; an empty text is one.
        let isComputed = hasValue && (type == "str" || !value.isEmpty) || type == "inlineStr"
        if hasFormula, !isComputed { return SheetCell(.unsaved, "") }
        let text = String(decoding: value, as: UTF8.self)
        switch type {
        case "s":
            guard !text.isEmpty else { return .empty }
            guard let shared = Int(text).flatMap({ texts[$0] }), shared.utf8.count <= limits.cellBytesMax else {
                throw SheetError(
                    .unreadable,
                    "the sheet is damaged: a cell's text is missing or too long.",
                    row: number
                )
            }
            return SheetCell(.text, shared)
        case "inlineStr", "str": return SheetCell(.text, text)
        case "b": return SheetCell(.truth, text == "1" ? "TRUE" : "FALSE")
        case "e": return SheetCell(.fault, text)
        case "d": return SheetCell(.date, text)
        case "n":
            guard !text.isEmpty else { return .empty }
            return SheetCell(styles.isDate(style) ? .date : .number, text)
        default:
            throw SheetError(.unreadable, "the sheet is damaged: a cell is of no known type.", row: number)
        }
    }

    /// The column of a place such as `AB12`, from 0.
    private static func column(of place: String) -> Int? {
        var column = 0
        for byte in place.utf8 {
            guard (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) else { break }
            column = column * 26 + Int(byte - UInt8(ascii: "A")) + 1
            if column > 16_384 { break }
        }
        return column > 0 ? column - 1 : nil
    }
}
