import OrderedJSON
import PluginAPI
import Testing

@testable import PluginKit

private struct Payment: Decodable {
    struct Payer: Decodable { var phone: String }
    var amount: Int64
    var payer: Payer
}

private struct Shown: Codable {
    var id: String
    var amount: Int64?
    var share: Double?
}

private let tool = OperationTool(
    ["name": "pay"],
    prepare: { (arguments: Payment, input) throws(Refusal) in
        guard arguments.amount > 0 else { throw Refusal("limit_exceeded", field: "/amount", "amount: too little.") }
        return OperationPlan(
            amount: arguments.amount,
            party: arguments.payer.phone,
            body: ["for": .string(input.recordID)]
        )
    },
    render: { Shown(id: $0.id, amount: $0.amount, share: $0.id == "odd" ? .infinity : nil) }
)

private func plan(_ arguments: JSON) throws(Refusal) -> OperationPlan {
    try tool.prepare(
        PrepareInput(arguments: arguments, profile: Profile([:]), nowMilliseconds: 0, recordID: "r", originatorID: "o")
    )
}

struct `An operation tool over Swift types` {
    @Test func `plans from what was read`() throws {
        let plan = try plan(["amount": 5, "payer": ["phone": "254712345678"]])

        #expect(plan.amount == 5 && plan.party == "254712345678" && plan.body == ["for": "r"])
    }

    @Test(
        arguments: [
            (
                ["amount": 5, "payer": ["phone": 7]], "/payer/phone",
                "payer/phone: expected a string, found a whole number."
            ),
            (
                ["amount": 10.9, "payer": ["phone": "7"]], "/amount",
                "amount: expected a whole number, found a number with a fraction."
            ),
            (["payer": ["phone": "7"]], "/amount", "amount: expected a whole number, but it is missing."),
        ] as [(JSON, String, String)]
    )
    func `refuses what it cannot read as an invalid argument, with the field`(
        arguments: JSON,
        field: String,
        message: String
    ) {
        let refusal = #expect(throws: Refusal.self) { try plan(arguments) }

        #expect(refusal == Refusal("invalid_argument", field: field, message))
    }

    @Test func `leaves the tool's own refusals alone`() {
        let refusal = #expect(throws: Refusal.self) { try plan(["amount": 0, "payer": ["phone": "7"]]) }

        #expect(refusal?.code == "limit_exceeded")
    }

    @Test func `shows a record as its type writes it`() {
        #expect(tool.render(Record(["id": "r", "amount": 5])).text == #"{"id":"r","amount":5}"#)
    }

    @Test func `shows what no schema allows where the type cannot be written, so that the call fails`() {
        #expect(tool.render(Record(["id": "odd"])).objectValue == nil)
    }
}

struct `A function tool over Swift types` {
    private struct Name: Decodable { var name: String }
    private struct Greeting: Codable {
        var greeting: String
        var weight: Double?
    }

    /// A call by a host that offers nothing.
    private let context = FunctionContext(invocation: 1, meta: [:], host: HostLink(gateway_negotiation_t()))

    private let tool = FunctionTool(["name": "greet"]) { (arguments: Name, _) in
        Greeting(greeting: "Karibu, \(arguments.name)!", weight: arguments.name == "odd" ? .nan : nil)
    }

    @Test func `reads its arguments and writes its output`() async throws {
        #expect(try await tool.call(["name": "Amina"], context) == ["greeting": "Karibu, Amina!"])
    }

    @Test func `tells the caller which argument it cannot read`() async {
        let failure = await #expect(throws: FunctionFailure.self) { try await tool.call(["name": 1], context) }

        #expect(failure?.status == GATEWAY_INVALID_ARGUMENT)
        #expect(failure?.message == "name: expected a string, found a whole number.")
        #expect(failure?.payload["details"]?[0]?["pointer"] == "/name")
    }

    @Test func `fails where its output cannot be written`() async {
        let failure = await #expect(throws: FunctionFailure.self) { try await tool.call(["name": "odd"], context) }

        #expect(failure?.status == GATEWAY_INTERNAL && failure?.message.contains("weight") == true)
    }

    @Test func `may leave either side as it is`() async throws {
        let echo = FunctionTool(["name": "echo"]) { (arguments: JSON, _) -> Greeting in
            Greeting(greeting: arguments.text)
        }

        #expect(try await echo.call(["a": 1], context) == ["greeting": #"{"a":1}"#])
    }

    @Test func `has no types where it takes the direct way`() {
        let direct = FunctionTool(["name": "direct"]) { arguments, _ in ["greeting": arguments["name"] ?? "nobody"] }

        #expect(direct.types == nil && tool.types != nil)
    }
}
