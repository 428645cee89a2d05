import OrderedJSON

/// Which column of a file is which member of an item.
struct SheetColumns: Sendable {
    /// A member, its column from 0, what stands above it, and what it takes.
    struct Place: Sendable {
        let name: String
        let column: Int
        let header: String
        let taking: SheetItem.Taking
    }

    let places: [Place]
    /// The columns that stand for no member, with their headers.
    let others: [(column: Int, header: String)]
    /// How many columns there are, up to the last that has a header.
    let width: Int

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
    /// - Throws: where two columns could be the same required member and nothing says which, and where a spreadsheet does not
    ///   show the only one.
    init?(
        _ row: SheetRow,
        for form: SheetItem.Form,
        naming columns: [String: String],
        keeping characters: Int
    ) throws(SheetError) {
        let header = Header(row)
        var taken: [String: Int] = [:]
        // What a caller names is nobody else's.
        for member in form.members {
            guard let name = columns[member.name] else { continue }
            guard let column = try header.column(named: name, for: member) else { return nil }
            if let other = taken.first(where: { $0.value == column })?.key {
                throw SheetError(.unreadable, "columns: \(other) and \(member.name) name the same column.")
            }
            taken[member.name] = column
        }
        for member in form.members where columns[member.name] == nil {
            if let column = try header.column(of: member, besides: Set(taken.values)) {
                taken[member.name] = column
            } else if member.isRequired {
                return nil
            }
        }
        places = form.members.compactMap { member in
            taken[member.name]
                .map { Place(name: member.name, column: $0, header: header.text($0), taking: member.taking) }
        }
        width = (header.keys.indices.last { !header.text($0).isEmpty } ?? -1) + 1
        let read = Set(taken.values)
        others = header.keys.indices.compactMap { column in
            guard !header.keys[column].isEmpty, !read.contains(column), !row.hides(column) else { return nil }
            return (column, SheetItem.cut(header.text(column), characters))
        }
    }

    /// A row that may be the header.
    private struct Header {
        let row: SheetRow
        let keys: [String]

        init(_ row: SheetRow) {
            self.row = row
            keys = row.cells.map { withoutCurrency(key($0.text)) }
        }

        func text(_ column: Int) -> String { SheetItem.trimmed(row[column].text) }

        /// The column that a caller means: the one of exactly this header, or of one that is like it.
        func column(named name: String, for member: SheetItem.Member) throws(SheetError) -> Int? {
            let wanted = withoutCurrency(key(name))
            let alike = keys.indices.filter { keys[$0] == wanted && !wanted.isEmpty }
            let exact = alike.filter { text($0) == SheetItem.trimmed(name) }
            let shown = (exact.count == 1 ? exact : alike).filter { !row.hides($0) }
            guard shown.count <= 1 else { throw isTwice(member, shown) }
            if shown.isEmpty, let hidden = alike.first { throw isHidden(member, hidden) }
            return shown.first
        }

        /// The column that by its header can only be a member's.
        ///
        /// Its own name is a word of people's like the others, but where it is written as programs do: `phone_number`.
        func column(of member: SheetItem.Member, besides taken: Set<Int>) throws(SheetError) -> Int? {
            let own = key(member.name)
            let words = [own] + (usual[member.name] ?? [])
            let all = keys.indices.filter { words.contains(keys[$0]) && !taken.contains($0) }
            let shown = all.filter { !row.hides($0) }
            guard shown.count > 1 else {
                if shown.isEmpty, member.isRequired, let hidden = all.first { throw isHidden(member, hidden) }
                return shown.first
            }
            let named = shown.filter { keys[$0] == own }
            let isWritten = member.name.contains("_") && named.first.map { text($0) == member.name } ?? false
            guard named.count <= 1, isWritten || !member.isRequired else { throw isTwice(member, shown) }
            if let only = named.first { return only }
            return words.lazy.compactMap { word in shown.first { keys[$0] == word } }.first
        }

        private func isTwice(_ member: SheetItem.Member, _ columns: [Int]) -> SheetError {
            let shown = columns.map { "\"\(SheetItem.shown(text($0)))\"" }.joined(separator: " and ")
            return SheetError(
                .unreadable,
                "\(member.name) could be \(shown). Say which by columns, or rename one.",
                row: row.number
            )
        }

        private func isHidden(_ member: SheetItem.Member, _ column: Int) -> SheetError {
            SheetError(
                .unreadable,
                """
                the column "\(SheetItem.shown(text(column)))" of \(member.name) is hidden. Show it, so that nothing unseen is \
                paid, or say another by columns.
                """,
                row: row.number
            )
        }
    }
}
