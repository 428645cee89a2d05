import Gateway
import OrderedJSON

/// Tools as plain HTTP operations, made from their descriptors while the host runs.
struct RESTDoor: Sendable {
    let pipeline: Pipeline
    let registry: ToolRegistry
    let entropy: Entropy

    /// Serves `/tools/…`.
    func serve(_ reader: RequestReader, segments: ArraySlice<Substring>, call: CallID) async -> Response {
        let request = reader.request
        let match = registry.snapshot.route(method: request.method.rawValue, segments: segments)
        switch match {
        case .none:
            return ErrorResponse.make(GatewayError(.notFound, "There is no tool at this path."), call: call)
        case .otherMethods(let methods):
            let message = "This path answers to \(methods.joined(separator: ", "))."
            return ErrorResponse.make(GatewayError(.methodNotAllowed, message), call: call, allow: methods)
        case .tool(let entry, let arguments):
            do throws(GatewayError) {
                var given = try self.arguments(reader, entry.tool, path: arguments)
                let answer = try RESTDoor.takeAnswer(from: &given)
                let toolCall = ToolCall(
                    id: call,
                    door: .rest,
                    credential: reader.credential,
                    tool: entry.tool.name,
                    arguments: given,
                    idempotencyKey: reader.idempotencyKey,
                    wait: reader.wait,
                    environment: try reader.environment(),
                    address: request.address,
                    answer: answer
                )
                return await serve(toolCall, entry.tool, request)
            } catch {
                return ErrorResponse.make(error, call: call)
            }
        }
    }

    /// Answers a call; a function tool that tells how far it is, by events, where the caller takes them.
    private func serve(_ call: ToolCall, _ tool: ToolDescriptor, _ request: Request) async -> Response {
        guard tool.kind == .function, ProgressStream.isAccepted(by: request) else {
            return RESTReply.make(await pipeline.serve(call), call: call.id)
        }
        let pipeline = pipeline
        let stream = ProgressStream { progress in await pipeline.serve(call.reporting(to: progress)) }
        switch await stream.first() {
        case .ended(let reply): return RESTReply.make(reply, call: call.id)
        case .pieces(let pieces):
            return ProgressStream.response(pieces, call.id) { piece in
                switch piece {
                case .news(let progress): ("progress", RESTReply.progress(progress))
                case .reply(let reply):
                    (reply.isSuccess ? "result" : "problem", RESTReply.make(reply, call: call.id).body)
                }
            }
        }
    }

    /// Takes the answer to a tool's question out of the arguments: `$state` as it was given, `$input` the answer.
    private static func takeAnswer(from arguments: inout JSON) throws(GatewayError) -> QuestionReply? {
        guard let state = arguments["$state"], var members = arguments.objectValue else { return nil }
        guard let state = state.stringValue, let input = members["$input"], let action = input["action"]?.stringValue
        else {
            throw GatewayError(
                .invalidArgument,
                "$state and $input: expected the text request_state and {\"action\": \"accept\", \"content\": {…}}."
            )
        }
        members["$state"] = nil
        members["$input"] = nil
        arguments = .object(members)
        return QuestionReply(action: action, content: input["content"] ?? [:], state: state)
    }

    /// The arguments: from the path, and from the body, or from the query for a GET.
    private func arguments(
        _ reader: RequestReader,
        _ tool: ToolDescriptor,
        path: [(name: String, value: String)]
    ) throws(GatewayError) -> JSON {
        var members: JSONObject
        if tool.route.method == "GET" {
            members = QueryArguments.read(reader.request, schema: tool.inputSchema)
        } else {
            members = try reader.object().objectValue ?? JSONObject()
        }
        for (name, value) in path { members[name] = .string(value.removingURLPercentEncoding() ?? value) }
        return .object(members)
    }
}

/// Arguments in a query, given the types that the tool's schema asks for.
///
/// What does not fit stays text, so that the schema's own error names it.
enum QueryArguments {
    static func read(_ request: Request, schema: JSON) -> JSONObject {
        var members = JSONObject()
        for (name, value) in request.queryParameters {
            members[name] = typed(value, as: schema["properties"]?[name]?["type"]?.stringValue)
        }
        return members
    }

    private static func typed(_ text: String, as type: String?) -> JSON {
        switch type {
        case "integer": Int64(text).map { .integer($0) } ?? .string(text)
        case "number": Double(text).map { .number($0) } ?? .string(text)
        case "boolean": text == "true" ? true : text == "false" ? false : .string(text)
        default: .string(text)
        }
    }
}
