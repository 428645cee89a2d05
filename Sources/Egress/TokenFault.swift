import Compression
import Gateway
import OrderedJSON

/// An answer that says, in M-Pesa's own words, that an access token is not accepted.
///
/// Only such an answer proves that a request was not processed, so only after it is the request sent again. A 401 alone
/// proves nothing: it may be of something that stands before M-Pesa, and come after the money has moved.
enum TokenFault {
    static func isIn(_ outcome: HTTPOutcome) -> Bool {
        guard case .answered(let status, let body) = outcome, (400..<500).contains(status),
            let answer = try? JSON(parsing: Gzip.opened(body) ?? body, limits: JSONLimits(duplicateKeys: .lastWins))
        else { return false }
        if let fault = answer["fault"]?["detail"]?["errorcode"]?.stringValue { return faults.contains(fault) }
        guard let code = answer["errorCode"]?.stringValue else { return false }
        return codes.contains(code) || isTokenText(answer["errorMessage"]?.stringValue ?? "", of: code)
    }

    /// As the different APIs number an invalid access token (Daraja 3.0, error tables).
    private static let codes: Set<String> = ["404.001.03", "400.003.01", "401.002.01", "401.003.01"]

    /// Apigee's, behind which Daraja stands (Apigee, OAuth v2 policy, error reference).
    private static let faults: Set<String> = [
        "keymanagement.service.invalid_access_token", "keymanagement.service.access_token_expired",
        "keymanagement.service.access_token_not_approved", "oauth.v2.InvalidAccessToken",
    ]

    /// An API that is not in the tables says the same in the same words.
    private static func isTokenText(_ text: String, of code: String) -> Bool {
        ["400.", "401.", "404."].contains { code.hasPrefix($0) } && text.lowercased().contains("invalid access token")
    }
}
