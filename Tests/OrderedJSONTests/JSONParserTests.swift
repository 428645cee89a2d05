import Glibc
import Testing

@testable import OrderedJSON

/// What this thread has worked.
private enum ThreadClock {
    static var nanoseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}

struct `Parsing JSON` {
    static let accepted: [(String, JSON)] = [
        ("null", .null), (" [1, 2.5 ,\"a\"] ", [1, 2.5, "a"]), ("{\"b\":1,\"a\":{}}", ["b": 1, "a": [:]]),
        ("-0", 0), ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("1e2", .number(100)), ("\"\\u00e9\\ud83d\\ude00\\n\"", "é😀\n"), ("\"\"", ""), ("[]", []),
        ("9223372036854775808", .number(9_223_372_036_854_775_808)),
    ]

    @Test(arguments: accepted)
    func `accepts what RFC 8259 allows`(text: String, value: JSON) throws {
        #expect(try JSON(parsing: text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "[1,]", "[1 2]", "{\"a\" 1}", "{\"a\":1,}", "{a:1}", "01", "-", "1.", ".5", "1e", "+1", "1e400",
        "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\x\"", "\"\u{1}\"", "\"abc", "[", "{", "1 1", "'a'", "NaN", "Infinity",
        "{\"a\":1,\"a\":2}", "\"\\u12g4\"", "[1]]", "tru", "\u{FEFF}1",
    ])
    func `refuses everything else`(text: String) {
        #expect(throws: JSONParseError.self) { try JSON(parsing: text) }
    }

    @Test func `refuses bytes that are not UTF-8`() {
        #expect(throws: JSONParseError.self) { try JSON(parsing: [0x22, 0xFF, 0x22]) }
    }

    @Test func `says where and what was expected`() throws {
        let error = #expect(throws: JSONParseError.self) { try JSON(parsing: "{\"a\": [1, }") }

        #expect(error?.offset == 10)
        #expect(error?.reason == "expected a value")
    }

    @Test func `refuses nesting and length beyond the limits`() {
        let limits = JSONLimits(bytesMax: 20, depthMax: 3)

        #expect(throws: Never.self) { try JSON(parsing: "[[[1]]]", limits: limits) }
        #expect(throws: JSONParseError.self) { try JSON(parsing: "[[[[1]]]]", limits: limits) }
        #expect(throws: JSONParseError.self) { try JSON(parsing: "\"aaaaaaaaaaaaaaaaaaaaaaa\"", limits: limits) }
    }

    @Test func `takes the last of two members where told to`() throws {
        let limits = JSONLimits(duplicateKeys: .lastWins)

        #expect(try JSON(parsing: "{\"a\":1,\"a\":2}", limits: limits) == ["a": 2])
    }
}

struct `JSON eight bytes at a time` {
    // What needs a look must be seen at every place of a word, whatever stands before it.
    @Test(arguments: ["\"", "\\", "\u{1F}", "\u{0}", "\u{7F}", "é", "€", "😀"], 0...17)
    func `finds what needs a look wherever it stands`(special: String, place: Int) throws {
        for filling in ["a", " ", "!", "#", "[", "]", "~"] {
            let text = String(repeating: filling, count: place) + special + String(repeating: filling, count: 9)

            let written = JSON.string(text).text

            #expect(try JSON(parsing: written) == .string(text))
            #expect(written.utf8.allSatisfy { $0 >= 0x20 })
        }
    }

    @Test(arguments: 0...17)
    func `refuses a control character wherever it stands`(place: Int) {
        for control in UInt8(0)..<0x20 {
            var bytes = Array(("\"" + String(repeating: " ", count: 18) + "\"").utf8)
            bytes[1 + place] = control

            #expect(
                throws: JSONParseError(
                    offset: 1 + place,
                    reason: "a control character in a string; write it as an escape"
                )
            ) { try JSON(parsing: bytes) }
        }
    }

    @Test(arguments: 0...17)
    func `refuses a byte that is not UTF-8 wherever it stands`(place: Int) {
        var bytes = Array(("\"" + String(repeating: "z", count: 18) + "\"").utf8)
        bytes[1 + place] = 0xFF

        #expect(throws: JSONParseError.self) { try JSON(parsing: bytes) }
    }

    @Test func `refuses every member that is named twice, among many`() throws {
        let names = (0..<200).map { "name\($0)" }
        let members = names.map { "\"\($0)\":1" }
        #expect(try JSON(parsing: "{" + members.joined(separator: ",") + "}").objectValue?.keys == names)

        for name in names {
            let twice = "{" + (members + ["\"\(name)\":2"]).joined(separator: ",") + "}"
            #expect(throws: JSONParseError.self) { try JSON(parsing: twice) }
        }
    }

    @Test func `says a name again in short, without what cannot be seen`() throws {
        let name = String(repeating: "\u{202E}", count: 30_000)
        let error = #expect(throws: JSONParseError.self) { try JSON(parsing: "{\"\(name)\":1,\"\(name)\":2}") }

        let reason = try #require(error?.reason)
        #expect(reason.contains("twice") && reason.count < 200 && !reason.contains("\u{202E}"), "\(reason)")
    }

    @Test func `costs a member as much among thousands as among hundreds`() throws {
        func text(_ count: Int) -> [UInt8] {
            Array(("{" + (0..<count).map { "\"k\($0)\":0" }.joined(separator: ",") + "}").utf8)
        }
        // By the clock of this thread's own work, the least of several: what else the machine does counts for nothing.
        func cost(_ count: Int) throws -> Double {
            let text = text(count)
            func once() throws -> Double {
                let begin = ThreadClock.nanoseconds
                let value = try JSON(parsing: text)
                #expect(value == value && value.objectValue?.count == count)
                return Double(ThreadClock.nanoseconds - begin)
            }
            return try (0..<5).map { _ in try once() }.reduce(.infinity, min) / Double(count)
        }

        // As the square it would be sixteen times.
        #expect(try cost(4096) < 6 * cost(256))
    }

    @Test(arguments: [#"{"ab":1,"\u0061b":2}"#, #"{"\u0061b":1,"ab":2}"#, #"{"a\u0062":1,"\u0061b":2}"#])
    func `knows a name again however it is escaped`(text: String) throws {
        #expect(throws: JSONParseError.self) { try JSON(parsing: text) }
        #expect(try JSON(parsing: text, limits: JSONLimits(duplicateKeys: .lastWins)) == ["ab": 2])
    }

    @Test func `keeps two names apart that are the same only to a person`() throws {
        let composed = "\u{E9}"
        let decomposed = "e\u{301}"
        let value = try JSON(parsing: "{\"\(composed)\":1,\"\(decomposed)\":2}")

        #expect(value[composed] == 1)
        #expect(value[decomposed] == 2)
    }

    @Test(arguments: [
        Int64.min, Int64.min + 1, -1_000_000_000_000_000_000, -10, -9, -1, 0, 1, 9, 10, 11, 99, 100, 999, 1000,
        999_999_999_999_999_999, 1_000_000_000_000_000_000, Int64.max,
    ])
    func `writes whole numbers digit by digit`(number: Int64) {
        #expect(JSON.integer(number).text == String(number))
    }
}

struct `Writing JSON` {
    @Test func `keeps the order of members`() throws {
        #expect(try JSON(parsing: "{\"z\":1,\"a\":[true,null]}").text == "{\"z\":1,\"a\":[true,null]}")
    }

    @Test func `gives equal values one canonical form`() throws {
        let left = try JSON(parsing: "{\"b\":1.0,\"a\":\"x\"}")
        let right = try JSON(parsing: "{\"a\":\"x\",\"b\":1}")

        #expect(left == right)
        #expect(left.canonicalBytes == right.canonicalBytes)
    }

    @Test func `sorts names for the canonical form by their UTF-16 units`() {
        // As RFC 8785 does: a name of two units begins with one below U+FF21, though its bytes are above.
        let value: JSON = ["\u{FF21}": 1, "\u{1F600}": 2, "b": 3, "\u{E9}": 4, "a": 5, "": 6, "ab": 7]

        #expect(value.canonicalBytes == Array(#"{"":6,"a":5,"ab":7,"b":3,"é":4,"😀":2,"Ａ":1}"#.utf8))
    }

    @Test func `reads back what it wrote, whatever it was`() throws {
        var generator = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: .min ... .max, using: &generator)
        var random = SplitMix(state: seed)
        for _ in 0..<2_000 {
            let value = JSON.random(depth: 0, &random)
            #expect(try JSON(parsing: value.bytes) == value, "seed \(seed)")
        }
    }

    @Test func `never crashes on damaged text`() throws {
        var generator = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: .min ... .max, using: &generator)
        var random = SplitMix(state: seed)
        for _ in 0..<5_000 {
            var bytes = JSON.random(depth: 0, &random).bytes
            bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            if let value = try? JSON(parsing: bytes) {
                #expect(try JSON(parsing: value.bytes) == value, "seed \(seed)")
            }
        }
    }
}

struct `JSON pointers` {
    let value: JSON = ["a/b": [1, ["c": "x"]], "m~n": 2]

    @Test func `find and change a place`() throws {
        var value = value
        #expect(value.value(at: try JSONPointer(parsing: "/a~1b/1/c")) == "x")
        #expect(value.value(at: try JSONPointer(parsing: "/m~0n")) == 2)
        #expect(value.value(at: try JSONPointer(parsing: "/a~1b/2")) == nil)
        #expect(value.set("y", at: try JSONPointer(parsing: "/a~1b/1/d")))
        #expect(!value.set("y", at: try JSONPointer(parsing: "/no/where")))
        #expect(value.value(at: try JSONPointer(parsing: "/a~1b/1/d")) == "y")
    }

    @Test(arguments: ["/a~1b/2", "/a~1b/1/c/d", "/a~1b/1/e/f", "/m~0n/x", "/a~1b/01", "/z/z"])
    func `change nothing where there is no such place`(text: String) throws {
        var value = value

        #expect(!value.set("y", at: try JSONPointer(parsing: text)))
        #expect(value.text == self.value.text)
    }

    @Test func `change a value without changing its copies`() throws {
        var value = value
        let copy = value

        #expect(value.set("y", at: try JSONPointer(parsing: "/a~1b/1/c")))
        #expect(value.text == #"{"a/b":[1,{"c":"y"}],"m~n":2}"#)
        #expect(copy.text == self.value.text)
    }

    @Test func `mask every element`() throws {
        let list: JSON = ["payments": [["phone": "254700000001"], ["phone": "254700000002"]]]
        let masked = list.masking([try JSONPointer(parsing: "/payments/*/phone")], with: "•")

        #expect(masked == ["payments": [["phone": "•"], ["phone": "•"]]])
    }

    @Test(arguments: ["a", "/~", "/~2"])
    func `are refused when malformed`(text: String) {
        #expect(throws: JSONPointer.Malformed.self) { try JSONPointer(parsing: text) }
    }
}

/// A small generator with a seed, so that a failure can be run again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

extension JSON {
    static func random(depth: Int, _ random: inout SplitMix) -> JSON {
        switch Int.random(in: 0..<(depth > 4 ? 5 : 7), using: &random) {
        case 0: .null
        case 1: .bool(.random(using: &random))
        case 2: .integer(Int64(bitPattern: random.next()))
        case 3: .number(Double(Int64.random(in: -1 << 40...1 << 40, using: &random)) / 1000)
        case 4: .string(text(&random))
        case 5: .array((0..<Int.random(in: 0...4, using: &random)).map { _ in .random(depth: depth + 1, &random) })
        default:
            .object(
                JSONObject(
                    (0..<Int.random(in: 0...4, using: &random)).map { ("k\($0)", .random(depth: depth + 1, &random)) }
                )
            )
        }
    }

    private static func text(_ random: inout SplitMix) -> String {
        let scalars: [Unicode.Scalar] = ["a", "\"", "\\", "\n", "é", "😀", "\u{0}", "/", "\u{7F}", "\u{2028}"]
        var text = ""
        for _ in 0..<Int.random(in: 0...8, using: &random) {
            text.unicodeScalars.append(scalars[Int.random(in: scalars.indices, using: &random)])
        }
        return text
    }
}

struct `Numbers that must not be rounded` {
    @Test(arguments: ["1.0000000000000000001", "0.99999999999999999999", "1e-400", "-1.00000000000000000001", "100.5"])
    func `are not whole`(text: String) throws {
        #expect(try JSON(parsing: Array(text.utf8)).integerValue == nil)
    }

    @Test(arguments: [
        ("1.00", 1), ("1E+0", 1), ("100e-2", 1), ("12e2", 1200), ("0.0", 0), ("0e9", 0), ("-5.0", -5),
        ("9007199254740993.0", 9_007_199_254_740_993), ("922337203685477580.7e1", 9_223_372_036_854_775_807),
    ])
    func `are exactly what they say where they are whole`(text: String, whole: Int64) throws {
        #expect(try JSON(parsing: Array(text.utf8)).integerValue == whole)
    }

    @Test func `are refused where no double is near enough`() {
        #expect(throws: JSONParseError.self) { try JSON(parsing: Array("9007199254740993.5".utf8)) }
    }
}
