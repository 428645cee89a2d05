import Testing

@testable import Sheets

struct `CSV as spreadsheets write it` {
    private func read(_ text: String) throws(SheetError) -> [[String]] { try texts(Array(text.utf8)) }

    @Test(arguments: [",", ";", "\t"], ["\r\n", "\n", "\r"])
    func `is read whatever separates cells and ends lines`(separator: String, end: String) throws {
        let lines = [
            "phone\(separator)amount", "0712345678\(separator)\"1,500\"", "\"a\"\"b\(end)c\(separator)\"\(separator)2",
        ]

        #expect(
            try read(lines.joined(separator: end))
                == [["phone", "amount"], ["0712345678", "1,500"], ["a\"b\(end)c\(separator)", "2"]]
        )
    }

    @Test func `tells rows by the number that a spreadsheet shows`() throws {
        let found = try rows(Array("a,b\n\n,,\n  \n1,2,,,\n".utf8))

        #expect(found.map(\.number) == [1, 4, 5])
        #expect(found.map { $0.cells.count } == [2, 1, 2])
    }

    @Test func `says its separator in a first line`() throws {
        #expect(try read("sep=;\r\na,b;c\r\n") == [["a,b", "c"]])
        #expect(try rows(Array("sep=\t\na\tb".utf8)).map(\.number) == [1])
        #expect(try read("sep=|\na,b") == [["sep=|"], ["a", "b"]])
    }

    @Test func `is separated by what most lines have`() throws {
        #expect(try read("phone;amount\n1;1,500\n2;2,500") == [["phone", "amount"], ["1", "1,500"], ["2", "2,500"]])
        #expect(try read("Salaries; November\nphone,remarks\n1,a;b\n2,c").last == ["2", "c"])
        #expect(try read("phone\n0712345678") == [["phone"], ["0712345678"]])
    }

    @Test func `is read in every encoding that Excel writes`() throws {
        let text = "Müller,Ksh 1 € “ok”\r\n"
        let expected = [["Müller", "Ksh 1 € “ok”"]]
        let units = Array(text.utf16)
        var little: [UInt8] = [0xFF, 0xFE]
        var big: [UInt8] = [0xFE, 0xFF]
        for unit in units {
            little += [UInt8(truncatingIfNeeded: unit), UInt8(unit >> 8)]
            big += [UInt8(unit >> 8), UInt8(truncatingIfNeeded: unit)]
        }
        let windows: [UInt8] =
            [0x4D, 0xFC] + Array("ller,Ksh 1 ".utf8) + [0x80, 0x20, 0x93] + Array("ok".utf8) + [0x94, 13, 10]

        #expect(try texts(Array(text.utf8)) == expected)
        #expect(try texts([0xEF, 0xBB, 0xBF] + Array(text.utf8)) == expected)
        #expect(try texts(little) == expected)
        #expect(try texts(big) == expected)
        #expect(try texts(windows) == expected)
    }

    @Test(
        arguments: [
            ([0x61, 0x00, 0x62], "byte of value 0"), ([0xFF, 0xFE, 0x61], "cut short"),
            ([0xFF, 0xFE, 0x00, 0xD8], "UTF-16"),
            ([0xFF, 0xFE, 0x61, 0x00, 0x00, 0x00], "byte of value 0"), ([0xEF, 0xBB, 0xBF, 0xFF], "UTF-8"),
            ([0x61, 0x81], "Windows-1252"),
            ([], "empty"), (Array("a,b\n\"c,d".utf8), "row 2: a quote is opened and never closed"),
            (Array("a\n\"b\"c".utf8), "row 2: something stands behind a quoted cell"),
        ] as [([UInt8], String)]
    )
    func `that is none is refused with a word`(bytes: [UInt8], word: String) {
        let error = #expect(throws: SheetError.self) { _ = try rows(bytes) }

        #expect(error?.message.contains(word) ?? false, "\(error?.message ?? "")")
        #expect(error?.kind == .unreadable)
    }

    @Test func `is bounded in rows, columns and cells`() throws {
        var limits = SheetLimits()
        (limits.rowsMax, limits.columnsMax, limits.cellBytesMax, limits.bytesMax) = (3, 4, 10, 100)
        let good = ["a\n\nb\nc\n\n", "1,2,3,4,,,,,", "0123456789,\"0123456789\""]
        let bad = ["a\nb\nc\nd", "1,2,3,4,5", "01234567890", "\"01234567890\"", String(repeating: "a,\n", count: 50)]

        for text in good { #expect(throws: Never.self) { try texts(Array(text.utf8), limits: limits) } }
        for text in bad {
            let error = #expect(throws: SheetError.self) { _ = try texts(Array(text.utf8), limits: limits) }
            #expect(error?.kind == .tooLarge)
        }
    }

    @Test func `of ten megabytes is read up to the first row too many, and not beyond`() throws {
        final class Found { var rows = 0 }
        let found = Found()
        // What stands behind it would be told if it were looked at: a quote that never ends.
        let rows = String(repeating: "254711010001,100\n", count: 10_101)
        let text = rows + "\"" + String(repeating: "x", count: 10 << 20)

        let error = #expect(throws: SheetError.self) {
            try SheetFile.read(Array(text.utf8)) { (_) throws(SheetError) in found.rows += 1 }
        }

        #expect(error == SheetError(.tooLarge, "there are more than 10100 rows. Send them in parts.", row: 10_101))
        #expect(found.rows == 10_100)
    }

    @Test func `with a hundred thousand columns is refused at once`() throws {
        let wide = Array(String(repeating: "x,", count: 100_000).utf8)
        let empty = Array(String(repeating: ",", count: 100_000).utf8)

        #expect(throws: SheetError(.tooLarge, "it has more than 256 columns.", row: 1)) { _ = try rows(wide) }
        #expect(try rows(empty).isEmpty)
    }
}
