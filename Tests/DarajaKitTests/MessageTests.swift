import Daraja
import DarajaKit
import OrderedJSON
import Testing

struct `Reading a message` {
    static let lenient: [(String, [UInt8], JSON)] = [
        ("a byte order mark", [0xEF, 0xBB, 0xBF] + Array(#"{"a":"b"}"#.utf8), ["a": "b"]),
        ("NULs at the end", Array(#"{"a":"b"}"#.utf8) + [0, 0], ["a": "b"]),
        ("a raw tab", Array("{\"a\":\"b\tc\"}".utf8), ["a": "b\tc"]),
        ("a raw line break", Array("{\"a\":\"b\r\nc\"}".utf8), ["a": "b\r\nc"]),
        ("another raw control character", Array("{\"a\":\"b\u{1}c\"}".utf8), ["a": "b\u{1}c"]),
        ("Latin-1", Array(#"{"a":"Jos"#.utf8) + [0xE9] + Array(#""}"#.utf8), ["a": "José"]),
        ("Windows-1252", Array(#"{"a":""#.utf8) + [0x80] + Array(#""}"#.utf8), ["a": "€"]),
        ("Latin-1 beside UTF-8", Array(#"{"a":"é"#.utf8) + [0xE9] + Array(#""}"#.utf8), ["a": "éé"]),
        ("a cut character of UTF-8", Array(#"{"a":""#.utf8) + [0xE2, 0x82] + Array(#""}"#.utf8), ["a": "â‚"]),
        ("an escaped apostrophe", Array(#"{"a":"Ng\'ang\'a"}"#.utf8), ["a": "Ng'ang'a"]),
        ("one name twice", Array(#"{"a":1,"a":2}"#.utf8), ["a": 2]),
        ("zeros in front", Array(#"{"a":0712345678}"#.utf8), ["a": "0712345678"]),
        ("a plus", Array(#"{"a":+1}"#.utf8), ["a": "+1"]),
        ("numbers in texts", Array(#"{"a":"1.00 \"2.0","b":[-7,0]}"#.utf8), ["a": "1.00 \"2.0", "b": [-7, 0]]),
    ]

    @Test(arguments: lenient)
    func `forgives what leaves the meaning plain`(what: String, bytes: [UInt8], json: JSON) {
        #expect(Message(bytes).json == json, "\(what)")
    }

    @Test(arguments: ["1.00", "1E+0", "1.0000000000000000001", "1234567890123456789012"])
    func `keeps the text of a number that a parser would change`(number: String) {
        #expect(Message(Array("{\"a\":\(number)}".utf8)).json == ["a": .string(number)])
    }

    @Test(arguments: [
        "", " \n", "{", "{\"a\":\"b}", "<html></html>", "{\"a\":1}{\"a\":2}", "{\"a\":1}\u{0}x", "{a:1}", "1 2",
    ])
    func `guesses at nothing else`(text: String) {
        let message = Message(Array(text.utf8))

        #expect(message.json == nil && message.trouble != nil)
    }

    @Test func `says that bytes are compressed, and shows how they begin`() {
        let message = Message([0x1F, 0x8B, 0x08, 0x00, 0x00])

        #expect(message.json == nil && message.trouble?.contains("gzip") == true && message.excerpt == "1f 8b 08 00 00")
    }

    @Test func `changes no document that is strict JSON without fractions`() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<500 {
            let document = document(depth: 0, &random)
            #expect(Message(document.bytes).json == document, "seed \(seed)")
        }
    }

    /// Whatever bytes come, the reader ends, and what it reads strict JSON could also have said.
    @Test func `survives bytes that were changed anywhere`() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<2000 {
            var bytes = document(depth: 0, &random).bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: bytes.indices, using: &random)
                bytes[place] = UInt8.random(in: 0...255, using: &random)
            }
            let message = Message(bytes)
            #expect(message.excerpt.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
            if let json = message.json { #expect(try JSON(parsing: json.bytes) == json, "seed \(seed)") }
        }
    }

    private func document(depth: Int, _ random: inout SeededRandom) -> JSON {
        switch Int.random(in: 0...(depth < 3 ? 6 : 4), using: &random) {
        case 0: return .null
        case 1: return .bool(.random(using: &random))
        case 2: return .integer(.random(in: -999_999_999_999...999_999_999_999, using: &random))
        case 3, 4:
            let letters = Array("aé€😀\"\\/\n\t 1.5-{}[]")
            return .string(
                String(
                    (0..<Int.random(in: 0...9, using: &random))
                        .map { _ in letters.randomElement(using: &random) ?? "a" }
                )
            )
        case 5:
            return .array((0..<Int.random(in: 0...3, using: &random)).map { _ in document(depth: depth + 1, &random) })
        default:
            let names = (0..<Int.random(in: 0...3, using: &random)).map { "m\($0)" }
            return .object(JSONObject(names.map { ($0, document(depth: depth + 1, &random)) }))
        }
    }
}

struct `Showing how a message begins` {
    @Test func `is one bounded line without control characters`() {
        let text = Excerpt.of(
            Array("<html>\r\n<head>\u{0}\u{1B}[31m\t<title>Off</title>\(String(repeating: "x", count: 500))".utf8)
        )

        #expect(text.hasPrefix("<html> <head> [31m <title>Off</title>xxx"))
        #expect(text.count == Excerpt.charactersMax + 1 && text.hasSuffix("…"))
    }

    @Test(arguments: ["phone 254712345678.", "phone 0712345678", "\"MSISDN\":712345678,"])
    func `shows no phone`(text: String) {
        #expect(!Excerpt.of(text).contains("12345678") && Excerpt.of(text).contains("[phone]"))
    }

    /// The page of Safaricom's firewall, shortened; numbers masked.
    @Test func `names the incident that support asks for`() {
        let page = """
            <html style="height:100%"><head><META NAME="ROBOTS" CONTENT="NOINDEX, NOFOLLOW">\
            <meta name="viewport" content="initial-scale=1.0"></head><body><iframe src="/_Incapsula_Resource?CWUDNSAI=9">\
            Request unsuccessful. Incapsula incident ID: 893000101234567890-123456789012345678</iframe></body></html>
            """

        #expect(
            Excerpt.of(Array(page.utf8)).hasSuffix("(Incapsula incident ID: 893000101234567890-123456789012345678)")
        )
    }

    @Test func `costs no more for a long text`() {
        #expect(Excerpt.of(String(repeating: "\u{200B}", count: 1_000_000)) == "…")
        #expect(Excerpt.of("  a  b ") == "a b" && Excerpt.of("") == "")
    }
}

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

struct `A sentence with M-Pesa's own words` {
    @Test func `has them once`() {
        let sentence = "M-Pesa knows no such payout."

        #expect(sentence.quoting("No such receipt.") == sentence + " M-Pesa said: “No such receipt.”")
        #expect(sentence.quoting(sentence) == sentence && sentence.quoting("") == sentence)
        #expect("No. \(sentence)".quoting(sentence) == "No. \(sentence)")
        #expect(sentence.quoting("such") == sentence + " M-Pesa said: “such”")
    }
}
