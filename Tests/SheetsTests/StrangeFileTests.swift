import Foundation
import OrderedJSON
import Testing

@testable import Sheets

/// Numbers from a seed (SplitMix64).
private struct Chance: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

struct `A file of chance` {
    private static let form = SheetItem.Form(
        [
            "required": ["phone_number", "amount"],
            "properties": ["phone_number": ["type": "string"], "amount": ["type": "integer"]],
        ],
        phones: ["phone_number"]
    )
    private static let words = [
        "phone", "amount", "0712345678", "1500", "\"", "\"\"", ",", ";", "\t", "\n", "\r\n", "\r", "=", "'", "é",
        "\u{FEFF}",
        "2.5E+11", "\u{0}", " ", "sep=;",
    ]

    /// Reads a file that may be anything: it is read, or refused with a word.
    private func read(_ bytes: [UInt8], _ seed: UInt64) {
        do throws(SheetError) {
            for item in try SheetItem.all(in: bytes, as: Self.form).items {
                #expect(item.row > 0 && item.value.objectValue != nil, "seed \(seed)")
            }
        } catch { #expect(!error.message.isEmpty && error.kind != .unavailable, "seed \(seed)") }
    }

    @Test(arguments: [UInt64.random(in: 0 ... .max)])
    func `as CSV is read or refused`(seed: UInt64) {
        print("seed of CSV: \(seed)")
        var chance = Chance(state: seed)
        for _ in 0..<3_000 {
            var bytes = Array("phone,amount\n".utf8)
            for _ in 0..<Int.random(in: 0...30, using: &chance) {
                bytes += Array((Self.words.randomElement(using: &chance) ?? "").utf8)
            }
            if Bool.random(using: &chance) { bytes.append(UInt8.random(in: 0 ... .max, using: &chance)) }
            if Int.random(in: 0..<8, using: &chance) == 0 { bytes = [0xFF, 0xFE] + bytes }
            read(bytes, seed)
        }
    }

    @Test(arguments: [UInt64.random(in: 0 ... .max)])
    func `as XLSX is read or refused`(seed: UInt64) {
        print("seed of XLSX: \(seed)")
        var chance = Chance(state: seed)
        let header = "<row><c t=\"s\"><v>0</v></c><c t=\"s\"><v>1</v></c></row>"
        let row = "<row r=\"3\"><c r=\"A3\"><v>254712345678</v></c><c r=\"B3\" s=\"1\"><f>1</f><v>5</v></c></row>"
        let maker = XLSXMaker(
            [("Pay", header + row)],
            shared: ["<t>phone</t>", "<t>amount</t>"],
            formats: ["dd/mm"]
        )
        for _ in 0..<600 {
            // Either the packed bytes are altered, or the text of a part before it is packed.
            var whole = maker
            if Bool.random(using: &chance) {
                var bytes = whole.bytes()
                for _ in 0..<Int.random(in: 1...6, using: &chance) {
                    bytes[Int.random(in: 0..<bytes.count, using: &chance)] = UInt8.random(
                        in: 0 ... .max,
                        using: &chance
                    )
                }
                read(bytes, seed)
                continue
            }
            let index = Int.random(in: 0..<whole.parts.count, using: &chance)
            var text = Array(whole.parts[index].text.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &chance) {
                let place = Int.random(in: 0..<text.count, using: &chance)
                let end = min(text.count, place + Int.random(in: 0...12, using: &chance))
                let piece = ["<row>", "</row>", "<c t=\"s\">", "9", "\"", "<v>", "<!--", "&lt;"]
                    .randomElement(using: &chance)
                text.replaceSubrange(place..<end, with: Array((piece ?? "").utf8))
            }
            whole.parts[index].text = String(decoding: text, as: UTF8.self)
            read(whole.bytes(), seed)
        }
    }
}

struct `A file that asks for too much` {
    private static let form = SheetItem.Form(
        ["required": ["amount"], "properties": ["amount": ["type": "integer"]]],
        phones: []
    )

    private func refusal(_ limits: SheetLimits, _ bytes: [UInt8]) -> SheetError? {
        #expect(throws: SheetError.self) { _ = try SheetItem.all(in: bytes, as: Self.form, limits: limits) }
    }

    @Test func `keeps the beginning of twenty columns that are not read`() throws {
        let header = "amount," + (0..<60).map { "H\($0)" }.joined(separator: ",")
        let row =
            "5," + [String](repeating: String(repeating: "e\u{301}", count: 1_000), count: 60).joined(separator: ",")
        let others = try #require(
            try SheetItem.all(in: Array((header + "\n" + row).utf8), as: Self.form).items.first
        )
        .others

        #expect(others.map(\.header) == (0..<20).map { "H\($0)" })
        #expect(others.allSatisfy { $0.text.unicodeScalars.count == 200 })
    }

    @Test func `is refused once what is kept of it is too long`() {
        var limits = SheetLimits()
        limits.keptBytesMax = 2_000
        let rows = String(repeating: "5,\(String(repeating: "x", count: 90))\n", count: 30)

        #expect(refusal(limits, Array(("amount,Name\n" + rows).utf8))?.kind == .tooLarge)
        #expect(throws: Never.self) {
            _ = try SheetItem.all(in: Array(("amount,Name\n" + rows.prefix(900)).utf8), as: Self.form, limits: limits)
        }
    }

    @Test func `is refused once its time is up`() {
        var limits = SheetLimits()
        limits.timeMax = .zero
        let row = "<row><c t=\"str\"><v>amount</v></c></row><row><c><v>5</v></c></row>"

        for bytes in [
            Array(("amount\n" + String(repeating: "5\n", count: 100)).utf8), XLSXMaker([("Pay", row)]).bytes(),
        ] {
            let error = refusal(limits, bytes)
            #expect(error?.kind == .tooLarge && error?.message.contains("to read") == true)
        }
    }

    @Test func `is refused once the parser keeps too many names`() {
        var limits = SheetLimits()
        limits.xmlBytesMax = 1 << 20
        let names = (0..<40_000).map { "<n\($0)/>" }.joined()
        let row = "<row><c t=\"str\"><v>amount</v></c></row><row><c><v>5</v></c></row>"
        let named = XLSXMaker([("Pay", row + names)]).bytes()

        #expect(refusal(limits, named)?.message.contains("XML takes more") == true)
        #expect(refusal(limits, named)?.kind == .tooLarge)
        // The same elements by one name are read in the same memory.
        let same = XLSXMaker([("Pay", row + [String](repeating: "<n0/>", count: 40_000).joined())]).bytes()
        #expect(throws: Never.self) { _ = try SheetItem.all(in: same, as: Self.form, limits: limits) }
    }

    @Test func `has its formats looked at once, and not to their ends`() {
        let long = String(repeating: "general", count: 40_000)

        #expect(!SheetStyles.isDate(code: long) && !SheetStyles.isDate(code: "[" + long))
        #expect(!SheetStyles.isDate(code: String(repeating: "0", count: 1_000) + "yyyy"))
        #expect(
            SheetStyles.isDate(code: "[$-409]mmm") && SheetStyles.isDate(code: "[HH]") && SheetStyles.isDate(code: "gg")
        )
        #expect(!SheetStyles.isDate(code: "General") && !SheetStyles.isDate(code: "0\\d\"y\"_m*h[Red][]"))
    }
}
