import Gateway
import HTTPServer
import NIOHTTP1
import OrderedJSON

/// Turns the house's one error into REST's form: a problem document (RFC 9457) that also has the seed's members.
enum ErrorResponse {
    /// The HTTP status of each code, and a title for people.
    static func status(of code: GatewayError.Code) -> (HTTPResponseStatus, String) {
        switch code {
        case .malformedRequest: (.badRequest, "Malformed request")
        case .tooLarge: (.payloadTooLarge, "Too large")
        case .unauthenticated: (.unauthorized, "Not authenticated")
        case .permissionDenied: (.forbidden, "Not allowed")
        case .organizationSuspended: (.forbidden, "Organization suspended")
        case .notFound: (.notFound, "Not found")
        case .methodNotAllowed: (.methodNotAllowed, "Method not allowed")
        case .rateLimited: (.tooManyRequests, "Rate limited")
        case .invalidArgument: (.unprocessableEntity, "Invalid arguments")
        case .limitExceeded: (.unprocessableEntity, "Outside a limit")
        case .notConfigured: (.conflict, "Not configured")
        case .idempotencyKeyReused: (.unprocessableEntity, "Idempotency key reused")
        case .idempotencyInProgress: (.conflict, "Call in progress")
        case .idempotencyKeyRequired: (.badRequest, "Idempotency key required")
        case .conflict: (.conflict, "Conflict")
        case .staleVersion: (.preconditionFailed, "Changed meanwhile")
        case .approvalDeclined: (.conflict, "Declined")
        case .approvalExpired: (.conflict, "Not approved in time")
        case .withdrawn: (.conflict, "Withdrawn")
        case .upstreamRejected: (.unprocessableEntity, "Refused by M-Pesa")
        case .upstreamUnavailable: (.serviceUnavailable, "M-Pesa unavailable")
        case .notSupported: (.notImplemented, "Not supported")
        case .pluginFailed: (.badGateway, "Plugin failed")
        case .deadlineExceeded: (.gatewayTimeout, "Deadline exceeded")
        case .unavailable: (.serviceUnavailable, "Unavailable")
        case .internalFault: (.internalServerError, "Internal error")
        }
    }

    /// The problem document of an error; without a call when there was none, because the request could not be read.
    ///
    /// `status` stands in the place of the code's own, where HTTP has a closer one.
    static func make(
        _ error: GatewayError,
        call: CallID?,
        allow: [String] = [],
        status closer: HTTPResponseStatus? = nil
    ) -> Response {
        let (usual, title) = status(of: error.code)
        let status = closer ?? usual
        let call = call?.description
        let body = document(error, title, status, call)
        var response = Response(
            status,
            headers: [(.contentType, "application/problem+json"), (.cacheControl, "no-store")],
            body: body
        )
        if let call { response.add(.requestID, call) }
        if let wait = error.retryAfter { response.add(.retryAfter, String(seconds(wait))) }
        if error.code == .unauthenticated { response.add(.wwwAuthenticate, "Bearer realm=\"mpesa-gateway\"") }
        if let challenge = challenge(error) { response.add(.wwwAuthenticate, challenge) }
        if !allow.isEmpty { response.add(.allow, allow.joined(separator: ", ")) }
        return response
    }

    /// What a connection itself refuses.
    static func make(_ refusal: HTTPRefusal) -> Response { make(refusal.error, call: nil, status: refusal.status) }

    /// What a credential would need besides (RFC 6750, section 3); nil where scopes are not what is missing.
    static func challenge(_ error: GatewayError) -> String? {
        guard !error.scopes.isEmpty else { return nil }
        let scopes = error.scopes.joined(separator: " ")
        return "Bearer realm=\"mpesa-gateway\", error=\"insufficient_scope\", scope=\"\(scopes)\""
    }

    /// What a credential would need, or is: one that was shown and is refused is no missing one (RFC 6750, section 3.1).
    static func challenge(_ error: GatewayError, shown credential: Credential?) -> String? {
        guard error.code == .unauthenticated else { return challenge(error) }
        let realm = "Bearer realm=\"mpesa-gateway\""
        guard case .token = credential else { return realm }
        return realm + ", error=\"invalid_token\""
    }

    static func seconds(_ wait: Duration) -> Int64 { seconds(milliseconds: wait.wholeMilliseconds) }

    static func seconds(milliseconds: Int64) -> Int64 { max(1, (milliseconds + 999) / 1000) }

    private static func document(
        _ error: GatewayError,
        _ title: String,
        _ status: HTTPResponseStatus,
        _ call: String?
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("type")
        writer.string("urn:mpesa-gateway:problem:" + error.code.rawValue)
        writer.key("title")
        writer.string(title)
        writer.key("status")
        writer.integer(Int64(status.code))
        writer.key("detail")
        writer.string(error.message)
        writer.key("code")
        writer.string(error.code.rawValue)
        writer.optional("request_id", call)
        writer.optional("transaction_id", error.record?.description)
        writer.optional("charge_again", error.chargeAgain)
        if !error.errors.isEmpty {
            writer.key("errors")
            writer.beginArray()
            for field in error.errors {
                writer.beginObject()
                writer.key("pointer")
                writer.string(field.pointer)
                writer.key("message")
                writer.string(field.message)
                writer.endObject()
            }
            writer.endArray()
        }
        if !error.scopes.isEmpty {
            writer.key("scopes")
            writer.value(.array(error.scopes.map { .string($0) }))
        }
        writer.key("success")
        writer.bool(false)
        writer.key("error")
        writer.string(error.message)
        writer.endObject()
        return writer.bytes
    }
}

extension HTTPRefusal {
    /// The same in the house's words.
    var error: GatewayError { GatewayError(status == .requestTimeout ? .deadlineExceeded : .malformedRequest, message) }
}
