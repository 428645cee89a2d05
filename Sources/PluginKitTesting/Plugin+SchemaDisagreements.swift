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
    ///   - original: What the host would find for a reversal.
    public func schemaDisagreements(
        profiles: [Profile] = [.sample()],
        records: [Record] = Record.samples(),
        original: Original = .sample()
    ) -> [String] {
        tools.flatMap { tool in
            let place = operations.first { $0.descriptor["name"] == tool.operation }?.descriptor["x-original"]
            let inputs = Inputs(profiles: profiles, original: place.map { ($0, original) })
            let (descriptor, found) = tool.disagreements(inputs, records)
            let name = descriptor["name"]?.stringValue ?? "a tool without a name"
            return found.map { "\(name), \($0)" }
        }
    }
}

/// What `prepare` is given beside the arguments.
private struct Inputs {
    let profiles: [Profile]
    /// What the host finds, and where it reads in the arguments what that is.
    let original: (place: JSON, found: Original)?

    /// Reads what the host reads.
    func readOriginal(in arguments: ArgumentValue) {
        guard let place = original?.place else { return }
        _ = value(at: place["pointer"], in: arguments)?.stringValue
        for element in value(at: place["unmoved"], in: arguments)?.arrayValue ?? [] { _ = element.stringValue }
    }

    private func value(at pointer: JSON?, in arguments: ArgumentValue) -> ArgumentValue? {
        guard let text = pointer?.stringValue, let pointer = try? JSONPointer(parsing: text) else { return nil }
        return pointer.tokens.reduce(arguments) { $0?[$1] }
    }
}

extension Tool {
    /// The name of the operation kind; nil for a function tool.
    fileprivate var operation: JSON? {
        guard case .operation(let tool) = self else { return nil }
        return tool.descriptor["operation"]
    }

    fileprivate func disagreements(_ inputs: Inputs, _ records: [Record]) -> (JSONObject, [String]) {
        switch self {
        case .function(let tool):
            let read = tool.types?.readingDisagreements(tool.descriptor) ?? []
            let written = tool.types?.writingDisagreements(tool.descriptor) ?? []
            return (tool.descriptor, read.map { "arguments: \($0)" } + written.map { "output: \($0)" })
        case .operation(let tool):
            let read = tool.types?.readingDisagreements(tool.descriptor) ?? tool.readingDisagreements(inputs)
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
    /// The argument that a look-up tool names is the host's to read, and so are those that name what is reversed.
    fileprivate func readingDisagreements(_ inputs: Inputs) -> [String] {
        let lookup = descriptor["lookup"]?["pointer"]?.stringValue.flatMap { try? JSONPointer(parsing: $0) }
        return SchemaAgreement.reading(
            schema: argumentSchema ?? true,
            examples: argumentExamples
        ) { value, log in
            if let lookup {
                var found: ArgumentValue? = ArgumentValue(value, log: log)
                for token in lookup.tokens { found = found?[token] }
                return found != nil
            }
            inputs.readOriginal(in: ArgumentValue(value, log: log))
            let plans = inputs.profiles.map { profile in
                try? prepare(
                    PrepareInput(
                        arguments: ArgumentValue(value, log: log),
                        profile: profile,
                        nowMilliseconds: 1_800_000_000_000,
                        recordID: "record",
                        originatorID: "originator",
                        original: inputs.original?.found,
                        row: items == nil ? nil : 1
                    )
                )
            }
            return plans.contains { $0 != nil }
        }
    }
}

extension OperationTool {
    /// The property that lists the payments, of a tool that makes many.
    private var items: String? {
        descriptor["x-items"]?["pointer"]?.stringValue.flatMap { try? JSONPointer(parsing: $0) }?.tokens.first
    }

    /// What `prepare` is given: the whole call's arguments, or an item of theirs.
    fileprivate var argumentSchema: JSON? {
        guard let items else { return descriptor["input_schema"] }
        return descriptor["input_schema"]?["properties"]?[items]?["items"]
    }

    fileprivate var argumentExamples: [JSON] {
        guard let items else { return examples(descriptor) }
        return examples(descriptor).flatMap { $0[items]?.arrayValue ?? [] }
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

extension Original {
    /// A payment of 100 of which 60 are left.
    public static func sample() -> Original {
        Original(
            record: Record([
                "id": "0192f3c4-0000-7000-8000-000000000009", "state": "succeeded", "status": "SUCCESS",
                "environment": "test", "amount": 100, "party": "254712345678", "reference": "INV-1",
                "external_ids": ["checkout_request_id": "ws_CO_1"], "receipt": "NLJ7RT61SV", "reversed_amount": 40,
                "created_ms": 1_790_000_000_000,
            ]),
            left: 60
        )
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
                "original": "0192f3c4-0000-7000-8000-000000000009", "reversed_amount": 40,
            ]
            for (name, value) in more { full[name] = value }
            return [Record(.object(full)), Record(.object(bare))]
        }
    }
}
