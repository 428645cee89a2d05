import Gateway
import OrderedJSON
import Testing

@testable import MCP

struct `The text of an answer` {
    private func shown(_ json: String) -> String {
        String(decoding: ReadableTimes.beside(Array(json.utf8)), as: UTF8.self)
    }

    @Test(arguments: [
        (
            #"{"until_ms":1795863600000}"#,
            #"{"until_ms":1795863600000,"until_at":"2026-11-28T14:00:00+03:00"}"#
        ),
        (
            #"[{"created_at_ms": 1795899600000, "n":1},{"created_at_ms":1000000000000}]"#,
            #"[{"created_at_ms": 1795899600000,"created_at":"2026-11-29T00:00:00+03:00", "n":1},"#
                + #"{"created_at_ms":1000000000000,"created_at":"2001-09-09T04:46:40+03:00"}]"#
        ),
    ])
    func `has the time of Nairobi beside each moment`(given: String, wanted: String) throws {
        #expect(shown(given) == wanted)
        _ = try JSON(parsing: Array(shown(given).utf8))
    }

    @Test(arguments: [
        // What lasts, what is none, what a person wrote, and what the tool says of itself.
        #"{"poll_after_ms":5000,"age_ms":315360000000}"#, #"{"a_ms":17958636000000,"b_ms":1795863600000.5,"c_ms":-1}"#,
        #"{"remarks":"\"until_ms\":1795863600000","x_ms":"1795863600000"}"#, #"{"_ms":1795863600000}"#,
        #"{"until_ms":1795863600000,"until_at":"later"}"#, #"{"until_ms":17958636000"#, "", "{}",
        #"_ms":1795863600000"#,
    ])
    func `is left as it is otherwise`(text: String) { #expect(shown(text) == text) }

    @Test func `is for a model, and structured content for its schema`() async throws {
        try await Office.with { office in
            let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k"]
            let held = await office.ask("tools/call", ["name": "fake_pay", "arguments": arguments])
            let listed = await office.ask("tools/call", ["name": "transactions_list", "arguments": [:]])

            for said in [held, listed] {
                let text = try #require(said.result["content"]?[0]?["text"]?.stringValue, "\(said.json)")
                let structure = try #require(said.result["structuredContent"])
                #expect(text.contains("_at\":\"20") && text.contains("+03:00\""), "\(text)")
                #expect(ReadableTimes.beside(structure.bytes) == Array(text.utf8))
                #expect(!structure.text.contains("+03:00"))
            }
        }
    }
}
