import Daraja
import OrderedJSON
import PluginKit

/// An answer of Daraja's to a request of ours: the document that the API describes, or what was said instead of it.
public enum DarajaReply: Sendable {
    /// A document under a status of success, for the API to read.
    case document(JSON)
    /// Anything else: an error, a fault, a block page, bytes that are no document.
    case error(ErrorEnvelope)

    /// Reads an answer.
    public init(_ raw: [UInt8], status: Int) {
        let message = Message(raw)
        if let error = ErrorEnvelope(message.json, status: status) {
            // Bytes that are no envelope of their own say more than the words that stand in for them.
            let hasWords = message.json?.objectValue != nil || raw.isEmpty
            self = .error(hasWords ? error : ErrorEnvelope(words: message.excerpt, status: status))
        } else if let json = message.json, json.objectValue != nil, (200..<300).contains(status) {
            self = .document(json)
        } else {
            self = .error(ErrorEnvelope(words: message.words, status: status))
        }
    }
}

extension Message {
    /// What is shown of a message that is no document: how it begins, or that there is nothing.
    var words: String {
        if isCompressed { return "\(trouble ?? "") (\(excerpt))" }
        return excerpt.isEmpty ? "an empty body" : excerpt
    }
}

/// What a money plugin's request is about, where the sentences differ.
public struct RequestKind: Sendable {
    /// What Safaricom calls the product, such as `M-Pesa Express`.
    public let product: String
    /// When a throttled request may be made again; its guards no longer hold then, because it was not looked at.
    public let retryAfterMilliseconds: Int64

    /// States the kind.
    public init(product: String, retryAfterMilliseconds: Int64) {
        self.product = product
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }
}

extension Evidence {
    /// What an error proves of the request that it answers.
    ///
    /// Only some do: a bare 500 or 503 may come after M-Pesa took the request. The code and M-Pesa's words are there in
    /// any case, so that whoever waits for the payment can be told.
    public init(_ error: ErrorEnvelope, of kind: RequestKind) {
        switch error.proof {
        case .rejected:
            let advice = ErrorAdvice(error, product: kind.product)
            self.init(.rejected)
            meaning = advice.meaning
            whoseMove = advice.whoseMove
            chargeAgain = "no"
        case .throttled:
            self.init(.notProcessed)
            meaning = "M-Pesa is busy and did not look at the request; ask again after a minute. \(error.quoted)"
            whoseMove = "safaricom"
            chargeAgain = "wait"
            retryAfterMilliseconds = kind.retryAfterMilliseconds
        case .locked:
            // An earlier prompt may still be on the phone: the organization may ask again once that has ended.
            self.init(.rejected)
            meaning =
                "M-Pesa has another request for this customer under way and did not take this one. \(error.quoted)"
            whoseMove = "customer"
            chargeAgain = "wait"
        case .duplicate:
            // Proves that the first one arrived, and nothing of what became of it.
            self.init(.duplicate)
            meaning = "M-Pesa has had this request before; what became of it is being asked. \(error.quoted)"
        case .pending, .nothing:
            self.init(.unknown)
            meaning = "M-Pesa's answer (HTTP \(error.status)) does not say whether it took the request. \(error.quoted)"
            whoseMove = "safaricom"
            chargeAgain = "check_first"
        }
        code = error.shownCode
    }

    /// An answer to a question that says nothing of the payment which it asks about.
    ///
    /// Whatever is wrong is wrong with the question, so no verdict but `unknown` may come of it.
    public init(unansweredQuestion error: ErrorEnvelope, product: String) {
        let advice = ErrorAdvice(error, product: product)
        self.init(.unknown)
        code = error.shownCode
        if error.proof == .rejected { whoseMove = advice.whoseMove }
        meaning =
            switch error.proof {
            case .rejected: "M-Pesa did not take the question. \(advice.meaning)"
            case .throttled: "M-Pesa is busy and did not look at the question. \(error.quoted)"
            default: "M-Pesa did not answer the question (HTTP \(error.status)). \(error.quoted)"
            }
        chargeAgain = "check_first"
    }

    /// Evidence that proves nothing, and says why.
    public static func nothing(_ meaning: String, code: String? = nil) -> Evidence {
        var evidence = Evidence(.unknown)
        evidence.code = code
        evidence.meaning = meaning
        evidence.chargeAgain = "check_first"
        return evidence
    }

    /// A message that is no document.
    public static func unreadable(_ message: Message) -> Evidence {
        let trouble = message.trouble ?? "is of no known form"
        let beginning = message.excerpt.isEmpty ? "" : " It begins: \(message.excerpt)"
        return nothing("M-Pesa's message \(trouble).\(beginning)")
    }

    /// A document under a status of success that names no request.
    public static func withoutIDs(_ document: JSON, status: Int) -> Evidence {
        nothing(
            "M-Pesa's answer (HTTP \(status)) names no request, so it proves nothing. It says: "
                + Excerpt.of(document.bytes),
            code: "http_\(status)"
        )
    }
}

extension ErrorEnvelope {
    /// The code, fit to be shown.
    var shownCode: String? { Excerpt.code(errorCode) }

    /// M-Pesa's own words in quotation marks.
    var quoted: String {
        errorMessage.isEmpty ? "It gave no reason." : "It said: “\(Excerpt.of(errorMessage, most: 200))”"
    }
}

extension String {
    /// The sentence with M-Pesa's own words behind it, bounded; as it is where there are none, or it ends with them.
    public func quoting(_ words: String) -> String {
        let shown = Excerpt.of(words, most: 200)
        return shown.isEmpty || self == shown || hasSuffix(" " + shown) ? self : "\(self) M-Pesa said: “\(shown)”"
    }
}
