import Gateway
import OrderedJSON

extension ActionReply {
    /// The error's code; nil for a success.
    package var code: GatewayError.Code? { error?.code }

    /// Why there is no answer; nil for a success.
    package var error: GatewayError? {
        if case .failure(let error) = result { error } else { nil }
    }

    /// The output; null where there is none.
    package var data: JSON {
        guard case .success(.data(let bytes, _, _)) = result, let json = try? JSON(parsing: bytes) else { return .null }
        return json
    }
}
