import OrderedJSON

/// What is answered instead of Daraja's document for a request, and what that proves: Daraja's own error envelope, the
/// fault of the API gateway before it, a SOAP fault written as JSON, a block page.
///
/// Source: Daraja 3.0 portal, error tables of the Authorization, M-Pesa Express, B2C and Account Balance pages; faults
/// and block pages as integrators record them.
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
    /// Such as `400.002.02`; `http_403` and the like where none is named.
    public let errorCode: String
    /// For people.
    public let errorMessage: String
    /// The HTTP status it came with.
    public let status: Int

    /// Reads an envelope or a fault; nil when the body is neither.
    ///
    /// HTTP 429 is an error whatever its body holds, even one that is no JSON (`body` nil): the portal documents
    /// throttling as HTTP 500 with an envelope, integrators also see 429, with one or as the API gateway's bare fault.
    public init?(_ body: JSON?, status: Int) {
        self.status = status
        requestID = body?["requestId"]?.stringValue
        let unnamed = "http_\(status)"
        if let code = WireText.text(body?["errorCode"]), !code.isEmpty {
            errorCode = code
            errorMessage = body?["errorMessage"]?.stringValue ?? ""
        } else if let fault = body.flatMap({ Fault(in: $0) }) {
            errorCode = fault.code ?? unnamed
            errorMessage = fault.text ?? ""
        } else {
            guard status == ErrorEnvelope.tooManyRequests else { return nil }
            errorCode = unnamed
            errorMessage = "Too many requests. Please try again later."
        }
    }

    /// An answer that is no document of Daraja's at all, such as a block page.
    ///
    /// - Parameter words: The beginning of what it says.
    public init(words: String, status: Int) {
        requestID = nil
        errorCode = "http_\(status)"
        errorMessage = words
        self.status = status
    }

    /// What it proves.
    ///
    /// `500.001.1001` and `500.002.1001` carry several meanings, told apart by their text. HTTP 429 says "not looked
    /// at" for every code that does not say more, and so does a spike arrest, in whatever it is wrapped.
    public var proof: Proof {
        let proof = codeProof
        let isThrottled = status == ErrorEnvelope.tooManyRequests || saysThrottled
        return proof == .nothing && isThrottled ? .throttled : proof
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
        case "500.003.02", "500.003.03": return .throttled
        // Known by its words alone: the codes that it comes with mean other things as well.
        case _ where text.contains("duplicate"): return .duplicate
        default:
            let family = errorCode.prefix(4)
            return ["400.", "401.", "404.", "405."].contains(family) ? .rejected : .nothing
        }
    }

    /// The API gateway's own words for "too fast", spelled together or apart.
    private var saysThrottled: Bool {
        let text = (errorCode + " " + errorMessage).lowercased().filter { $0 != " " && $0 != "_" && $0 != "-" }
        return ["spikearrest", "quotaviolation", "policies.ratelimit"].contains { text.contains($0) }
    }
}

/// A fault of the API gateway, or a SOAP fault that was written as JSON.
private struct Fault {
    let code: String?
    let text: String?

    /// `{"fault":{"faultstring":…,"detail":{"errorcode":…}}}`, or `Fault` in `Body` in `Envelope`, with any prefix.
    init?(in body: JSON) {
        var place = body
        for name in ["envelope", "body"] { place = Fault.member(name, of: place) ?? place }
        guard let fault = Fault.member("fault", of: place), fault.objectValue != nil else { return nil }
        let detail = Fault.member("detail", of: fault)
        let code = detail.flatMap { Fault.member("errorcode", of: $0) } ?? Fault.member("faultcode", of: fault)
        self.code = WireText.text(code).flatMap { $0.isEmpty ? nil : $0 }
        text = WireText.text(Fault.member("faultstring", of: fault))
    }

    /// A member by its local name: `soapenv:Fault` is `fault`.
    private static func member(_ name: String, of value: JSON) -> JSON? {
        for (key, member) in value.objectValue ?? JSONObject() {
            let local = key.split(separator: ":").last.map(String.init) ?? key
            if local.lowercased() == name { return member }
        }
        return nil
    }
}
