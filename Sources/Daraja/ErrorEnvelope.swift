import OrderedJSON

/// What Daraja's gateway answers when it does not hand a request on, and what that proves.
///
/// Source: Daraja 3.0 portal, error tables of the Authorization, M-Pesa Express, B2C and Account Balance pages.
public struct ErrorEnvelope: Sendable, Hashable {
    /// What an error proves of a request that may move money.
    public enum Proof: Sendable, Hashable {
        /// It was refused before M-Pesa looked at it, for a cause that stays until somebody changes something.
        case rejected
        /// It was not looked at because of load; the same request may be sent again later.
        case throttled
        /// Another request for the same subscriber is under way.
        case locked
        /// The request that was asked about is still under way.
        case pending
        /// M-Pesa has had this request before.
        case duplicate
        /// Nothing.
        case nothing
    }

    /// Safaricom's id of the request.
    public let requestID: String?
    /// Such as `400.002.02`; the HTTP status where a throttled request was answered without one.
    public let errorCode: String
    /// For people.
    public let errorMessage: String
    /// The HTTP status it came with.
    public let status: Int

    /// Reads an envelope; nil when the body is none.
    ///
    /// HTTP 429 is an error whatever its body holds, even one that is no JSON (`body` nil): the portal documents
    /// throttling as HTTP 500 with an envelope, integrators also see 429, with one or as the API gateway's bare fault.
    public init?(_ body: JSON?, status: Int) {
        self.status = status
        requestID = body?["requestId"]?.stringValue
        if let code = body?["errorCode"]?.stringValue {
            errorCode = code
            errorMessage = body?["errorMessage"]?.stringValue ?? ""
            return
        }
        guard status == ErrorEnvelope.tooManyRequests else { return nil }
        errorCode = String(status)
        errorMessage = body?["fault"]?["faultstring"]?.stringValue ?? "Too many requests. Please try again later."
    }

    /// What it proves.
    ///
    /// `500.001.1001` and `500.002.1001` carry several meanings, told apart by their text. HTTP 429 says "not looked
    /// at" for every code that does not say more.
    public var proof: Proof {
        let proof = codeProof
        return proof == .nothing && status == ErrorEnvelope.tooManyRequests ? .throttled : proof
    }

    private static let tooManyRequests = 429

    private var codeProof: Proof {
        let text = errorMessage.lowercased()
        switch errorCode {
        case "500.001.1001":
            if text.contains("being processed") { return .pending }
            if text.contains("unable to lock") || text.contains("already in process") { return .locked }
            if text.contains("merchant does not exist") || text.contains("wrong credentials") { return .rejected }
            return .nothing
        case "500.002.1001": return text.contains("duplicate") ? .duplicate : .nothing
        case "500.003.02", "500.003.03": return .throttled
        default:
            let family = errorCode.prefix(4)
            return ["400.", "401.", "404.", "405."].contains(family) ? .rejected : .nothing
        }
    }
}
