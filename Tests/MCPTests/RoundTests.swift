import Gateway
import OrderedJSON
import Testing

@testable import MCP

struct `Several questions` {
    private static let elicits: JSONObject = [Message.capabilitiesKey: ["elicitation": [:]]]

    private func poll(_ office: Office, _ more: JSONObject = [:]) async -> Said {
        var params: JSONObject = ["name": "desk_poll", "arguments": [:]]
        for (name, value) in more { params[name] = value }
        return await office.ask("tools/call", params, meta: Self.elicits)
    }

    private func accept(_ content: JSON) -> JSON { ["action": "accept", "content": content] }

    @Test func `are asked in one round, and each answer is of its own schema`() async throws {
        try await Office.with { office in
            let asked = await poll(office)
            let requests = try #require(asked.result["inputRequests"]?.objectValue, "\(asked.json)")
            let state = try #require(asked.result["requestState"])
            #expect(asked.result["resultType"] == "input_required")
            #expect(requests.map(\.key) == ["amount", "sure"])
            #expect(requests["amount"]?["params"]?["message"] == "How much?")
            #expect(requests["sure"]?["params"]?["requestedSchema"]?["properties"]?["sure"] != nil)
            let (amount, sure) = (accept(["shillings": 7]), accept(["sure": true]))

            let wrong: [(JSON, String)] = [
                (["amount": amount], "sure"), (["amount": accept(["shillings": "7"]), "sure": sure], ""),
                (["amount": accept([:]), "sure": sure], "shillings"), (["amount": 7, "sure": sure], "amount"),
                ([:], ""),
            ]
            for (answers, name) in wrong {
                let said = await poll(office, ["requestState": state, "inputResponses": answers])
                #expect(said.code == -32602, "\(said.json)")
                #expect(name.isEmpty || said.json.text.contains(name), "\(said.json)")
            }
            #expect(office.desk.runs == 1, "nothing ran for them")
            let answers: JSON = ["amount": amount, "sure": sure, "more": accept([:])]
            let done = await poll(office, ["requestState": state, "inputResponses": answers])
            #expect(done.result["structuredContent"] == ["number": 7], "\(done.json)")
            let again = await poll(office, ["requestState": state, "inputResponses": answers])
            #expect(again.result["structuredContent"] == ["number": 7] && office.desk.runs == 2)
        }
    }

    @Test(arguments: ["decline", "cancel"])
    func `are refused where one is`(action: String) async throws {
        try await Office.with { office in
            let state = try #require(await poll(office).result["requestState"])

            let answers: JSON = ["amount": accept(["shillings": 7]), "sure": ["action": .string(action)]]
            let said = await poll(office, ["requestState": state, "inputResponses": answers])

            #expect(said.result["structuredContent"] == ["number": 0], "\(said.json)")
        }
    }

    @Test func `are of their form`() {
        let schema: JSON = ["type": "object", "properties": [:]]
        let part: JSON = ["message": "Sure?", "schema": schema]
        let nine = JSONObject((0..<9).map { ("q\($0)", part) })

        #expect(Question(["questions": ["a_1": part], "state": 7])?.state == 7)
        for wrong: JSON in [
            [:], .object(nine), ["question": part], ["A": part], ["": part], ["a": ["message": "Sure?"]], [part], 7,
        ] { #expect(Question(["questions": wrong]) == nil, "\(wrong)") }
    }
}
