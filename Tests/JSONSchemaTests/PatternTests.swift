import OrderedJSON
import Testing

@testable import JSONSchema

struct `A pattern` {
    func matches(_ pattern: String, _ text: String) throws -> Bool {
        try Pattern(pattern, limits: SchemaLimits()).matches(text)
    }

    static let good: [(String, String)] = [
        ("b+c", "aabbcc"), ("^a*$", ""), ("^(?:ab|cd){2}$", "abcd"), ("^a{2,3}$", "aaa"), ("^x{0}$", ""),
        ("a{,2}", "a{,2}"), ("^[^a-c]$", "d"), ("^[a-c\\d-]+$", "a-1"), ("^[]$|z", "z"), ("^[^]$", "\n"),
        ("^\\u{1F432}*$", "🐲🐲"), ("^\\ud83d\\udc32$", "🐲"), ("^🐲*$", "🐲"), ("^.$", "é"), ("\\bfoo\\b", "a foo b"),
        ("^\\S\\s$", "a\u{2028}"), ("^\\p{Lu}\\p{Letter}+$", "Straße"), ("^\\P{Nd}$", "x"), ("^\\cC$", "\u{3}"),
        ("^a(?=b)", "ab"), ("^(?!.*secret).*$", "open"), ("(?<=KES )\\d+", "KES 100"), ("(?<!-)\\b5", "+5"),
        ("^(?=.*\\d)(?=.*[a-z])[a-z\\d]+$", "a1"), ("(?=a(?!b))a", "ac"), ("^(a*)*$", "aaa"), ("^(?<name>x)$", "x"),
        ("^[\\b]$", "\u{8}"), ("^a??b$", "b"), ("^\\x41\\0$", "A\u{0}"), ("^[\\]\\-\\/]+$", "]-/"), ("", "anything"),
    ]

    @Test(arguments: good)
    func `finds what ECMA-262 says`(pattern: String, text: String) throws {
        #expect(try matches(pattern, text))
    }

    static let bad: [(String, String)] = [
        ("^a*$", "b"), ("^a$", "a\n"), ("^.$", "\n"), ("^\\d$", "٣"), ("^\\w$", "é"), ("^a{2,3}$", "aaaa"),
        ("^[]$", "a"), ("^a(?=b)", "ac"), ("^(?!.*secret).*$", "a secret"), ("(?<=KES )\\d+", "USD 100"),
        ("(?<!-)\\b5", "-5"), ("^(?=.*\\d)(?=.*[a-z])[a-z\\d]+$", "ab"), ("(?=a(?!b))a", "ab"), ("\\Bfoo", "a foo"),
        ("^(?:a|b|)$", "c"), ("^[^a-c]$", "b"),
    ]

    @Test(arguments: bad)
    func `does not find what is not there`(pattern: String, text: String) throws {
        #expect(try !matches(pattern, text))
    }

    @Test(
        arguments: [
            "(a)\\1", "\\k<a>", "(", ")", "a**", "*", "[a", "[b-a]", "a{3,2}", "\\", "\\Z", "\\x1", "\\u{110000}",
            "\\p{Nonsense}", "(?i)a", "(?>a)", "^*", "(a{999}){999}", String(repeating: "(", count: 200),
            String(repeating: "a", count: 2000),
        ]
    )
    func `that cannot be matched in bounded time, or is none, is refused`(pattern: String) {
        #expect(throws: SchemaError.self) { try Pattern(pattern, limits: SchemaLimits()) }
    }

    @Test(arguments: ["[a-z]+[0-9]", "(?:a+)+$b", "^(?:a|a)*b$", "(?=a*b)a", "(a?){50}a{50}b"])
    func `takes no more steps than its text is long`(pattern: String) throws {
        var limits = SchemaLimits()
        // A few for each state and character: what tries every beginning anew would need billions.
        limits.patternStepsMax = 200 * 20_001 * 2
        let text = String(repeating: "a", count: 20_000)
        let found = try Pattern(pattern + "|Z$", limits: limits)

        #expect(found.matches(text + "Z"))
        #expect(!found.matches(text))
    }

    @Test func `stands in a document of so many schemas, whether they are reached or not`() throws {
        let all = JSONObject((0..<5_000).map { ("d\($0)", [:] as JSON) })
        let error = #expect(throws: SchemaError.self) { try JSONSchema(compiling: ["$defs": .object(all)]) }

        #expect(error?.reason == "more than 5000 schemas")
    }

    @Test func `is one of so many that are kept together, however short each is`() throws {
        func schema(_ count: Int, _ pattern: (Int) -> String) -> JSON {
            let names = (0..<count).map { ("p\($0)", ["type": "string", "pattern": .string(pattern($0))] as JSON) }
            return ["properties": .object(JSONObject(names))]
        }
        #expect(try JSONSchema(compiling: schema(10) { "(a{70}){70}b\($0)" }).size.patternStates > 49_000)
        #expect(throws: SchemaError.self) { try JSONSchema(compiling: schema(11) { "(a{70}){70}b\($0)" }) }
        let keys = JSONObject((0..<11).map { ("(a{70}){70}b\($0)", true as JSON) })
        #expect(throws: SchemaError.self) { try JSONSchema(compiling: ["patternProperties": .object(keys)]) }

        // The same one costs once.
        let same = try JSONSchema(compiling: schema(100) { _ in "^(a{70}){70}$" })
        #expect(same.size.patternStates < 5_000 && same.size.nodes == 101)
    }

    @Test func `that costs more than it may refuses the text`() throws {
        var limits = SchemaLimits()
        limits.patternStepsMax = 100

        #expect(try !Pattern("a*", limits: limits).matches(String(repeating: "b", count: 1000) + "a") == false)
        #expect(try !Pattern("ab", limits: limits).matches(String(repeating: "b", count: 1000) + "ab"))
    }

    @Test func `is not asked about a text of the wrong length`() throws {
        let schema = try JSONSchema(compiling: ["type": "string", "maxLength": 3, "pattern": "^a+$"])

        #expect(schema.violations(in: "bbbbb").map(\.keyword) == ["maxLength"])
        #expect(schema.violations(in: "bb").map(\.keyword) == ["pattern"])
    }
}
