import OrderedJSON
import Testing

@testable import Sheets

struct `The columns of a file` {
    private static let schema: JSON = [
        "type": "object", "required": ["phone_number", "amount"],
        "properties": [
            "phone_number": ["type": "string"], "amount": ["type": "integer"], "account_reference": ["type": "string"],
        ],
    ]
    private let form = SheetItem.Form(schema, phones: ["phone_number"])

    private func read(_ header: String, _ columns: [String: String] = [:]) throws(SheetError) -> [String: String] {
        let text = header + "\n0712345678,100,200,300"
        let found = try SheetItem.all(in: Array(text.utf8), as: form, naming: columns)
        return Dictionary(found.columns.map { ($0.name, $0.header) }) { first, _ in first }
    }

    private func refusal(_ header: String, _ columns: [String: String] = [:]) -> String {
        let error = #expect(throws: SheetError.self) { _ = try read(header, columns) }
        return error?.message ?? ""
    }

    @Test func `are told as they were read`() throws {
        #expect(try read(" M-Pesa No ,Net Pay") == ["phone_number": "M-Pesa No", "amount": "Net Pay"])
    }

    @Test func `named for what is no member are refused`() {
        let message = refusal("Phone,Amount", ["phone": "Phone"])

        #expect(message.contains("phone is no member") && message.contains("phone_number, amount, account_reference"))
    }

    @Test func `named twice are refused, and what is named is nobody else's`() throws {
        #expect(refusal("Phone,Amount,X", ["amount": "X", "account_reference": "x"]).contains("the same column"))
        #expect(
            try read("Phone,Amount,Net Pay", ["account_reference": "Amount"])
                == ["phone_number": "Phone", "amount": "Net Pay", "account_reference": "Amount"]
        )
    }

    @Test(arguments: [
        "Phone Number,M-Pesa No,Amount,X", "Phone,Amount,Net Pay,X", "phone,amount,Net Pay,X",
        "Phone,Amount,Amount (KES),X",
    ])
    func `are refused where people may mean either`(header: String) {
        #expect(refusal(header).contains("Say which by columns"))
    }

    @Test func `are the written names of members before people's words`() throws {
        #expect(try read("Mobile,amount,phone_number")["phone_number"] == "phone_number")
        #expect(try read("Phone,Amount (KES),Amount", ["amount": "Amount"])["amount"] == "Amount")
        #expect(refusal("Phone,Amount (KES),Amount", ["amount": "AMOUNT"]).contains("Say which"))
    }

    /// Phone, amount and net pay, of which a spreadsheet does not show all.
    private func file(_ columns: String, _ headers: [String] = ["Phone", "Amount", "Net Pay"]) -> [UInt8] {
        let header = headers.map { "<c t=\"str\"><v>\($0)</v></c>" }.joined()
        let row = "<c><v>254712345678</v></c><c><v>100</v></c><c><v>200</v></c>"
        var file = XLSXMaker([("Pay", "")])
        file.set(
            "xl/worksheets/sheet1.xml",
            """
            <worksheet xmlns="\(XLSXMaker.main)"><cols>\(columns)</cols><sheetData><row>\(header)</row><row>\(row)</row>\
            </sheetData></worksheet>
            """
        )
        return file.bytes()
    }

    @Test(arguments: ["<col min=\"2\" max=\"2\" hidden=\"1\"/>", "<col min=\"2\" max=\"2\" width=\"0\"/>"])
    func `that are hidden stand for nothing`(column: String) throws {
        let found = try SheetItem.all(in: file("<col min=\"1\" max=\"1\" width=\"9\"/>" + column), as: form)

        #expect(found.items.map { $0.value["amount"] } == [200])
        #expect(found.items[0].others.isEmpty && found.sheet == "Pay")
    }

    @Test func `that are hidden are refused where they are the only ones, or named`() throws {
        let hidden = "<col min=\"2\" max=\"2\" hidden=\"true\"/>"
        let named = #expect(throws: SheetError.self) {
            _ = try SheetItem.all(in: file(hidden), as: form, naming: ["amount": "Amount"])
        }
        let only = #expect(throws: SheetError.self) {
            _ = try SheetItem.all(in: file(hidden, ["Phone", "Amount", "Bank"]), as: form)
        }

        #expect(named?.message.contains("\"Amount\" of amount is hidden") ?? false)
        #expect(only?.message.contains("\"Amount\" of amount is hidden") ?? false)
        #expect(throws: SheetError.self) { _ = try SheetItem.all(in: file("<col min=\"3\" hidden=\"1\"/>"), as: form) }
    }
}
