import OrderedJSON

/// What a call is answered whose payment waits for a person, or was withdrawn: the host's own words, whatever its tool's
/// output is.
enum HeldAnswer {
    /// Whether asking for it once more is safe, by the name that the tools of each direction give it.
    private static func again(_ direction: OperationDirection) -> String {
        switch direction {
        case .incoming, .none: "charge_again"
        case .outgoing: "pay_again"
        case .reverse: "reverse_again"
        }
    }

    /// A record as its caller is shown it; `page` is where it may be confirmed.
    static func document(_ record: Record, _ page: ConfirmationPage) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.optional("transaction_id", record.id.description)
        writer.optional("status", record.state.status)
        writer.optional("state", record.state.rawValue)
        writer.optional("amount", record.intent.amount?.amount)
        writer.optional(again(record.direction), "no")
        if record.isDisputed {
            writer.key("disputed")
            writer.bool(true)
            writer.optional("dispute", record.disputes.map(\.text).joined(separator: " "))
        }
        writer.optional("next", next(record, page))
        writer.key("approval")
        writer.beginObject()
        writer.optional("reason", record.hold?.reason)
        if let asked = record.hold?.asked {
            writer.optional("role", asked.role.rawValue)
            writer.optional("count", Int64(asked.count))
            writer.optional("approved", Int64(record.hold?.approvers.count ?? 0))
        }
        writer.optional("until_ms", record.hold?.until.milliseconds)
        writer.optional("decided_by", record.hold?.decidedBy)
        if record.state == .withdrawn {
            writer.optional("withdrawn", record.hold?.withdrawal?.rawValue)
            writer.optional("withdrawn_because", record.meaning)
        }
        writer.endObject()
        writer.optional("created_at_ms", record.createdAt.milliseconds)
        writer.optional("ended_at_ms", record.endedAt?.milliseconds)
        writer.endObject()
        return writer.bytes
    }

    private static func next(_ record: Record, _ page: ConfirmationPage) -> String {
        switch record.state {
        case .draft where record.hold?.asked?.isConfirmation == true:
            "Nothing was sent. Whoever asked, or the owner of the key that did, must confirm it: in the conversation, where the "
                + "client asks them, or \(page.way(to: record.id)); or others of the rule's role approve it. Ask for its status, "
                + "and do not repeat it."
        case .draft where record.hold?.asked != nil:
            "Nothing was sent. Others than whoever asked must approve it, as people who log in. Ask for its status, and do not "
                + "repeat it."
        case .draft where record.batch != nil:
            "Nothing was sent. It leaves with its batch, which a person must release. Ask for its status, and do not "
                + "repeat it."
        case .draft: "Nothing was sent. A person must let it leave; ask for its status, and do not repeat it."
        case .released: "People have let it leave; it is about to be sent. Ask for its status, and do not repeat it."
        default:
            "Nothing was sent, and nothing will be under this key. If it is wanted all the same, ask for it again with a "
                + "new key."
        }
    }

    // MARK: Schemas

    private static let text: JSON = ["type": "string"]
    private static let whole: JSON = ["type": "integer"]

    private static let schema: JSON = [
        "type": "object", "required": ["transaction_id", "status", "state", "next", "approval", "created_at_ms"],
        "additionalProperties": false,
        "properties": [
            "transaction_id": text, "status": ["enum": ["PENDING", "CANCELLED"]],
            "state": ["enum": ["draft", "released", "withdrawn"]], "amount": whole,
            "charge_again": text, "pay_again": text, "reverse_again": text, "disputed": ["type": "boolean"],
            "dispute": text,
            "next": ["type": "string", "description": "What to do now."],
            "approval": [
                "type": "object", "required": ["reason", "until_ms"],
                "description": "Who must let it leave; once it has left, who did (decided_by).",
                "properties": [
                    "reason": ["type": "string", "description": "Who must approve or confirm it, and by what rule."],
                    "role": ["type": "string", "description": "The least role of those who approve it."],
                    "count": ["type": "integer", "description": "How many people must."],
                    "approved": ["type": "integer", "description": "How many have."],
                    "until_ms": ["type": "integer", "description": "When it is withdrawn otherwise."],
                    "decided_by": ["type": "string", "description": "Who let it leave, or withdrew it."],
                    "withdrawn": [
                        "enum": .array(Hold.Withdrawal.allCases.map { .string($0.rawValue) }),
                        "description": "Why it will never be sent.",
                    ],
                    "withdrawn_because": ["type": "string", "description": "The same, in a sentence."],
                ],
            ],
            "created_at_ms": whole, "ended_at_ms": whole,
        ],
        "description": "Nothing was sent: people must approve or confirm this first, or it was withdrawn.",
    ]

    private static let handle: JSON = [
        "type": "object", "required": ["handle", "message"], "additionalProperties": false,
        "properties": [
            "handle": ["type": "string", "description": "Names the work, which goes on."], "message": text,
            "tool": ["type": "string", "description": "The tool to ask with the handle."], "poll_after_ms": whole,
        ],
        "description": "Begun, not done.",
    ]

    /// A tool's output schema as it is published, where its payment may be held.
    static func beside(_ own: JSON) -> JSON { either(own, or: schema) }

    /// The same of a tool that may answer later, with a handle.
    static func besideHandle(_ own: JSON) -> JSON { either(own, or: handle) }

    /// Clients read the root alone as an object, so it says that it is one; what is referred to from the root stays there.
    private static func either(_ own: JSON, or other: JSON) -> JSON {
        guard var members = own.objectValue else { return own }
        var published: JSONObject = ["type": "object"]
        for name in ["$schema", "$id", "$defs"] {
            published[name] = members[name]
            members[name] = nil
        }
        published["anyOf"] = [.object(members), other]
        return .object(published)
    }
}
