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
                (["amount": accept(["shillings": "7"]), "sure": sure], ""), (7, "inputResponses"),
                (["amount": accept([:]), "sure": sure], "shillings"), (["amount": 7, "sure": sure], "amount"),
                (["amount": accept(["shillings": "7"])], ""), (["sure": .null], "sure"),
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
            #expect(again.result["structuredContent"] == ["replayed": true, "number": 7] && office.desk.runs == 2)
        }
    }

    @Test func `are asked again where an answer is missing, for what is missing alone`() async throws {
        try await Office.with { office in
            let state = try #require(await poll(office).result["requestState"])
            let (amount, sure) = (accept(["shillings": 7]), accept(["sure": true]))
            for nothing: JSON in [[:], .null, ["zz": sure], ["zz": 7, "question": ["action": "decline"]]] {
                let again = await poll(office, ["requestState": state, "inputResponses": nothing])
                #expect(again.result["resultType"] == "input_required", "\(again.json)")
                #expect(again.result["inputRequests"]?.objectValue?.map(\.key) == ["amount", "sure"])
                #expect(again.result["requestState"] == state)
            }

            let half = await poll(office, ["requestState": state, "inputResponses": ["sure": sure]])
            let rest = try #require(half.result["requestState"], "\(half.json)")
            #expect(half.result["inputRequests"]?.objectValue?.map(\.key) == ["amount"])
            #expect(half.result["inputRequests"]?["amount"]?["params"]?["message"] == "How much?")
            #expect(await poll(office, ["requestState": rest]).result["requestState"] == rest)
            #expect(office.desk.runs == 1, "nothing ran for them")

            let late: JSON = ["amount": amount, "sure": ["action": "decline"]]
            let done = await poll(office, ["requestState": rest, "inputResponses": late])
            #expect(
                done.result["structuredContent"] == ["number": 7],
                "what was answered is asked no more: \(done.json)"
            )
            let whole: JSON = ["amount": amount, "sure": sure]
            let same = await poll(office, ["requestState": state, "inputResponses": whole])
            #expect(same.result["structuredContent"] == ["replayed": true, "number": 7], "\(same.json)")
            #expect(office.desk.runs == 2)
            let other: JSON = ["amount": accept(["shillings": 8]), "sure": sure]
            #expect(await poll(office, ["requestState": state, "inputResponses": other]).code == -32602)
        }
    }

    @Test func `are asked again by whom they were asked, until their time is over`() async throws {
        try await Office.with { office in
            let state = try #require(await poll(office).result["requestState"])
            let other = try await office.addKey(scopes: nil)
            let params: JSONObject = ["name": "desk_poll", "arguments": [:], "requestState": state]
            #expect(await office.ask("tools/call", params, meta: Self.elicits, credential: other).code == -32602)
            #expect(await office.ask("tools/call", params).code == -32021, "a client that cannot be asked is not")
            let show: JSONObject = ["name": "desk_ask", "arguments": [:], "requestState": state]
            #expect(await office.ask("tools/call", show, meta: Self.elicits).code == -32602)
            #expect(await poll(office, ["inputResponses": ["sure": accept(["sure": true])]]).code == -32602)
            #expect(await poll(office, ["requestState": 7]).code == -32602)
            #expect(await poll(office, ["inputResponses": [:]]).result["requestState"] != nil, "that is no answer")

            office.clock.advance(.seconds(1_231))

            #expect(await poll(office, ["requestState": state]).code == -32602)
        }
    }

    @Test func `are all asked again where what was answered is too long to be carried along`() async throws {
        try await Office.with { office in
            let state = try #require(await poll(office).result["requestState"])
            let long = accept(["sure": true, "why": .string(String(repeating: "x", count: 60_000))])

            let again = await poll(office, ["requestState": state, "inputResponses": ["sure": long]])

            #expect(again.result["requestState"] == state, "\(again.json.text.prefix(200))")
            #expect(again.result["inputRequests"]?.objectValue?.map(\.key) == ["amount", "sure"])
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
