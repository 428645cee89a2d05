import OrderedJSON

/// Which column of a file is which member of an item.
struct SheetColumns: Sendable {
    /// A member, its column from 0, and what it takes.
    struct Place: Sendable {
        let name: String
        let column: Int
        let taking: SheetItem.Taking
    }

    let places: [Place]
    /// The columns that stand for no member, with their headers.
    let others: [(column: Int, header: String)]

    /// What people call members, as letters and digits alone; the first ones first.
    ///
    /// A member that is not here goes by its own name.
    static let usual: [String: [String]] = [
        "phone_number": [
            "phone", "phoneno", "phonenumbers", "telephone", "telephonenumber", "telephoneno", "tel", "telno", "mobile",
            "mobilenumber", "mobileno", "mobilephone", "cell", "cellphone", "msisdn", "mpesanumber", "mpesano",
            "mpesaphone", "mpesaphonenumber", "receiver", "recipient", "receiverphone", "recipientphone",
            "customerphone",
            "partyb", "simu", "nambayasimu",
        ],
        "amount": ["amt", "netpay", "netsalary", "netamount", "salary", "pay", "sum", "value", "kes", "ksh", "kiasi"],
        "account_reference": [
            "accountref", "reference", "referenceno", "referencenumber", "ref", "refno", "staffno", "staffnumber",
            "staffid",
            "employeeno", "employeenumber", "employeeid", "payrollno", "payrollnumber", "accountno", "accountnumber",
            "account", "occasion",
        ],
        "remarks": [
            "remark", "description", "narration", "narrative", "details", "purpose", "reason", "comment", "comments",
            "note",
            "notes", "maelezo",
        ],
        "command_id": ["command", "commandid", "paymenttype", "type"],
    ]

    /// A header without what people forgive each other: case, spaces and signs.
    static func key(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.lowercased().unicodeScalars
                    .filter { $0.properties.isAlphabetic || $0.properties.numericType != nil }
            )
        )
    }

    /// A header's key without the currency behind it: `Amount (KES)`.
    private static func withoutCurrency(_ key: String) -> String {
        for end in ["inkes", "inksh", "kes", "kshs", "ksh"] where key.hasSuffix(end) && key.utf8.count > end.utf8.count
        {
            return String(key.dropLast(end.count))
        }
        return key
    }

    /// Reads a row as the header; nil where it lacks a member that every item must have.
    ///
    /// - Throws: where two columns could be the same required member, and nothing says which.
    init?(_ row: SheetRow, for form: SheetItem.Form, naming columns: [String: String]) throws(SheetError) {
        let keys = row.cells.map { SheetColumns.withoutCurrency(SheetColumns.key($0.text)) }
        var places: [Place] = []
        for member in form.members {
            guard let column = try SheetColumns.column(of: member, in: keys, row, columns) else {
                if member.isRequired || columns[member.name] != nil { return nil }
                continue
            }
            guard !places.contains(where: { $0.column == column }) else { continue }
            places.append(Place(name: member.name, column: column, taking: member.taking))
        }
        self.places = places
        others = keys.indices.compactMap { column in
            guard !keys[column].isEmpty, !places.contains(where: { $0.column == column }) else { return nil }
            return (column, SheetItem.trimmed(row[column].text))
        }
    }

    private static func column(
        of member: SheetItem.Member,
        in keys: [String],
        _ row: SheetRow,
        _ columns: [String: String]
    ) throws(SheetError) -> Int? {
        let named = columns[member.name].map { [withoutCurrency(key($0))] }
        for wanted in named ?? [key(member.name)] {
            let found = keys.indices.filter { keys[$0] == wanted && !wanted.isEmpty }
            guard found.count <= 1 else { throw isTwice(member.name, found.map { row[$0].text }, row.number) }
            if let only = found.first { return only }
        }
        guard named == nil, let usual = usual[member.name] else { return nil }
        let found = usual.compactMap { word in keys.firstIndex(of: word) }
        let all = keys.indices.filter { usual.contains(keys[$0]) }
        guard all.count <= 1 || !member.isRequired else {
            throw isTwice(member.name, all.map { row[$0].text }, row.number)
        }
        return found.first
    }

    private static func isTwice(_ name: String, _ headers: [String], _ row: Int) -> SheetError {
        let shown = headers.map { "\"\(SheetItem.shown($0))\"" }.joined(separator: " and ")
        return SheetError(.unreadable, "\(name) could be \(shown). Say which by columns, or rename one.", row: row)
    }
}
