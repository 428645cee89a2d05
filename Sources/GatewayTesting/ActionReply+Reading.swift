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

    /// What a success says beside its output; nil where it says nothing.
    package var message: String? {
        guard case .success(.data(_, let message, _)) = result else { return nil }
        return message
    }

    /// What stands beside the output in the envelope under a name; nil where nothing does.
    package func beside(_ name: String) -> JSON? {
        guard case .success(.data(_, _, let beside)) = result else { return nil }
        return beside.first { $0.name == name }.flatMap { try? JSON(parsing: $0.value) }
    }
}
