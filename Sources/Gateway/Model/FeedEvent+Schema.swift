import OrderedJSON

extension FeedEvent.Form {
    /// The schema of such an event, as `events.list` shows it.
    package var schema: JSON {
        let data = FeedEvent.object(fields.filter(\.isRequired).map(\.name), fields.map { ($0.name, $0.schema) })
        return FeedEvent.shape(type: FeedEvent.choice(of: kinds), about: subject, data: data)
    }
}

extension FeedEvent.Kind {
    /// One that might be shown: made of what the catalogue says.
    package var example: JSON {
        var data = JSONObject()
        for field in form.fields where field.isRequired || exampleShows.contains(field.name) {
            switch field.name {
            case "state": data[field.name] = .string(exampleState)
            case "was" where form == .transaction:
                data[field.name] = .string((self == .lateSuccess ? RecordState.expired : .succeeded).rawValue)
            default: data[field.name] = field.example
            }
        }
        let event = FeedEvent(
            organization: OrganizationID(Identifier(high: 1, low: 1)),
            id: Identifier("01a21db3-7306-7736-9198-ab930fea3a30") ?? Identifier(high: 0, low: 0),
            kind: self,
            subject: form.example.subject,
            version: form.example.version,
            at: Timestamp(milliseconds: 1_795_794_629_382),
            payload: .object(data)
        )
        return event.document
    }
}

extension FeedEvent {
    /// As it is shown, and sent, to whoever may see it: the same event is always the same document.
    package var document: JSON {
        [
            "type": .string(kind.rawValue), "timestamp": .string(at.description), "id": .string(id.description),
            "subject": .string(subject), "sequence": .integer(Int64(version)), "at_ms": .integer(at.milliseconds),
            "data": payload,
        ]
    }
}

extension FeedEvent {
    /// The schema of any event: what all have, and one of the forms.
    ///
    /// Of its type it says no more than each form does: whoever reads it may be told of some types and not of others.
    package static let schema = anyOf(Form.allCases.map(\.schema), type: ["type": "string"])

    /// The same of some types, with forms that stand elsewhere, such as by reference.
    package static func anyOf(_ forms: [JSON], of kinds: [Kind]) -> JSON { anyOf(forms, type: choice(of: kinds)) }

    /// The schema of a type that is chosen among those that whoever asks is told of, which they are shown in its place.
    package static let choice: JSON = [
        "type": "string", "maxLength": 64, "description": "Such as transaction.succeeded.",
    ]
    /// The same of some of them.
    package static func choice(of kinds: [Kind]) -> JSON { ["enum": .array(kinds.map { .string($0.rawValue) })] }

    private static func anyOf(_ forms: [JSON], type: JSON) -> JSON {
        let base = self.shape(type: type, about: "such as a transaction's id", data: ["type": "object"])
        var members = base.objectValue ?? JSONObject()
        members["anyOf"] = .array(forms)
        return .object(members)
    }

    fileprivate static func shape(type: JSON, about subject: String, data: JSON) -> JSON {
        object(
            ["type", "timestamp", "id", "subject", "sequence", "at_ms", "data"],
            [
                ("type", type),
                ("timestamp", ["type": "string", "format": "date-time"]),
                ("id", ["type": "string", "description": "The same id is always the same event."]),
                ("subject", ["type": "string", "description": .string("What it is about: \(subject).")]),
                (
                    "sequence",
                    ["type": "integer", "description": "That one's version: of two events the higher is the later."]
                ),
                ("at_ms", ["type": "integer"]), ("data", data),
            ]
        )
    }

    fileprivate static func object(_ required: [String], _ properties: [(String, JSON)]) -> JSON {
        [
            "type": "object", "required": .array(required.map { .string($0) }),
            "properties": .object(JSONObject(properties)),
        ]
    }
}
