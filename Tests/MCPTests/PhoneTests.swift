import Gateway
import OrderedJSON
import Testing

@testable import MCP

struct `Phones in a message` {
    private func masked(_ text: String) -> String {
        let message = JSON.object(["text": .string(text)]).bytes
        let hidden = PhoneMask.masking(PhoneMask.phones(in: message), in: message)
        return (try? JSON(parsing: hidden))?["text"]?.stringValue ?? "no JSON"
    }

    @Test(arguments: [
        ("254712345678", "2547•••••678"), ("+254112345678.", "+2541•••••678."), ("0712345678", "0712•••678"),
        ("0712 345 678", "0712 ••• 678"), ("254-712-345-678", "254-7••-•••-678"), ("00254712345678", "0025•••••••678"),
        ("from 254712345678 - Amina", "from 2547•••••678 - Amina"), ("a\n0712345678\nb", "a\n0712•••678\nb"),
        ("{\"a\":\"x\\n0712345678\"}", "{\"a\":\"x\\n0712•••678\"}"), ("Jané0712345678", "Jané0712•••678"),
        ("2026-11-27 0712345678 0722000111", "2026-11-27 0712•••678 0722•••111"),
    ])
    func `are made unreadable`(text: String, shown: String) { #expect(masked(text) == shown) }

    @Test(arguments: [
        "", "174379", "1795792286000", "ws_CO_27112026151200712345678", "A0712345678", "0712345678b",
        "2026-11-27 07:12:45", "07.12.2019 11:45", "1254712345678", "254812345678", "0812345678", "12 345 678",
        "071 234 567", "0 7 1 2 3 4 5 6 7 8", "such as 2547XXXXXXXX, 07XXXXXXXX or +2541XXXXXXXX",
    ])
    func `are not found in other digits`(text: String) { #expect(masked(text) == text) }

    @Test(arguments: [
        (#"{"phone_number":"712345678"}"#, #"{"phone_number":"7•••••678"}"#),
        (#"{"party" : 112345678}"#, #"{"party" : 1678}"#),
        (#"{"PhoneNumber":254712345678,"n":254712345678}"#, #"{"PhoneNumber":2547678,"n":254712345678}"#),
        (#"{"phones":["712345678",712345679]}"#, #"{"phones":["7•••••678",7679]}"#),
        (
            #"{"text":"{\"phone\":712345678,\"b\":\"712345678\"}"}"#,
            #"{"text":"{\"phone\":7•••••678,\"b\":\"712345678\"}"}"#
        ),
        (#"{"a":"[\"{\\\"phone\\\":\\\"712 345 678\\\"}\"]"}"#, #"{"a":"[\"{\\\"phone\\\":\\\"7•• ••• 678\\\"}\"]"}"#),
        (#"{"phone":1712345678,"party":7123456789}"#, #"{"phone":1712345678,"party":7123456789}"#),
        (#"{"phone":-712345678,"party":712345678.5}"#, #"{"phone":-712345678,"party":712345678.5}"#),
        (#"{"phone":254712345678.0,"party":712345678.00}"#, #"{"phone":2547678.0,"party":7678.00}"#),
        (#"{"phone":254712345678.05,"party":1.0712345678}"#, #"{"phone":254712345678.05,"party":1.0712345678}"#),
        (#"{"phone":612345678,"amount":712345678}"#, #"{"phone":612345678,"amount":712345678}"#),
        (
            #"{"reference":"712345678","text":"phone: 712345678"}"#,
            #"{"reference":"712345678","text":"phone: 712345678"}"#
        ),
    ])
    func `of nine digits, and in numbers, are found where the member is a phone`(sent: String, shown: String) {
        let message = Array(sent.utf8)
        let hidden = PhoneMask.masking(PhoneMask.phones(in: message), in: message)
        #expect(String(decoding: hidden, as: UTF8.self) == shown)
    }

    @Test func `at the end of M-Pesa's id of a prompt are hidden but from whoever names it`() throws {
        let sent: JSON = [
            "a": "ws_CO_281120261218484630d05b1af718999445", "b": "ws_CO_28112026121848712345678",
            "c": "ws_CO_191220191020363925", "d": "ws_CO_1_712345678", "e": "xws_CO712345678", "f": "ws_CO_712345678b",
            "g": "{\"id\":\"ws_CO_28112026121848112345678\"} and ws_CO_28112026121848112345678.",
        ]
        let call = Message(id: 1, method: "tools/call", params: [:])
        let read = try JSON(parsing: #require(PhoneSight(message: call).masked(sent.bytes)))

        #expect(read["a"] == "ws_CO_281120261218484630d05b1af7•••••445" && read["b"] == "ws_CO_281120261218487•••••678")
        for name in ["c", "e", "f"] { #expect(read[name] == sent[name]) }
        #expect(read["d"] == "ws_CO_1_7•••••678")
        let inner = "ws_CO_281120261218481•••••678"
        #expect(read["g"]?.stringValue == "{\"id\":\"\(inner)\"} and \(inner).")
        let naming: JSON = ["id": "ws_CO_28112026121848712345678"]
        let own = PhoneSight(message: Message(id: 1, method: "tools/call", params: ["arguments": naming]))
        #expect(try JSON(parsing: #require(own.masked(sent.bytes)))["b"] == sent["b"])
    }

    @Test func `are found where a tool calls a member sensitive`() async throws {
        try await Office.with { office in
            let message = JSON.object(["guest": 712_345_678, "other": 712_345_678]).bytes

            let found = PhoneMask.phones(in: message, fields: PhoneFields(registry: office.registry))

            #expect(found.map(\.isNumber) == [true] && PhoneMask.phones(in: message).isEmpty)
        }
    }

    @Test func `stay in what a form asks for, and in other numbers`() throws {
        let message: JSON = [
            "message": "Pay 0712345678?", "more": ["requestedSchema"], "requested": "requestedSchema",
            "requestedSchema": ["properties": ["to": ["enum": ["0712345678", "\"}"]]]], "after": "0722000111",
            "number": 254_712_345_678,
        ]

        let hidden = PhoneMask.masking(PhoneMask.phones(in: message.bytes), in: message.bytes)

        let read = try JSON(parsing: hidden)
        #expect(read["message"] == "Pay 0712•••678?" && read["after"] == "0722•••111")
        #expect(read["requestedSchema"] == message["requestedSchema"] && read["number"] == message["number"])
    }

    @Test func `are found in every form that JSON has for digits, and end with the message`() throws {
        let sight = PhoneSight(message: Message(id: 1, method: "tools/call", params: [:]))

        let escaped = Array(#"{"a":"\u0032547123\u00345678"}"#.utf8)
        #expect(try JSON(parsing: #require(sight.masked(escaped)))["a"] == "2547•••••678")
        for broken in ["", "\"", "\"0712345678", "\"\\", "\"\\u0", "\"requestedSchema\":", "\"requestedSchema\":\"\\"] {
            _ = sight.masked(Array(broken.utf8))
        }
    }

    @Test func `of the call itself are no secret, in whatever form`() throws {
        let params: JSON = ["arguments": ["phone": 254_712_345_678, "other": "0722 000 111"]]
        let sight = PhoneSight(message: Message(id: "0733000111", method: "tools/call", params: params))
        let sent: JSON = ["id": "0733000111", "a": "0712345678", "b": "254722000111", "c": "254712345679"]

        let read = try JSON(parsing: #require(sight.masked(sent.bytes)))

        #expect(read["id"] == sent["id"] && read["a"] == sent["a"] && read["b"] == sent["b"])
        #expect(read["c"] == "2547•••••679")
    }
}

struct `A model` {
    private static let phone = "254711000001"

    private func pay(_ office: Office) async throws -> String {
        let arguments: JSON = ["phone": .string(Self.phone), "amount": 100, "idempotency_key": "k"]
        let paid = await office.ask("tools/call", ["name": "fake_collect", "arguments": arguments])
        return try #require(paid.result["structuredContent"]?["record"]?["id"]?.stringValue, "\(paid.json)")
    }

    private func read(_ office: Office, _ id: String, _ credential: Credential?) async -> [Said] {
        let list: JSONObject = ["name": "transactions_list", "arguments": [:]]
        let meta: JSONObject = [Message.capabilitiesKey: ["extensions": [TaskView.extensionName: [:]]]]
        return [
            await office.ask("tools/call", list, credential: credential),
            await office.ask("tools/call", list, in: .june2025, credential: credential) { _ in },
            await office.ask("resources/read", ["uri": .string("mpesa://transactions/" + id)], credential: credential),
            await office.ask(
                "tasks/get",
                ["taskId": .string("transactions/" + id)],
                meta: meta,
                credential: credential
            ),
        ]
    }

    @Test func `reads no phone of others, unless the key has the scope by name`() async throws {
        try await Office.with { office in
            let id = try await pay(office)
            let narrow = try await office.addKey(scopes: ["transactions:read", "context:read"])
            let seeing = try await office.addKey(scopes: ["transactions:read", "context:read", PhoneMask.scope])

            for credential in [nil, narrow] {
                for said in await read(office, id, credential) {
                    #expect(said.status == 200 && !said.json.text.contains(Self.phone), "\(said.json)")
                }
            }
            let listed = await read(office, id, nil)[0].result["structuredContent"]?["data"]?[0]
            #expect(listed?["party"] == "2547•••••001", "\(listed ?? .null)")
            for said in await read(office, id, seeing).prefix(3) {
                #expect(said.json.text.contains(Self.phone), "\(said.json)")
            }
        }
    }

    @Test func `is told nothing by guesses that came beside its arguments`() async throws {
        try await Office.with { office in
            _ = try await pay(office)
            let guess: JSONObject = [
                "name": "transactions_list", "arguments": [:], "_meta": ["guess": .string(Self.phone)],
            ]

            let found = await office.ask("tools/call", guess).result["structuredContent"]?["data"]?[0]

            #expect(found?["party"] == "2547•••••001", "\(found ?? .null)")
        }
    }

    @Test func `reads the phone that it named`() async throws {
        try await Office.with { office in
            _ = try await pay(office)
            let list: JSONObject = ["name": "transactions_list", "arguments": ["phone_number": .string(Self.phone)]]

            let found = await office.ask("tools/call", list).result["structuredContent"]?["data"]?[0]

            #expect(found?["party"]?.stringValue == Self.phone, "\(found ?? .null)")
        }
    }
}
