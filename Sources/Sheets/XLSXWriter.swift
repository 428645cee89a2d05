import CXLSXWriter
import Foundation

/// A cell to be written.
package enum WrittenCell: Sendable, Equatable {
    /// A text, safe by `SheetText`.
    case text(String)
    /// A whole number; one that a spreadsheet would round is written as text.
    case number(Int64)
    /// A number with a fraction, such as a share, as it is written.
    case fraction(String)
    /// Nothing.
    case empty

    /// The same for CSV.
    package var plain: String {
        switch self {
        case .text(let text): text
        case .number(let number): String(number)
        case .fraction(let text): text
        case .empty: ""
        }
    }
}

/// Writes an XLSX row by row: a row is in memory at a time, the rest in files without a name.
///
/// It writes to disk: use it on a thread of its own (`SheetThread`), one call at a time.
package final class XLSXWriter: @unchecked Sendable {
    // One at a time uses it, by its rule; nothing guards it.
    private var book: UnsafeMutablePointer<lxw_workbook>?
    private var sheet: UnsafeMutablePointer<lxw_worksheet>?
    private let bold: UnsafeMutablePointer<lxw_format>?
    private let file: FileHandle
    private let name: String
    private let header: [String]
    private let rowsMax: Int
    private var sheets = 0
    private var row: UInt32 = 0

    /// What a spreadsheet keeps of a number exactly.
    private static let exact: ClosedRange<Int64> = -999_999_999_999_999...999_999_999_999_999
    /// The longest text of a cell, in UTF-16; more is cut off.
    private static let textMax = 32_000

    /// Begins a file.
    ///
    /// - Parameters:
    ///   - name: The sheet's, at most 25 characters without `[]:*?/\`.
    ///   - header: The first row, of every sheet.
    ///   - folder: Where it is written; the system's folder for what passes unless said.
    ///   - rowsMax: How many rows a sheet has at most; what is more goes into another. Default 1,000,000, of the 1,048,576
    ///     that spreadsheets show.
    package static func begin(
        name: String,
        header: [String],
        folder: String = NSTemporaryDirectory(),
        rowsMax: Int = 1_000_000
    ) throws(SheetError) -> XLSXWriter {
        var template = Array((folder + (folder.hasSuffix("/") ? "" : "/") + "sheet-XXXXXX").utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw failed }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        // Without a name from the beginning: a process that dies in the middle leaves nothing behind.
        _ = template.withUnsafeBufferPointer { $0.baseAddress.map { unlink($0) } }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        let book = folder.withCString { folder in
            var options = lxw_workbook_options()
            options.constant_memory = 1
            options.tmpdir = UnsafeMutablePointer(mutating: folder)
            return workbook_new_opt("/proc/self/fd/\(descriptor)", &options)
        }
        // It frees the book when it is gone itself.
        let writer = XLSXWriter(book, in: file, name, header, rowsMax)
        guard book != nil, let bold = writer.bold else { throw failed }
        format_set_bold(bold)
        try writer.addSheet()
        return writer
    }

    private init(
        _ book: UnsafeMutablePointer<lxw_workbook>?,
        in file: FileHandle,
        _ name: String,
        _ header: [String],
        _ rowsMax: Int
    ) {
        self.book = book
        self.file = file
        self.name = name
        self.header = header
        self.rowsMax = rowsMax
        bold = book.flatMap { workbook_add_format($0) }
    }

    deinit {
        // What was not finished is nobody's.
        if let book { lxw_workbook_free(book) }
    }

    private static let failed = SheetError(.unavailable, "the file cannot be written now. Try again in a moment.")

    private func addSheet() throws(SheetError) {
        sheets += 1
        sheet = workbook_add_worksheet(book, sheets == 1 ? name : "\(name) \(sheets)")
        guard let sheet else { throw XLSXWriter.failed }
        worksheet_freeze_panes(sheet, 1, 0)
        row = 0
        try write(header.map { .text($0) }, bold)
    }

    /// Writes a row below the last.
    package func append(_ cells: [WrittenCell]) throws(SheetError) {
        if row > rowsMax { try addSheet() }
        try write(cells, nil)
    }

    private func write(_ cells: [WrittenCell], _ format: UnsafeMutablePointer<lxw_format>?) throws(SheetError) {
        for (column, cell) in cells.enumerated() {
            let place = lxw_col_t(clamping: column)
            let error: lxw_error
            switch cell {
            case .empty: continue
            case .number(let number) where XLSXWriter.exact.contains(number):
                error = worksheet_write_number(sheet, row, place, Double(number), format)
            case .fraction(let text) where Double(text).map(\.isFinite) ?? false:
                error = worksheet_write_number(sheet, row, place, Double(text) ?? 0, format)
            case .number, .fraction, .text:
                let text = XLSXWriter.cut(SheetText.safe(cell.plain))
                error = worksheet_write_string(sheet, row, place, text, format)
            }
            guard error == LXW_NO_ERROR else { throw XLSXWriter.failed }
        }
        row += 1
    }

    private static func cut(_ text: String) -> String {
        guard text.utf16.count > textMax else { return text }
        return String(text.prefix(textMax / 4))
    }

    /// Ends the file: it is read from its beginning, and is gone once it is closed.
    package func finish() throws(SheetError) -> FileHandle {
        guard let book else { throw XLSXWriter.failed }
        self.book = nil
        guard workbook_close(book) == LXW_NO_ERROR else { throw XLSXWriter.failed }
        return file
    }
}
