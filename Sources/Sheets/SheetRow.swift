/// A cell as it stands in a file.
package struct SheetCell: Sendable, Equatable {
    /// What kind of thing it holds.
    package enum Kind: Sendable {
        /// Nothing.
        case empty
        /// A text; all that CSV has.
        case text
        /// A number, exactly as the file writes it.
        case number
        /// A moment or a day, which a spreadsheet keeps as a number and shows as a date.
        case date
        /// True or false.
        case truth
        /// An error, such as `#REF!`.
        case fault
        /// A formula whose result the file does not hold.
        case unsaved
    }

    /// What kind of thing it holds.
    package let kind: Kind
    /// What it holds, as the file writes it.
    package let text: String

    /// Makes a cell; a text or number without anything in it is empty.
    package init(_ kind: Kind, _ text: String) {
        self.kind = text.isEmpty && (kind == .text || kind == .number) ? .empty : kind
        self.text = text
    }

    /// Nothing.
    package static let empty = SheetCell(.empty, "")
}

/// A row that holds something.
package struct SheetRow: Sendable, Equatable {
    /// From 1, as a spreadsheet counts them: empty rows too.
    package let number: Int
    /// The first columns, up to the last that holds something.
    package let cells: [SheetCell]
    /// Whether a spreadsheet does not show it.
    package let isHidden: Bool
    /// The columns that a spreadsheet does not show, from 0.
    let hiddenColumns: [ClosedRange<Int>]
    /// Whether signs part its cells, so that one sign too many moves all that stands behind it.
    let isParted: Bool

    /// Makes a row.
    init(
        number: Int,
        cells: [SheetCell],
        isHidden: Bool = false,
        hiddenColumns: [ClosedRange<Int>] = [],
        isParted: Bool = false
    ) {
        self.number = number
        self.cells = cells
        self.isParted = isParted
        self.isHidden = isHidden
        self.hiddenColumns = hiddenColumns
    }

    /// Whether a spreadsheet does not show a column.
    func hides(_ column: Int) -> Bool { hiddenColumns.contains { $0.contains(column) } }

    /// The cell of a column, from 0.
    package subscript(column: Int) -> SheetCell { column < cells.count ? cells[column] : .empty }
}

/// Reads a file of rows, CSV or XLSX: which of the two is seen by its bytes, whatever it is called.
///
/// It blocks and computes: call it on a thread of its own (`SheetThread`).
package enum SheetFile {
    /// Hands out the rows that hold something, in order.
    ///
    /// - Parameters:
    ///   - sheet: The sheet of an XLSX by its name; nil for the only one that is shown.
    ///   - take: Gets the rows; what it throws ends the reading.
    /// - Returns: The name of the sheet that was read; nil of CSV.
    @discardableResult
    package static func read(
        _ bytes: [UInt8],
        sheet: String? = nil,
        limits: SheetLimits = SheetLimits(),
        _ take: @escaping (SheetRow) throws(SheetError) -> Void
    ) throws(SheetError) -> String? {
        guard bytes.count <= limits.bytesMax else {
            throw SheetError(.tooLarge, "the file is longer than \(limits.bytesMax) bytes.")
        }
        guard !bytes.isEmpty else { throw SheetError(.unreadable, "the file is empty.") }
        if bytes.starts(with: [0xD0, 0xCF, 0x11, 0xE0]) {
            throw SheetError(
                .unreadable,
                "this is an old .xls, or a file with a password. Save it as .xlsx without one, or as CSV."
            )
        }
        if bytes.starts(with: [0x50, 0x4B]) { return try XLSXReader.read(bytes, sheet: sheet, limits, take) }
        guard sheet == nil else {
            throw SheetError(.unreadable, "sheet: CSV has no sheets; leave it out.")
        }
        try CSVReader.read(try CSVText.utf8(bytes), limits, take)
        return nil
    }
}

/// Counts rows against their bound.
struct RowCount {
    let max: Int
    private var count = 0

    init(max: Int) { self.max = max }

    mutating func add(_ row: SheetRow) throws(SheetError) {
        count += 1
        guard count <= max else {
            throw SheetError(.tooLarge, "there are more than \(max) rows. Send them in parts.", row: row.number)
        }
    }
}
