import Daraja
import OrderedJSON
import PluginKit

/// What the answers to requests have in common: what one proves that names M-Pesa's id of the request, and what one
/// proves that names none.
extension Evidence {
    /// What an answer proves that names an id of the request.
    ///
    /// Such an id is given to a request that was taken. So the request was refused only if a plain code says so and
    /// nothing else speaks against it; and it was taken when the code says so, whatever status it came with. All else
    /// proves nothing.
    ///
    /// - Parameters:
    ///   - answer: What its code says.
    ///   - code: The code.
    ///   - words: M-Pesa's description.
    ///   - body: All of it: a document may hold an error beside the code.
    ///   - status: HTTP's.
    ///   - refusedTo: Whose move a refusal is.
    public init(
        _ answer: RequestAnswer,
        code: String,
        words: String,
        in body: JSON,
        status: Int,
        refusedTo: String
    ) {
        let error = ErrorEnvelope(statedIn: body)
        let isRefused = (200..<300).contains(status) && error.map { $0.proof == .rejected } ?? true
        switch (answer, error) {
        case (.taken, nil): self.init(.accepted)
        case (.refused, _) where isRefused:
            self.init(.rejected)
            self.code = Excerpt.code(code)
            meaning = "M-Pesa refused the request: \(Excerpt.of(words))"
            whoseMove = refusedTo
            chargeAgain = "no"
        default:
            let shown = Excerpt.code(code).map { "the code “\($0)”" } ?? "no code that can be read"
            let fault = error.map { " Beside it stands the error \($0.shownCode ?? "without a code"). \($0.quoted)" }
            self = .nothing(
                "M-Pesa's answer (HTTP \(status)) names an id and \(shown), which does not say plainly that the request "
                    + "was taken or refused.\(fault ?? "")".quoting(words),
                code: error?.shownCode ?? Excerpt.code(code) ?? "http_\(status)"
            )
            whoseMove = "safaricom"
        }
    }

    /// What an answer proves that names no id of the request.
    ///
    /// One that says “taken” all the same is no refusal, whatever else it says.
    public static func withoutIDs(_ raw: [UInt8], status: Int, of kind: RequestKind) -> Evidence {
        if let body = Message(raw).json, RequestAnswer(body) == .taken { return .withoutIDs(body, status: status) }
        switch DarajaReply(raw, status: status) {
        // Nothing but its status calls it an error, and it names what only a request that was taken is given.
        case .error(let error) where error.errorCode == "http_\(status)" && namesAnID(raw):
            return .nothing(
                "M-Pesa's answer (HTTP \(status)) names an id, but cannot be read as one that the request was taken. "
                    + error.quoted,
                code: error.shownCode
            )
        case .error(let error): return Evidence(error, of: kind)
        case .document(let body): return .withoutIDs(body, status: status)
        }
    }

    private static func namesAnID(_ raw: [UInt8]) -> Bool {
        let text = String(decoding: raw.prefix(Message.bytesMax), as: UTF8.self)
        return ["CheckoutRequestID\"", "ConversationID\""].contains { text.contains($0) }
    }

    /// A reply that is another payment's: nothing is learned from it.
    public static func ofAnotherPayment(_ name: String, _ id: String) -> Evidence {
        nothing(
            "M-Pesa's answer is about another payment: it names the \(name) \(Excerpt.of(id, most: 64)). So it does not "
                + "say whether this request was taken."
        )
    }
}

extension ErrorEnvelope {
    /// The error that a document states, whatever its HTTP status; an empty fault and an error 0 state none.
    fileprivate init?(statedIn body: JSON) {
        self.init(body, status: 200)
        let isEmpty = errorMessage.isEmpty && errorCode == "http_200"
        if isEmpty || errorCode.allSatisfy({ $0 == "0" }) { return nil }
    }
}
