import Gateway
import OrderedJSON

/// Actions of the host's own that are offered as tools.
extension MCPServer {
    func call(_ action: Action, _ exchange: Exchange) async throws(MCPError) -> Answer {
        let arguments = exchange.message.arguments
        var call = exchange.action
        do throws(GatewayError) {
            call.idempotencyKey = try exchange.caller.idempotencyKey.get()
            call.arguments = .success(arguments)
        } catch { call.arguments = .failure(error) }
        let reply = await pipeline.serve(action, call)
        let marks = Marks(place: reply.place, isReplayed: reply.isReplayed)
        switch reply.result {
        case .success(.data(let data, _, let beside)):
            return results.output(ActionOutput.bytes(data, beside, of: action), marks, to: exchange)
        case .success(.file), .success(.stream), .success(.live), .success(.question):
            return results.failure(GatewayError(.notSupported, "A file is read by REST."), marks, to: exchange)
        case .failure(let error):
            // Who may not ask is told as for a tool that there is not; what was wrong with the call, to the model.
            if error.code == .permissionDenied && error.scopes.isEmpty {
                throw .refusal(Authorize.noSuchTool(action.tool ?? action.name))
            }
            if error.code == .unauthenticated || error.code == .organizationSuspended || !error.scopes.isEmpty {
                throw .refusal(error)
            }
            return results.failure(error, marks, to: exchange)
        }
    }
}

/// An action's answer as structured content, which is an object always: a list stands in it under `data`, with what
/// stands beside it.
enum ActionOutput {
    static func schema(of action: Action) -> JSON {
        guard case .data(let schema, let beside) = action.output else { return ["type": "object"] }
        guard isWrapped(action) else { return schema }
        var properties: JSONObject = ["data": schema]
        for (name, schema) in beside { properties[name] = schema }
        return ["type": "object", "required": ["data"], "properties": .object(properties)]
    }

    /// Whether its answer stands under `data`, whatever stands beside it this time: by what it may answer.
    private static func isWrapped(_ action: Action) -> Bool {
        guard case .data(let schema, let beside) = action.output else { return false }
        return !beside.isEmpty || schema["type"]?.stringValue != "object"
    }

    /// - Parameter action: Of which there is a schema to hold to; nil where nobody is told one.
    static func bytes(_ data: [UInt8], _ beside: [(name: String, value: [UInt8])], of action: Action? = nil) -> [UInt8]
    {
        let mayBeBare = beside.isEmpty && data.first == UInt8(ascii: "{")
        if mayBeBare, !(action.map(isWrapped) ?? false) { return data }
        var writer = JSONWriter(capacity: data.count + 64)
        writer.beginObject()
        writer.key("data")
        writer.raw(data)
        for (name, value) in beside {
            writer.key(name)
            writer.raw(value)
        }
        writer.endObject()
        return writer.bytes
    }
}
