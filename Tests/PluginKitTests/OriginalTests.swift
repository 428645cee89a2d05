import OrderedJSON
import PluginKit
import PluginKitTesting
import Testing

struct `A tool that is reversing` {
    private let tool = OperationTool(
        ["name": "back"],
        reversing: { (_, original) throws(Refusal) in
            OperationPlan(amount: original.left, party: original.record.receipt, body: [:])
        },
        render: { _ in [:] }
    )

    private func input(_ original: Original?) -> PrepareInput {
        PrepareInput(
            arguments: [:],
            profile: Profile([:]),
            nowMilliseconds: 0,
            recordID: "r",
            originatorID: "o",
            original: original
        )
    }

    @Test func `plans what the host has found`() throws {
        let plan = try tool.prepare(input(.sample()))

        #expect(plan.amount == 60 && plan.party == "NLJ7RT61SV")
        #expect(Original.sample().record.reversedAmount == 40)
    }

    @Test func `is refused by a host that finds nothing`() {
        let refusal = #expect(throws: Refusal.self) { try tool.prepare(input(nil)) }

        #expect(refusal?.code == "not_supported")
    }

    @Test func `has a kind whose document says where the arguments name it`() {
        let kind = Operation(
            ["name": "back", "direction": "reverse"],
            original: OriginalPlace("/payment", namespaces: ["id"], unmoved: "/held"),
            interpret: { _, _, _ in nil }
        )

        #expect(kind.descriptor["x-original"] == ["pointer": "/payment", "namespaces": ["id"], "unmoved": "/held"])
        #expect(Operation(["name": "in"], interpret: { _, _, _ in nil }).descriptor["x-original"] == nil)
    }

    @Test func `reads no argument that its kind leaves to the host`() {
        let schema: JSON = [
            "type": "object",
            "properties": [
                "payment": ["type": "string"], "held": ["type": "array", "items": ["type": "string"]],
            ],
            "required": ["payment"], "additionalProperties": false,
        ]
        let empty: JSON = ["type": "object", "additionalProperties": false]
        let reversing = OperationTool(
            ["name": "back", "operation": "back", "input_schema": schema, "output_schema": empty],
            reversing: { (_, original) throws(Refusal) in OperationPlan(amount: original.left, body: [:]) },
            render: { _ in [:] }
        )
        func plugin(_ place: OriginalPlace) -> Plugin {
            let kind = Operation(["name": "back"], original: place, interpret: { _, _, _ in nil })
            return Plugin(id: "p", version: "1", title: "P", tools: [.operation(reversing)], operations: [kind])
        }

        #expect(plugin(OriginalPlace("/payment", unmoved: "/held")).schemaDisagreements() == [])
        #expect(plugin(OriginalPlace("/payment")).schemaDisagreements().count == 1)
    }
}
