import Gateway
import OrderedJSON

/// The feed's events in OpenAPI: a schema for each form in the components, and each type among the `webhooks`.
enum EventWebhooks {
    /// The schema of any event, in the components.
    static let reference: JSON = ["$ref": "#/components/schemas/Event"]

    /// The components' schemas.
    static func schemas(of kinds: [FeedEvent.Kind]) -> [(String, JSON)] {
        let forms = FeedEvent.Form.allCases.filter { form in kinds.contains { $0.form == form } }
        return [("Event", FeedEvent.anyOf(forms.map(form), of: kinds))] + forms.map { ($0.rawValue, $0.schema) }
    }

    /// The section `webhooks`: what a receiver gets by each type.
    static func section(of kinds: [FeedEvent.Kind]) -> JSON {
        var types = JSONObject()
        for kind in kinds { types[kind.rawValue] = ["post": operation(kind)] }
        return .object(types)
    }

    /// The schema of a list of events, by reference; any other as it is.
    static func byReference(_ schema: JSON) -> JSON {
        guard schema["items"] == FeedEvent.schema, var list = schema.objectValue else { return schema }
        list["items"] = reference
        return .object(list)
    }

    /// Arguments that choose among the feed's types, with those that their reader is told of.
    static func chosen(among kinds: [FeedEvent.Kind], _ schema: JSON) -> JSON {
        guard var document = schema.objectValue, var members = schema["properties"]?.objectValue else { return schema }
        for (name, member) in members where member["items"] == FeedEvent.choice {
            var list = member.objectValue ?? JSONObject()
            list["items"] = FeedEvent.choice(of: kinds.filter { $0 != .webhookTest })
            members[name] = .object(list)
        }
        document["properties"] = .object(members)
        return .object(document)
    }

    private static func form(_ form: FeedEvent.Form) -> JSON {
        ["$ref": .string("#/components/schemas/\(form.rawValue)")]
    }

    private static func operation(_ kind: FeedEvent.Kind) -> JSON {
        let schema: JSON = [
            "allOf": [form(kind.form)], "properties": ["type": ["const": .string(kind.rawValue)]],
        ]
        return [
            "summary": .string("Of a subject (\(kind.form.subject)): \(kind.words)."), "tags": ["events"],
            "requestBody": [
                "required": true,
                "content": ["application/json": ["schema": schema, "example": kind.example]],
            ],
            "responses": ["2XX": ["description": "The receiver has it."]],
        ]
    }
}
