import OrderedJSON

/// Reads how a function tool ended: its output, checked against the tool's schema, or an error of the house.
enum FunctionCompletion {
    static func output(
        of completion: LoadedPlugin.Completion,
        tool: ToolDescriptor
    ) throws(GatewayError) -> [UInt8] {
        let payload = try? JSON(parsing: completion.payload)
        guard completion.status == 0 else { throw error(status: completion.status, payload: payload, tool: tool) }
        guard let payload, tool.outputValidator.accepts(payload) else {
            throw GatewayError(
                .pluginFailed,
                "\(tool.name) answered something that is not of its output schema.",
                detail: "rule P2"
            )
        }
        return completion.payload
    }

    /// The statuses of `gateway/base.h`, in the house's words.
    private static func error(status: Int32, payload: JSON?, tool: ToolDescriptor) -> GatewayError {
        let code: GatewayError.Code =
            switch status {
            case 10: .invalidArgument
            case 11, 16: .upstreamRejected
            case 12: .permissionDenied
            case 13: .notFound
            case 14: .conflict
            case 15: .rateLimited
            case 17: .upstreamUnavailable
            case 18: .conflict
            case 19, 20: .deadlineExceeded
            case 21: .notSupported
            case 23: .tooLarge
            case LoadedPlugin.Completion.lost: .unavailable
            default: .pluginFailed
            }
        let retryAfter = payload?["retry_after_ms"]?.integerValue.map { Duration.milliseconds(max(0, $0)) }
        if status == LoadedPlugin.Completion.lost {
            // Function tools move no money, and what they ask of M-Pesa goes through the host: none is under way.
            return GatewayError(
                .unavailable,
                "The plugin of \(tool.name) ended while it worked on this call. Call it again in a moment.",
                retryAfter: .seconds(1)
            )
        }
        let message = payload?["message"]?.stringValue ?? "\(tool.name) failed with status \(status)."
        return GatewayError(code, message, retryAfter: retryAfter)
    }
}
