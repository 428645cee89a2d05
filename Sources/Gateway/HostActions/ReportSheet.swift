import OrderedJSON
import Sheets

/// A report that is kept as one table for spreadsheets.
///
/// Each of its sums is a row: `part` says where in the report it stands, `name` which one it is. What has one value has it in
/// `value`; what is a list of rows has a column for each of their members.
struct ReportSheet: Sendable {
    private struct Row {
        let part: String
        let name: String
        var value: JSON?
        var members = JSONObject()
    }

    private let rows: [Row]
    private let columns: [String]

    init(_ document: JSON) {
        var (rows, columns) = ([Row](), [String]())
        for (name, value) in document.objectValue ?? JSONObject() {
            switch value {
            case .object(let members):
                for (member, value) in members { rows += Self.rows(name, member, value) }
            case .array(let list):
                for (index, entry) in list.enumerated() {
                    guard let members = entry.objectValue else {
                        rows.append(Row(part: name, name: "\(index + 1)", value: entry))
                        continue
                    }
                    for column in members.keys where !columns.contains(column) { columns.append(column) }
                    rows.append(Row(part: name, name: "\(index + 1)", members: members))
                }
            default: rows.append(Row(part: "report", name: name, value: value))
            }
        }
        (self.rows, self.columns) = (rows, columns)
    }

    /// Of all columns.
    var header: [String] { ["part", "name", "value"] + columns }

    /// All rows.
    var cells: [[WrittenCell]] {
        rows.map { row in
            [.text(row.part), .text(row.name), Self.cell(row.value)] + columns.map { Self.cell(row.members[$0]) }
        }
    }

    /// What an object holds, however deep.
    private static func rows(_ part: String, _ name: String, _ value: JSON) -> [Row] {
        guard let members = value.objectValue else { return [Row(part: part, name: name, value: value)] }
        return members.flatMap { rows(part, "\(name).\($0.0)", $0.1) }
    }

    private static func cell(_ value: JSON?) -> WrittenCell {
        guard let value, value != .null else { return .empty }
        if let number = value.integerValue { return .number(number) }
        if value.doubleValue != nil { return .fraction(value.text) }
        return .text(value.stringValue ?? value.text)
    }
}
