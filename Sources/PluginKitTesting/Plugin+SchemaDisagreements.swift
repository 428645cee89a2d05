import OrderedJSON
import PluginKit

extension Plugin {
    /// Every way in which the tools' schemas and the code behind them disagree; a test fails on any.
    ///
    ///     @Test func `means what its schemas say`() { #expect(plugin.schemaDisagreements() == []) }
    ///
    /// Tools over Swift types: arguments and output. Operation tools that take the direct way: `prepare` is given
    /// arguments that the schema allows, and `render` the records. Of function tools that take the direct way nothing is
    /// said: what they do needs a host.
    ///
    /// - Parameters:
    ///   - profiles: What the host would tell of organizations; between them, `prepare` must come to a plan.
    ///   - records: What `render` is given; between them, every property of the output must be written.
    public func schemaDisagreements(
        profiles: [Profile] = [.sample()],
        records: [Record] = Record.samples()
    ) -> [String] {
        tools.flatMap { tool in
            let (descriptor, found) = tool.disagreements(profiles, records)
            let name = descriptor["name"]?.stringValue ?? "a tool without a name"
            return found.map { "\(name), \($0)" }
        }
    }
}

extension Tool {
    fileprivate func disagreements(_ profiles: [Profile], _ records: [Record]) -> (JSONObject, [String]) {
        switch self {
        case .function(let tool):
            let read = tool.types?.readingDisagreements(tool.descriptor) ?? []
            let written = tool.types?.writingDisagreements(tool.descriptor) ?? []
            return (tool.descriptor, read.map { "arguments: \($0)" } + written.map { "output: \($0)" })
        case .operation(let tool):
            let read = tool.types?.readingDisagreements(tool.descriptor) ?? tool.readingDisagreements(profiles)
            let schema = tool.descriptor["output_schema"] ?? true
            let written =
                tool.types?.writingDisagreements(tool.descriptor)
                ?? SchemaAgreement.written(records.map(tool.render), schema: schema)
            return (tool.descriptor, read.map { "arguments: \($0)" } + written.map { "output: \($0)" })
        }
    }
}

extension ToolTypes {
    fileprivate func readingDisagreements(_ descriptor: JSONObject) -> [String] {
        SchemaAgreement.arguments(
            arguments,
            schema: descriptor["input_schema"] ?? true,
            examples: examples(descriptor)
        )
    }

    /// Nil where the output is written as values, with no type behind it.
    fileprivate func writingDisagreements(_ descriptor: JSONObject) -> [String]? {
        output == JSON.self ? nil : SchemaAgreement.output(output, schema: descriptor["output_schema"] ?? true)
    }
}

extension OperationTool {
    /// What `prepare` reads, member by member, beside the schema.
    ///
    /// The argument that a look-up tool names is the host's to read.
    fileprivate func readingDisagreements(_ profiles: [Profile]) -> [String] {
        let lookup = descriptor["lookup"]?["pointer"]?.stringValue.flatMap { try? JSONPointer(parsing: $0) }
        return SchemaAgreement.reading(
            schema: descriptor["input_schema"] ?? true,
            examples: examples(descriptor)
        ) { value, log in
            if let lookup {
                var found: ArgumentValue? = ArgumentValue(value, log: log)
                for token in lookup.tokens { found = found?[token] }
                return found != nil
            }
            let plans = profiles.map { profile in
                try? prepare(
                    PrepareInput(
                        arguments: ArgumentValue(value, log: log),
                        profile: profile,
                        nowMilliseconds: 1_800_000_000_000,
                        recordID: "record",
                        originatorID: "originator"
                    )
                )
            }
            return plans.contains { $0 != nil }
        }
    }
}

private func examples(_ descriptor: JSONObject) -> [JSON] {
    descriptor["examples"]?.arrayValue?.compactMap { $0["arguments"] } ?? []
}

extension Profile {
    /// An organization with a PayBill.
    public static func sample(settings: JSONObject = [:]) -> Profile {
        Profile([
            "environment": "test", "short_code": "600100", "short_code_type": "paybill",
            "organization_name": "A shop", "settings": .object(settings),
        ])
    }
}

extension Record {
    /// A record in every state, once with all that it can hold and once with the least.
    ///
    /// - Parameters:
    ///   - externalIDs: The namespaces of M-Pesa's ids that the plugin's evidence names.
    ///   - data: What an exchange of the plugin is answered.
    public static func samples(externalIDs: [String] = [], data: JSON = .null) -> [Record] {
        let status = [
            "succeeded": "SUCCESS", "failed": "FAILED", "rejected": "FAILED", "no_answer": "FAILED",
            "cancelled": "CANCELLED", "expired": "CANCELLED", "reversed": "REVERSED",
        ]
        let states = ["created", "sending", "accepted", "unknown", "reconciling", "manual"] + status.keys.sorted()
        return states.flatMap { state -> [Record] in
            let bare: JSONObject = [
                "id": "0192f3c4-0000-7000-8000-000000000001", "state": .string(state),
                "status": .string(status[state] ?? "PENDING"), "environment": "test", "external_ids": [:],
                "created_ms": 1_790_000_000_000,
            ]
            var full = bare
            full["external_ids"] = .object(JSONObject(externalIDs.map { ($0, "id-of-m-pesa") }))
            let more: JSONObject = [
                "amount": 100, "party": "254712345678", "reference": "INV-1", "description": "Invoice 1",
                "receipt": "NLJ7RT61SV", "code": "0", "meaning": "What M-Pesa said.", "whose_move": "customer",
                "charge_again": "wait", "data": data, "disputed": true,
                "disputes": [
                    ["kind": "amount", "stated": "150", "expected": "100", "text": "M-Pesa names another amount."]
                ],
                "sent_ms": 1_790_000_000_200, "ended_ms": 1_790_000_000_900,
            ]
            for (name, value) in more { full[name] = value }
            return [Record(.object(full)), Record(.object(bare))]
        }
    }
}
