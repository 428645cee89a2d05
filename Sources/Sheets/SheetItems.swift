/// The rows of a file as items, and what was read to get them.
package struct SheetItems: Sendable {
    /// In the order of the file.
    package let items: [SheetItem]
    /// The sheet of an XLSX that was read, by its name.
    package let sheet: String?
    /// Which header was read as which member.
    package let columns: [(name: String, header: String)]
}

extension SheetItem {
    /// Reads all items of a file: below the first row that is a header, each row that holds something.
    ///
    /// - Parameters:
    ///   - form: What items look like.
    ///   - columns: Which header stands for which member, where that is not plain.
    /// - Throws: what makes the file unreadable as a whole; what is wrong with a row is told by its item.
    package static func all(
        in bytes: [UInt8],
        sheet: String? = nil,
        as form: Form,
        naming columns: [String: String] = [:],
        limits: SheetLimits = SheetLimits()
    ) throws(SheetError) -> SheetItems {
        let names = form.members.map(\.name)
        for name in columns.keys.sorted() where !names.contains(name) {
            throw SheetError(
                .unreadable,
                "columns: \(shown(name)) is no member of a payment. Its members are \(names.joined(separator: ", "))."
            )
        }
        let found = Gathering(form, columns, limits)
        let name = try SheetFile.read(bytes, sheet: sheet, limits: limits) { (row) throws(SheetError) in
            try found.take(row)
        }
        return try found.ended(sheet: name)
    }

    /// How many rows may stand above the header: titles, dates, logos' captions.
    private static let titlesMax = 20

    private final class Gathering {
        private let form: Form
        private let naming: [String: String]
        private let limits: SheetLimits
        private var columns: SheetColumns?
        private var titles = 0
        private var widest: [String] = []
        private var items: [SheetItem] = []
        private var bytes = 0

        init(_ form: Form, _ naming: [String: String], _ limits: SheetLimits) {
            self.form = form
            self.naming = naming
            self.limits = limits
        }

        func take(_ row: SheetRow) throws(SheetError) {
            if let columns {
                guard let item = SheetItem(row, columns, limits) else { return }
                bytes += item.bytes
                guard bytes <= limits.keptBytesMax else {
                    throw SheetError(
                        .tooLarge,
                        "the rows hold more than \(limits.keptBytesMax) bytes.",
                        row: row.number
                    )
                }
                items.append(item)
                return
            }
            columns = try SheetColumns(row, for: form, naming: naming, keeping: limits.otherCharactersMax)
            guard columns == nil else { return }
            titles += 1
            let texts = row.cells.map { SheetItem.trimmed($0.text) }.filter { !$0.isEmpty }
            if texts.count > widest.count { widest = texts }
            if titles >= SheetItem.titlesMax { throw noHeader }
        }

        func ended(sheet: String?) throws(SheetError) -> SheetItems {
            guard let columns else { throw noHeader }
            guard !items.isEmpty else { throw SheetError(.unreadable, "the file has no row below its header.") }
            return SheetItems(items: items, sheet: sheet, columns: columns.places.map { ($0.name, $0.header) })
        }

        private var noHeader: SheetError {
            let wanted = form.members.filter { $0.isRequired || naming[$0.name] != nil }
                .map { naming[$0.name].map { "\"\(SheetItem.shown($0))\"" } ?? $0.name }
            let seen = widest.prefix(12).map { "\"\(SheetItem.shown($0))\"" }.joined(separator: ", ")
            return SheetError(
                .unreadable,
                """
                no row names the columns \(wanted.joined(separator: " and "))\(seen.isEmpty ? "" : "; it has \(seen)"). Name \
                them in the first row, or say by columns which is which.
                """
            )
        }
    }
}
