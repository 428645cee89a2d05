import Foundation
import OrderedJSON
import Sheets

/// A file of rows that is made while it is read, as CSV or XLSX: a page of it is in memory at a time.
package struct RowFile: Sendable {
    /// What kind of file it is.
    package enum Format: String, Sendable, CaseIterable {
        /// RFC 4180, UTF-8.
        case csv
        /// For spreadsheets: numbers are numbers.
        case xlsx

        /// What it is, as HTTP says it.
        package var mediaType: String {
            switch self {
            case .csv: "text/csv; charset=utf-8"
            case .xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
            }
        }

        /// As an argument of an action.
        package static let schema: JSON = [
            "enum": .array(allCases.map { .string($0.rawValue) }), "description": "csv unless said.",
        ]
    }

    /// Hands on a page of rows; returns once whoever reads the file has taken them.
    package typealias Take = @Sendable (_ rows: [[WrittenCell]]) async throws(GatewayError) -> Void

    private let name: String
    private let sheet: String
    private let header: [String]
    private let format: Format
    /// So many bytes are read from the disk at a time.
    private static let pieceBytes = 64 << 10

    /// Describes a file.
    ///
    /// - Parameters:
    ///   - name: What it is saved as, without what follows the point.
    ///   - sheet: The sheet's, at most 25 characters without `[]:*?/\`.
    ///   - header: The first row.
    package init(name: String, sheet: String, header: [String], format: Format) {
        self.name = name
        self.sheet = sheet
        self.header = header
        self.format = format
    }

    /// The file as an action answers it.
    ///
    /// - Parameter pages: Hands on all rows, a page at a time, once.
    package func stream(
        on thread: SheetThread,
        _ pages: @escaping @Sendable (_ take: @escaping Take) async throws(GatewayError) -> Void
    ) -> FileStream {
        let file = "\(name).\(format.rawValue)"
        return FileStream(name: file, mediaType: format.mediaType) { [self] (write) async throws(GatewayError) in
            switch format {
            case .csv:
                try await write(SheetText.line(header))
                try await pages { (rows) async throws(GatewayError) in
                    try await write(Array(rows.map { SheetText.line($0) }.joined()))
                }
            case .xlsx: try await self.writeXLSX(on: thread, pages, write)
            }
        }
    }

    /// Its table of contents stands at an XLSX's end and its first bytes depend on all, so it is whole before it is sent.
    private func writeXLSX(
        on thread: SheetThread,
        _ pages: (_ take: @escaping Take) async throws(GatewayError) -> Void,
        _ write: @escaping FileStream.Write
    ) async throws(GatewayError) {
        let writer = try await RowFile.run(on: thread) { [sheet, header] () throws(SheetError) in
            try XLSXWriter.begin(name: sheet, header: header)
        }
        try await pages { (rows) async throws(GatewayError) in
            try await RowFile.run(on: thread) { () throws(SheetError) in for row in rows { try writer.append(row) } }
        }
        let file = try await RowFile.run(on: thread) { () throws(SheetError) in try writer.finish() }
        while true {
            let piece = try await RowFile.run(on: thread) { () throws(SheetError) in
                do { return [UInt8](try file.read(upToCount: RowFile.pieceBytes) ?? Data()) } catch {
                    throw SheetError(.unavailable, "the file could not be read again.")
                }
            }
            guard !piece.isEmpty else { return }
            try await write(piece)
        }
    }

    private static func run<Result: Sendable>(
        on thread: SheetThread,
        _ work: @escaping @Sendable () throws(SheetError) -> Result
    ) async throws(GatewayError) -> Result {
        do throws(SheetError) { return try await thread.run(work) } catch { throw GatewayError(error) }
    }
}

/// A moment as people in Nairobi read it, `2026-11-27 08:35:10`: East Africa is three hours ahead all year.
package enum NairobiTime {
    /// The text of a moment.
    package static func text(_ moment: Timestamp) -> String {
        let text = (moment + .seconds(3 * 3600)).description
        return String(text.prefix(19)).replacing("T", with: " ")
    }

    /// The same for a program too, `2026-11-27T08:35:10+03:00`.
    package static func stamp(_ moment: Timestamp) -> String {
        String((moment + .seconds(3 * 3600)).description.prefix(19)) + "+03:00"
    }
}
