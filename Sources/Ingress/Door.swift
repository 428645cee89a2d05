import Gateway
import HTTPServer
import OrderedJSON

/// What every door reads from a request in the same way.
struct RequestReader {
    let request: Request

    /// The credential that was shown.
    var credential: Credential {
        if let key = request.header(.apiKey) { return .token(Secret(key)) }
        guard let value = request.header(.authorization) else { return .none }
        let scheme = "bearer ".utf8
        // Lower case has one more bit than upper case; the space has it too.
        guard value.utf8.count > scheme.count, zip(value.utf8, scheme).allSatisfy({ $0 | 0x20 == $1 }) else {
            return .none
        }
        return .token(Secret(String(value[value.utf8.index(value.startIndex, offsetBy: scheme.count)...])))
    }

    /// The environment that a user's call names.
    func environment() throws(GatewayError) -> Gateway.Environment? {
        guard let text = request.header(.environment) else { return nil }
        guard let environment = Gateway.Environment(rawValue: text) else {
            throw GatewayError(.malformedRequest, "The header Gateway-Environment must be test or live.")
        }
        return environment
    }

    /// The whole body, within its limit.
    func body() throws(GatewayError) -> [UInt8] {
        switch request.body {
        case .whole(let bytes): return bytes
        case .tooLarge(let limit): throw GatewayError(.tooLarge, "The body is larger than \(limit) bytes.")
        }
    }

    /// The body as a JSON object; an empty body is an empty object.
    func object() throws(GatewayError) -> JSON {
        let bytes = try body()
        if bytes.isEmpty { return .object(JSONObject()) }
        let json: JSON
        do { json = try JSON(parsing: bytes) } catch {
            throw GatewayError(.malformedRequest, "The body is not JSON: \(error.description).")
        }
        guard json.objectValue != nil else {
            throw GatewayError(.malformedRequest, "The body must be a JSON object.")
        }
        return json
    }

    /// A structured string with or without its quotes, as clients of either habit send it.
    ///
    /// - Throws: `invalidArgument` where the header came more than once and says different keys.
    func idempotencyKey() throws(GatewayError) -> String? {
        let keys = request.headers.values(of: .idempotencyKey)
            .map { value in
                value.hasPrefix("\"") && value.hasSuffix("\"") && value.utf8.count > 1
                    ? String(value.dropFirst().dropLast()) : value
            }
        guard Set(keys.map { Array($0.utf8) }).count <= 1 else {
            let message = "idempotency_key: the header Idempotency-Key says more than one key."
            throw GatewayError(
                .invalidArgument,
                message,
                errors: [.init(pointer: "/idempotency_key", message: message)]
            )
            .aboutCall
        }
        return keys.first
    }

    /// A use of one of the host's own actions.
    func action(
        _ call: CallID,
        by door: Door = .rest,
        arguments: Result<JSON, GatewayError> = .success(.object(JSONObject()))
    ) throws(GatewayError) -> ActionCall {
        ActionCall(
            id: call,
            door: door,
            credential: credential,
            environment: try environment(),
            address: request.address,
            arguments: arguments
        )
    }

    /// How long the caller wants to wait: `Prefer: wait=5` (RFC 7240), in seconds.
    var wait: Duration? {
        guard let value = request.header(.prefer) else { return nil }
        for part in value.split(separator: ",") {
            let sides = part.split(separator: "=").map { $0.filter { $0 != " " } }
            if sides.count == 2, sides[0] == "wait", let seconds = Int(sides[1]), (0...3600).contains(seconds) {
                return .seconds(seconds)
            }
        }
        return nil
    }
}
