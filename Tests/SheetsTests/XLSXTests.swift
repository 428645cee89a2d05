import Testing

@testable import Sheets

struct `XLSX as spreadsheets write it` {
    @Test func `holds texts apart, in place, in pieces and as results of formulas`() throws {
        let file = XLSXMaker(
            [
                (
                    "Pay",
                    """
                    <row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>
                    <row r="2"><c r="A2" t="inlineStr"><is><r><t>in </t></r><r><t xml:space="preserve">place</t></r></is></c></row>
                    <row r="3"><c r="A3" t="str"><f>A1&amp;B1</f><v>made</v></c><c r="B3"><f>1+1</f><v>2</v></c></row>
                    """
                )
            ],
            shared: ["<t>phone</t>", "<r><t>amo</t></r><r><rPr><b/></rPr><t>unt</t></r><rPh><t>spoken</t></rPh>"]
        )

        #expect(try texts(file.bytes()) == [["phone", "amount"], ["in place"], ["made", "2"]])
    }

    @Test func `keeps numbers exactly, and tells dates from them`() throws {
        let cells =
            ["254712345678", "2.54712345678E11", "1500.00", "0.1"].map { "<c><v>\($0)</v></c>" }
            + (0...7).map { "<c s=\"\($0)\"><v>45000</v></c>" }
        let file = XLSXMaker(
            [("Pay", "<row>\(cells.joined())<c t=\"d\"><v>2026-11-27</v></c></row>")],
            formats: ["dd/mm/yyyy", "#,##0.00", "\"days\" 0", "[h]:mm", "[$KSh-441] #,##0", "0.00E+00"]
        )
        let row = try #require(try rows(file.bytes()).first)

        #expect(row.cells.prefix(4).map(\.text) == ["254712345678", "2.54712345678E11", "1500.00", "0.1"])
        #expect(row.cells.prefix(4).allSatisfy { $0.kind == .number })
        #expect(
            row.cells.dropFirst(4).map(\.kind)
                == [.number, .date, .number, .number, .date, .number, .number, .date, .date]
        )
    }

    @Test func `tells what a cell holds that is no value`() throws {
        let cells = """
            <c t="b"><v>1</v></c><c t="e"><v>#REF!</v></c><c><f>A1*2</f></c><c t="s"/><c s="0"/><c r="F1"><v>6</v></c>\
            <c><f>A1*2</f><v></v></c><c t="str"><f>""</f><v></v></c><c><v>9</v></c>
            """
        let row = try #require(try rows(XLSXMaker([("Pay", "<row>\(cells)</row>")], shared: []).bytes()).first)

        #expect(
            row.cells.map(\.kind) == [.truth, .fault, .unsaved, .empty, .empty, .number, .unsaved, .empty, .number]
        )
    }

    @Test func `leaves out rows and cells that are empty, and counts them`() throws {
        let file = XLSXMaker([
            (
                "Pay",
                """
                <row r="2"><c r="B2"><v>1</v></c></row><row r="3"/><row r="4"><c r="A4" s="1"/></row>
                <row r="9" hidden="1"><c r="AA9"><v>2</v></c></row>
                """
            )
        ])
        let found = try rows(file.bytes())

        #expect(found.map(\.number) == [2, 9])
        #expect(found.map(\.isHidden) == [false, true])
        #expect(found.map { $0.cells.count } == [2, 27])
    }

    @Test func `is read by the only sheet that is shown, or by a named one`() throws {
        let file = XLSXMaker(
            [
                ("Lists", "<row><c><v>1</v></c></row>"), ("Pay", "<row><c><v>2</v></c></row>"),
                ("Old", "<row><c><v>3</v></c></row>"),
            ],
            hidden: ["Lists"]
        )
        let one = XLSXMaker(
            [("Lists", "<row><c><v>1</v></c></row>"), ("Pay", "<row><c><v>2</v></c></row>")],
            hidden: ["Lists"]
        )

        #expect(try texts(one.bytes()) == [["2"]])
        let refusal = #expect(throws: SheetError.self) { _ = try texts(file.bytes()) }
        #expect(refusal?.message.contains("2 sheets: \"Pay\", \"Old\"") ?? false)
        #expect(try texts(file.bytes(), sheet: "old") == [["3"]])
        for (name, word) in [("Lists", "is hidden"), ("None", "none called")] {
            let error = #expect(throws: SheetError.self) { _ = try texts(file.bytes(), sheet: name) }
            #expect(error?.message.contains(word) ?? false)
        }
    }

    @Test func `is the same with prefixes and the strict namespaces`() throws {
        var file = XLSXMaker([("Pay", "")])
        file.set(
            "xl/worksheets/sheet1.xml",
            """
            <x:worksheet xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"><x:sheetData><x:row><x:c t="inlineStr">\
            <x:is><x:t>a</x:t></x:is></x:c></x:row></x:sheetData></x:worksheet>
            """
        )

        #expect(try texts(file.bytes()) == [["a"]])
    }
}

struct `A file that nobody's spreadsheet wrote` {
    /// Whether a file is refused, with what word.
    private func refusal(_ bytes: [UInt8], _ limits: SheetLimits = SheetLimits()) -> String {
        let error = #expect(throws: SheetError.self) { _ = try rows(bytes, limits: limits) }
        return error?.message ?? ""
    }

    private let row = "<row><c><v>1</v></c></row>"

    @Test func `is refused with a password, as an old file, with macros and as another zip`() {
        var macros = XLSXMaker([("Pay", row)])
        macros.set("xl/vbaProject.bin", "x")
        var typed = XLSXMaker([("Pay", row)])
        typed.set(
            "[Content_Types].xml",
            "<Types><Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.ms-excel.sheet.macroEnabled.main+xml\"/></Types>"
        )
        let parts = XLSXMaker([("Pay", row)]).parts.map { ($0.name, Array($0.text.utf8)) }

        #expect(refusal(macros.bytes()).contains("macros"))
        #expect(refusal(typed.bytes()).contains("macros"))
        #expect(refusal([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]).contains("password"))
        #expect(refusal(XLSXMaker.zip(parts, password: "secret")).contains("password"))
        #expect(refusal(XLSXMaker.zip([("a.txt", [0x61])])).contains("no XLSX"))
    }

    @Test func `is refused where it is cut, anywhere`() {
        let whole = XLSXMaker([("Pay", row)], shared: ["<t>a</t>"], formats: ["0"]).bytes()

        for length in 2..<whole.count { #expect(!refusal(Array(whole[..<length])).isEmpty) }
    }

    @Test func `is refused once it is too long unpacked`() {
        let bomb = XLSXMaker([("Pay", row + String(repeating: " ", count: 40 << 20))]).bytes()
        var limits = SheetLimits()
        limits.unpackedBytesMax = 1_000

        #expect(bomb.count < 100_000)
        #expect(refusal(bomb).contains("too long"))
        #expect(refusal(XLSXMaker([("Pay", row)], shared: []).bytes(), limits).contains("too long"))
    }

    @Test(arguments: [
        "<!DOCTYPE x [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;\">]>", "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">",
    ])
    func `is refused for a document type, whatever it declares`(type: String) {
        for part in ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "[Content_Types].xml", "xl/sharedStrings.xml"] {
            var file = XLSXMaker([("Pay", row)], shared: [])
            let text = file.parts.first { $0.name == part }?.text ?? ""
            file.set(part, type + text)
            #expect(refusal(file.bytes()).contains("document type"))
        }
    }

    @Test func `is refused for entities, depth and endless tags`() {
        let deep = String(repeating: "<a>", count: 40) + String(repeating: "</a>", count: 40)
        var tag = ""
        for index in 0..<120_000 { tag += " a\(index)=\"\(index &* 2_654_435_761)\"" }

        #expect(refusal(XLSXMaker([("Pay", "<row><c><v>&a;</v></c></row>")]).bytes()).contains("XML"))
        #expect(refusal(XLSXMaker([("Pay", deep)]).bytes()).contains("deep"))
        #expect(refusal(XLSXMaker([("Pay", "<row\(tag)/>")]).bytes()).contains("tag"))
    }

    @Test func `names its parts in vain outside of it`() {
        for target in [
            "../../../../etc/passwd", "file:///etc/passwd", "/../xl/worksheets/sheet1.xml", "worksheets/none.xml",
        ] {
            var file = XLSXMaker([("Pay", row)])
            file.set(
                "xl/_rels/workbook.xml.rels",
                XLSXMaker.named([
                    "<Relationship Id=\"s1\" Type=\"\(XLSXMaker.relations)/worksheet\" Target=\"\(target)\"/>"
                ])
            )
            #expect(!refusal(file.bytes()).isEmpty)
        }
        let parts = XLSXMaker([("Pay", row)]).parts.map { ($0.name, Array($0.text.utf8)) }
        #expect(throws: Never.self) { try rows(XLSXMaker.zip(parts + [("../../tmp/evil", [0x61])])) }
    }

    @Test func `is bounded in columns, rows, cells and shared texts`() {
        var limits = SheetLimits()
        (limits.rowsMax, limits.sharedTextsMax, limits.sharedBytesMax, limits.partsMax) = (2, 3, 10, 8)
        let wide = (0..<100_000).map { _ in "<c><v>1</v></c>" }.joined()
        let long = "<row><c t=\"str\"><v>\(String(repeating: "x", count: 5_000))</v></c></row>"

        #expect(refusal(XLSXMaker([("Pay", "<row>\(wide)</row>")]).bytes()).contains("256 columns"))
        #expect(refusal(XLSXMaker([("Pay", "<row><c r=\"ZZZZ1\"><v>1</v></c></row>")]).bytes()).contains("order"))
        #expect(refusal(XLSXMaker([("Pay", long)]).bytes()).contains("longer than"))
        #expect(refusal(XLSXMaker([("Pay", row + row + row)]).bytes(), limits).contains("2 rows"))
        let many = [String](repeating: "<t>a</t>", count: 4)
        #expect(refusal(XLSXMaker([("Pay", row)], shared: many).bytes(), limits).contains("3 texts"))
        #expect(refusal(XLSXMaker([("Pay", row)], shared: ["<t>01234567890</t>"]).bytes(), limits).contains("10 bytes"))
        let sheets = (0..<9).map { ("S\($0)", row) }
        #expect(refusal(XLSXMaker(sheets).bytes(), limits).contains("8 parts"))
    }

    @Test func `is refused where its rows or texts are not what they say`() {
        for rows in [
            "<row r=\"2\"><c><v>1</v></c></row><row r=\"1\"><c><v>1</v></c></row>", "<row r=\"9999999\"/>",
            "<row><c r=\"B1\"><v>1</v></c><c r=\"A1\"><v>1</v></c></row>", "<row><c t=\"s\"><v>7</v></c></row>",
            "<row><c t=\"odd\"><v>7</v></c></row>", "<row><c t=\"s\"><v>-1</v></c></row>",
        ] {
            #expect(refusal(XLSXMaker([("Pay", rows)], shared: ["<t>a</t>"]).bytes()).contains("damaged"))
        }
    }
}
