// Who calls, where a door must know it before it hands the call on.
extension Pipeline {
    /// Who shows a credential, for a door that must know before it hands the call on.
    ///
    /// It leaves no trace, and refuses nothing: what it is handed on to does.
    package func recognize(
        _ credential: Credential,
        environment: Environment?,
        address: String?,
        at door: Door
    ) async -> Recognized {
        do throws(GatewayError) {
            return Recognized(
                .success(
                    try await authenticate.principal(
                        for: credential,
                        environment: environment,
                        address: address,
                        at: door
                    )
                )
            )
        } catch { return Recognized(.failure(error)) }
    }

    /// Who makes a call of a tool.
    func principal(of call: ToolCall) async throws(GatewayError) -> Principal {
        if let known = call.recognized { return try known.principal }
        return try await authenticate.principal(
            for: call.credential,
            environment: call.environment,
            address: call.address,
            at: call.door
        )
    }

    /// Who asks for an action.
    func principal(of call: ActionCall) async throws(GatewayError) -> Principal {
        if let known = call.recognized { return try known.principal }
        return try await authenticate.principal(
            for: call.credential,
            environment: call.environment,
            address: call.address,
            at: call.door
        )
    }
}
