import Daraja
import OrderedJSON
import Testing

/// Random numbers that come again with the same seed (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

struct `Reading money` {
    @Test(arguments: ["1", "1.00", "1E+0", "1e0", "10E-1", "0.01E2", "+1", "01", "1.", " 1 ", "1.0000000000000000000"])
    func `takes each form of one shilling for it`(text: String) {
        #expect(Money(text)?.wholeShillings == 1)
    }

    @Test(arguments: [
        "1.50", "0.99", "1.0000000000000000001", "0.9999999999999999999", "1E-1", "15E-1", "-0.5",
        "100000000000000000000", "1E+18", "1E+999",
    ])
    func `reads what is not a countable number of shillings, and rounds nothing`(text: String) throws {
        #expect(try #require(Money(text)).wholeShillings == nil)
    }

    @Test(
        arguments: [
            ("1,700,000.00", "1700000.00", 1_700_000), ("-1,540.00", "-1540.00", -1540), ("0", "0", 0),
            ("-0.00", "-0.00", 0),
            ("1E+5", "100000", 100_000), ("0E+999", "0E+999", 0), ("1.50E+1", "15.0", 15),
            ("999999999999999999", "999999999999999999", 999_999_999_999_999_999),
            ("12\u{A0}000.00", "12000.00", 12_000),
        ] as [(String, String, Int64)]
    )
    func `normalizes an amount and keeps its digits`(text: String, plain: String, whole: Int64) throws {
        let money = try #require(Money(text))

        #expect(money.text == plain && money.wholeShillings == whole)
    }

    @Test(arguments: [
        "", " ", ".", "-", "1,50", "1,7000", ",100", "1,,000", "1.2.3", "0x10", "1e", "1e+", "1e1000", "NaN", "inf",
        "KES",
        "١", "1 .0.", "--1", "1-", "1.000,00", String(repeating: "1", count: 65),
    ])
    func `takes nothing else for an amount`(text: String) {
        #expect(Money(text) == nil)
    }

    @Test func `reads members of a message, whatever their type`() {
        #expect(Money(.integer(7))?.wholeShillings == 7 && Money(.string("7.00"))?.wholeShillings == 7)
        #expect(Money(.number(7.0))?.wholeShillings == 7 && Money(.number(7.5))?.text == "7.5")
        #expect(Money(.null) == nil && Money(.array([1])) == nil && Money(nil as JSON?) == nil)
    }

    /// A whole number, written in any of the forms that mean it, is that number; with anything behind its point it is
    /// none.
    @Test func `means the same number in every form of it`() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<2000 {
            let digits = Int.random(in: 1...17, using: &random)
            let number = Int64.random(in: 0..<(0..<digits).reduce(1) { value, _ in value * 10 }, using: &random)
            let zeros = String(repeating: "0", count: Int.random(in: 0...20, using: &random))
            let shift = Int.random(in: 0...20, using: &random)
            let forms = [
                "\(number)", "\(number).\(zeros)", "0\(number)", "+\(number)", "\(number)E+0",
                "\(number)\(String(repeating: "0", count: shift))E-\(shift)", grouped(number),
                "0.\(padded(number))E\(padded(number).count)",
            ]
            for form in forms {
                #expect(Money(form)?.wholeShillings == number, "\(form), seed \(seed)")
                #expect(Money("-" + form.drop { $0 == "+" })?.wholeShillings == -number, "-\(form), seed \(seed)")
            }
            let broken = try #require(Money("\(number).\(zeros)\(Int.random(in: 1...9, using: &random))"))
            #expect(broken.wholeShillings == nil, "\(broken), seed \(seed)")
        }
    }

    private func padded(_ number: Int64) -> String { "\(number)" }

    private func grouped(_ number: Int64) -> String {
        var text = ""
        for (index, digit) in String(number).reversed().enumerated() {
            if index > 0, index % 3 == 0 { text = "," + text }
            text = String(digit) + text
        }
        return text
    }
}
