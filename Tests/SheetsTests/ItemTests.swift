import OrderedJSON
import Testing

@testable import Sheets

struct `Rows as payments` {
    private static let schema: JSON = [
        "type": "object", "required": ["phone_number", "amount"],
        "properties": [
            "phone_number": ["type": "string"], "amount": ["type": "integer"], "account_reference": ["type": "string"],
            "remarks": ["type": "string"], "command_id": ["enum": ["BusinessPayment", "SalaryPayment"]],
        ],
    ]
    private let form = SheetItem.Form(schema, phones: ["phone_number"])

    private func items(_ text: String, _ columns: [String: String] = [:]) throws(SheetError) -> [SheetItem] {
        try SheetItem.all(in: Array(text.utf8), as: form, naming: columns).items
    }

    private func refusal(_ text: String, _ columns: [String: String] = [:]) -> String {
        let error = #expect(throws: SheetError.self) { _ = try items(text, columns) }
        return error?.message ?? ""
    }

    /// What is wrong with the only row of a file.
    private func fault(_ row: String, header: String = "phone,amount,remarks") throws -> String {
        try #require(try items(header + "\n" + row).first).faults.map(\.message).joined(separator: " ")
    }

    @Test(arguments: [
        "phone_number,amount,account_reference,remarks", "Phone Number,Amount (KES),Reference,Remarks",
        "MSISDN,AMOUNT,Staff No.,Narration", "Mobile No.,Net Pay (KShs),Employee ID,Description",
        " simu , Kiasi ,ref,Maelezo",
    ])
    func `are read by the headers that people write`(header: String) throws {
        let found = try items(header + "\n0712345678,1500,E-1,Salary\n")

        #expect(
            found.map(\.value)
                == [["phone_number": "0712345678", "amount": 1500, "account_reference": "E-1", "remarks": "Salary"]]
        )
        #expect(found.map(\.row) == [2] && found[0].faults.isEmpty)
    }

    @Test func `stand below titles and among columns of other kinds`() throws {
        let found = try items(
            "Salaries of November\n\nprinted,27 Nov\nName,Phone,Bank,Amount\nA. Otieno,0712345678,,100\n,,,\n"
        )

        #expect(found.map(\.row) == [5])
        #expect(found[0].value == ["phone_number": "0712345678", "amount": 100])
        #expect(found[0].others.map(\.header) == ["Name"] && found[0].others.map(\.text) == ["A. Otieno"])
    }

    @Test func `are read by the columns that a caller names`() throws {
        let text = "Line,Gross,Net,Worker\n0712345678,9,1500,E-1"
        let columns = ["phone_number": "line", "amount": "NET ", "account_reference": "Worker"]

        #expect(
            try items(text, columns).map(\.value)
                == [["phone_number": "0712345678", "amount": 1500, "account_reference": "E-1"]]
        )
        #expect(refusal(text).contains("phone_number and amount; it has \"Line\", \"Gross\""))
        #expect(refusal(text, ["phone_number": "line", "amount": "Pay"]).contains("\"line\" and \"Pay\""))
    }

    @Test func `are refused where a column could be two`() throws {
        #expect(refusal("Phone,Mobile,Amount\n1,2,3").contains("\"Phone\" and \"Mobile\""))
        #expect(refusal("phone_number,Phone Number,amount\n1,2,3").contains("Say which by columns"))
        #expect(try items("phone_number,Mobile,amount\n0712345678,2,3")[0].value["phone_number"] == "0712345678")
        #expect(try items("Phone,Mobile,Amount\n1,2,3", ["phone_number": "Mobile"])[0].value["phone_number"] == "2")
    }

    @Test(arguments: [
        ("0712345678,15,000,Jane", "this row has 4 cells, and its header 3"),
        ("0712345678,1500,Jane,,x", "this row has 5 cells, and its header 3"),
        ("0712345678,15,000", "amount: 15 is followed by a cell of 000. Write 15000"),
        ("0712345678, 15 , 000 ,", "amount: 15 is followed by a cell of 000"),
    ])
    func `are refused where a comma in an amount has parted it`(row: String, message: String) throws {
        #expect(try fault(row).contains(message))
    }

    @Test(arguments: [
        "0712345678,1500,Jane,, ", "0712345678,1500,000", "0712345678,\"15,000\",Jane", "0712345678,15,0001",
    ])
    func `are taken where no comma has parted anything`(row: String) throws { #expect(try fault(row) == "") }

    @Test func `are none where the file has no header or no rows`() {
        #expect(refusal("0712345678,100\n0722345678,200").contains("no row names"))
        #expect(refusal("phone,amount\n\n , \n").contains("no row below"))
        #expect(refusal(String(repeating: "a,b\n", count: 30) + "phone,amount\n1,2").contains("no row names"))
    }

    @Test(arguments: [
        "2.54713E+11", "2.54713e11", "2.547E+11", "+2.54713E+11", "\u{200E}2.54713E+11", "\u{202A}+2.54713E+11\u{202C}",
        "\u{FEFF}2.54713E+11", "2.54713\u{AD}E+11", "2.54713 E+11", "2.54 713E\u{A0}+11", "'+2.54713E+11",
        "=\"2.54713E+11\"",
    ])
    func `are refused where a spreadsheet shortened the phone`(phone: String) throws {
        let quoted = "\"" + phone.replacing("\"", with: "\"\"") + "\""

        #expect(try fault("\(quoted),100,x").contains("2.54") && fault("\(quoted),100,x").contains("has lost digits"))
    }

    @Test(arguments: ["KES 1.23E+05", "+1.23E+05", "Ksh.\u{200B}1.23E+05", "\u{202A}KES\u{A0}1.23E+05"])
    func `are refused where a spreadsheet shortened the amount`(amount: String) throws {
        #expect(try fault("0712345678,\(amount),x").contains("has lost digits"))
    }

    @Test(arguments: ["15.000", "KES 15.000", "1,015.000", "1.500", "0.000", "-15.000"])
    func `are refused where a point may part thousands`(amount: String) throws {
        #expect(try fault("0712345678,\"\(amount)\",x").contains(" instead."))
    }

    @Test func `say which two numbers an amount may be`() throws {
        #expect(try fault("0712345678,15.000,x") == "amount: 15.000 may be 15 or 15000. Write 15.00 or 15000 instead.")
    }

    @Test(arguments: [
        "500\n50", "500\r\n50", "500\t50", "100 200", "1 500", "1\u{A0}50", "1\u{A0}500,000", "1.5\u{A0}000", "- 5",
        "500\u{2028}500", "KES 500 KES 500",
    ])
    func `are refused where two amounts may stand in a cell`(amount: String) throws {
        #expect(try fault("0712345678,\"\(amount)\",x").contains("is no number"))
    }

    @Test func `are refused where two lines stand in the cell of a phone`() throws {
        #expect(try fault("\"0712\n345678\",100,x").contains("more than one line"))
        #expect(try fault("\"\n0712345678\n\",100,x").isEmpty)
    }

    @Test(arguments: [
        ("712345678", "712345678"), ("254712345678.0", "254712345678"), ("2.54712345678E+11", "254712345678"),
        ("+254 712 345 678", "+254 712 345 678"), ("'+254712345678", "+254712345678"),
        ("=\"0712345678\"", "0712345678"),
        (" 0712345678\u{A0}", "0712345678"), ("0722***000", "0722***000"),
    ])
    func `hold phones in every form, which the tool reads`(cell: String, phone: String) throws {
        let quoted = "\"" + cell.replacing("\"", with: "\"\"") + "\""

        #expect(try items("phone,amount\n\(quoted),1")[0].value["phone_number"] == .string(phone))
    }

    @Test(arguments: [
        ("1500", 1500), ("1500.00", 1500), ("\"1,500.00\"", 1500), ("KES 1500", 1500), ("Ksh.1500", 1500), ("-5", -5),
        ("1.5000E+3", 1500), ("1\u{A0}500", 1500), ("KES 1\u{202F}500\u{202F}000.00", 1_500_000),
        ("\u{202A}+1500\u{202C}", 1500),
    ])
    func `hold amounts exactly`(cell: String, amount: Int64) throws {
        #expect(try items("phone,amount\n0712345678,\(cell)")[0].value["amount"] == .integer(amount))
    }

    @Test(arguments: [
        ("1500.50", "no whole number"), ("\"1,50\"", "is no number"), ("abc", "is no number"),
        ("1.5E+6", "lost digits"),
        ("99999999999999999999", "no whole number"), ("=A1*2", "is no number"),
    ])
    func `are refused where an amount is no whole number`(cell: String, word: String) throws {
        #expect(try fault("0712345678,\(cell),x").contains(word))
    }

    @Test func `take words in any case, and leave what is none to the schema`() throws {
        let found = try items("phone,amount,payment type\n1,1,salary payment\n1,1,Gift")

        #expect(found.map { $0.value["command_id"] } == ["SalaryPayment", "Gift"])
    }

    @Test func `of an XLSX are refused by what a cell holds that is no value`() throws {
        let header = "<row><c t=\"str\"><v>phone</v></c><c t=\"str\"><v>amount</v></c></row>"
        func fault(_ cells: String, _ hidden: String = "") throws -> String {
            let file = XLSXMaker([("Pay", header + "<row\(hidden)>\(cells)</row>")], formats: ["yyyy"])
            let item = try #require(try SheetItem.all(in: file.bytes(), as: form).items.first)
            return item.faults.map(\.message).joined(separator: " ")
        }
        let good = "<c><v>254712345678</v></c><c><f>2*750</f><v>1500.0</v></c>"

        #expect(try fault(good) == "")
        #expect(try fault(good, " hidden=\"1\"").contains("hidden"))
        #expect(try fault("<c s=\"1\"><v>45000</v></c><c><v>1</v></c>").contains("phone_number: the cell holds a date"))
        #expect(try fault("<c><v>1</v></c><c><f>A1</f></c>").contains("formula's result"))
        #expect(try fault("<c><v>1</v></c><c t=\"e\"><v>#N/A</v></c>").contains("#N/A"))
        #expect(try fault("<c t=\"b\"><v>1</v></c><c><v>1</v></c>").contains("TRUE, which is no phone"))
        #expect(try fault("<c><v>1</v></c><c t=\"b\"><v>1</v></c>").contains("TRUE, which is no number"))
        #expect(try fault("<c><v>1</v></c><c s=\"1\"><v>45000</v></c>").contains("Format it as a number"))
        #expect(try fault("<c><v>2.54713E+11</v></c><c><v>1</v></c>").contains("lost digits"))
        #expect(try fault("<c><v>2.5471234567E11</v></c><c><v>1</v></c>") == "")
        #expect(try fault("<c t=\"str\"><v>2.5471234567E11</v></c><c><v>1</v></c>").contains("lost digits"))
        let dated =
            "<row><c t=\"str\"><v>phone</v></c><c t=\"str\"><v>amount</v></c><c t=\"str\"><v>Paid on</v></c></row>"
        let row = "<row>\(good)<c s=\"1\"><v>46353.5</v></c></row>"
        let file = XLSXMaker([("Pay", dated + row)], formats: ["yyyy"])
        #expect(try SheetItem.all(in: file.bytes(), as: form).items[0].others.map(\.text) == ["2026-11-27"])
        #expect(try fault("<c><v>254712345678</v></c><c><v>15.000</v></c>") == "")
        #expect(try fault("<c><v>254712345678</v></c><c t=\"str\"><v>15.000</v></c>").contains("may be 15 or 15000"))
        let numbers = XLSXMaker([("Pay", header + "<row>\(good)</row>")])
        #expect(
            try SheetItem.all(in: numbers.bytes(), as: form).items.map(\.value)
                == [["phone_number": "254712345678", "amount": 1500]]
        )
    }
}
