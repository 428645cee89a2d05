import Daraja
import OrderedJSON
import PluginKit

/// What the requests have in common that act as an organization's operator: the name, the answer, the posted result, and
/// the question about what became of one.
public enum OperatorMessages {
    /// Where the host writes the addresses that M-Pesa posts to, in every request of an operator.
    public static let callbacks: JSON = [
        ["name": "result", "pointer": "/ResultURL"], ["name": "timeout", "pointer": "/QueueTimeOutURL"],
    ]

    /// Where the host writes the operator's encrypted password.
    public static let secrets: JSON = [
        ["transform": "security_credential", "pointer": "/SecurityCredential", "inputs": [:]]
    ]

    /// Result codes that say that something is wrong with the operator, whom repeated refusals would lock.
    public static let breakCodes: JSON = ["18", "20", "21", "22", "2001", "8006", "TP40153"]

    /// A question of an operator's as an operation: it moves nothing.
    public static func question(named name: String, path: String) -> JSONObject {
        [
            "name": .string(name), "direction": "none", "upstream": "daraja", "path": .string(path),
            "callbacks": callbacks, "secrets": secrets, "send_before_ms": 60_000,
        ]
    }

    /// When what an operator asked for is asked about: first after 20 s, within a day a person's to look up.
    ///
    /// - Parameters:
    ///   - operation: The question.
    ///   - seconds: How long after sending a failure that was learned by asking is not believed.
    public static func asking(by operation: String, trustingFailureAfterSeconds seconds: Int64) -> JSON {
        [
            "operation": .string(operation), "first_after_ms": 20_000,
            "every_ms": [20_000, 60_000, 300_000, 900_000, 3_600_000],
            "trust_failure_after_ms": .integer(seconds * 1000), "horizon_ms": 86_400_000,
        ]
    }

    /// The operator's name, which M-Pesa wants beside the encrypted password; nil where there is none.
    public static func initiatorName(_ profile: Profile) -> String? {
        profile.settings["initiator_name"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The operator's name, for a plan.
    ///
    /// - Throws: `not_configured` where there is none.
    public static func requireInitiatorName(_ profile: Profile) throws(Refusal) -> String {
        guard let name = initiatorName(profile) else {
            throw Refusal(
                "not_configured",
                "The organization has no initiator name. An administrator must set initiator_name with its credentials."
            )
        }
        return name
    }

    /// The request that asks about another one, by the OriginatorConversationID by which M-Pesa knows that; nil without
    /// an operator.
    ///
    /// A till asks as a till.
    public static func question(about originator: String, _ profile: Profile) -> JSON? {
        guard let name = initiatorName(profile) else { return nil }
        return TransactionStatusQuery.body(
            Initiator: name,
            OriginalConversationID: originator,
            PartyA: profile.shortCode,
            IdentifierType: profile.shortCodeType == "till" ? "2" : "4"
        )
    }

    /// What the answer to a request of an operator proves.
    ///
    /// - Parameters:
    ///   - another: The id by which an answer is another payment's.
    ///   - learn: Which ids of an answer are kept.
    public static func reply(
        _ raw: [UInt8],
        status: Int,
        of kind: RequestKind,
        another: (InitiatorAPI.Reply) -> String? = { _ in nil },
        learn: (InitiatorAPI.Reply) -> [String: String]
    ) -> Evidence {
        guard let body = Message(raw).json, let reply = InitiatorAPI.Reply(body) else {
            return .withoutIDs(raw, status: status, of: kind)
        }
        if let another = another(reply) { return .ofAnotherPayment("conversation", another) }
        var evidence = Evidence(
            reply.answer,
            code: reply.ResponseCode,
            words: reply.ResponseDescription,
            in: body,
            status: status,
            refusedTo: "organization"
        )
        if evidence.verdict != .rejected { evidence.externalIDs = learn(reply) }
        return evidence
    }

    /// Whether two ConversationIDs are the same: one is seen with and without its `AG_`.
    public static func isSame(_ left: String, _ right: String) -> Bool {
        let bare = { (id: String) in id.hasPrefix("AG_") ? String(id.dropFirst(3)) : id }
        return bare(left) == bare(right)
    }
}

extension Message {
    /// The result in a message, and whether it came as the API describes it; nil when it holds none.
    public var operatorResult: (result: InitiatorAPI.Result, isPlain: Bool)? {
        guard let found = unwrapped(["Result"], marks: ["ConversationID", "OriginatorConversationID"]),
            let result = InitiatorAPI.Result(["Result": found.document])
        else { return nil }
        return (result, found.isPlain)
    }
}

extension Evidence {
    /// What a result's code proves by itself.
    public init(_ entry: InitiatorResultCode, saying words: String) {
        self.init(Evidence.verdict(of: entry))
        code = Excerpt.code(entry.code)
        meaning = entry.outcome == .unknown ? entry.meaning.quoting(words) : entry.meaning
        whoseMove = entry.whoseMove
        chargeAgain = entry.payAgain
    }

    private static func verdict(of entry: InitiatorResultCode) -> Verdict {
        switch entry.outcome {
        case .paid: .succeeded
        case .failed: .failed
        case .pending: .pending
        case .duplicate: .duplicate
        case .unknown: .unknown
        }
    }
}
