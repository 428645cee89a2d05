import Gateway
import OrderedJSON
import Testing

struct `A kind that says where its arguments name what is reversed` {
    private func catalogue(
        direction: String = "reverse",
        original: JSON = ["pointer": "/payment", "unmoved": "/held"],
        properties: JSONObject = ["payment": ["type": "string"], "held": ["type": "array"]]
    ) throws -> Catalogue {
        let document: JSON = [
            "plugin": ["id": "p", "version": "1.0.0", "title": "P"],
            "operations": [
                [
                    "name": "back", "direction": .string(direction), "upstream": "daraja", "path": "/back",
                    "secrets": [["transform": "security_credential", "pointer": "/c", "inputs": [:]]],
                    "x-original": original,
                ]
            ],
            "tools": [
                [
                    "name": "back", "kind": "operation", "operation": "back", "title": "T", "description": "T.",
                    "input_schema": [
                        "type": "object", "properties": .object(properties), "additionalProperties": false,
                    ],
                    "output_schema": ["type": "object", "additionalProperties": false],
                    "annotations": [
                        "read_only": false, "destructive": true, "idempotent": false, "open_world": true,
                        "money_moving": true,
                    ],
                ]
            ],
        ]
        return try Catalogue(
            parsing: document.bytes,
            abilities: .init(features: [], transforms: ["security_credential"])
        )
    }

    @Test func `is one of direction reverse`() throws {
        #expect(try catalogue().operations[0].original?.unmoved != nil)

        let error = #expect(throws: CatalogueError.self) { try catalogue(direction: "out") }

        #expect(error?.rule == "C1" && error?.pointer.contains("x-original") == true)
    }

    @Test(arguments: [["payment": true], ["held": true], [:]] as [JSONObject])
    func `names arguments that callers can give`(properties: JSONObject) {
        let error = #expect(throws: CatalogueError.self) { try catalogue(properties: properties) }

        #expect(error?.rule == "C1" && error?.pointer.contains("input_schema") == true)
    }

    @Test func `is told the operator's name where its requests carry the operator's password`() throws {
        let plugin = LoadedPlugin(
            try catalogue(),
            generation: 1,
            digest: "d",
            operationFunctions: nil,
            asynchronous: .init(invoke: nil),
            context: .init(
                prompt: { _, _ throws(LoadedPlugin.Failure) in throw Self.none },
                resource: { _ throws(LoadedPlugin.Failure) in throw Self.none }
            )
        )
        var profile = Profile(
            environment: .test,
            shortCode: "600100",
            shortCodeType: "paybill",
            organizationName: "Shop",
            settings: ["b2c": ["initiator_name": "operator"]]
        )

        #expect(plugin.settings(for: profile)["initiator_name"] == "operator")
        profile.settings["p"] = ["initiator_name": "another"]
        #expect(plugin.settings(for: profile)["initiator_name"] == "another")
    }

    private static let none = LoadedPlugin.Failure(status: 21, reason: "not supported")
}
