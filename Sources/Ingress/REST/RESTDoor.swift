import Gateway
import HTTPServer
import OrderedJSON

/// Tools and actions as plain HTTP operations, made from their descriptors while the host runs.
struct RESTDoor: Sendable {
    let pipeline: Pipeline
    let registry: ToolRegistry
    let actions: ActionRegistry

    /// Serves a path that stands not apart; nil when it leads to nothing that anybody may know of.
    func serve(_ reader: RequestReader, segments: ArraySlice<Substring>, call: CallID) async -> Response? {
        switch actions.route(method: reader.request.method.rawValue, segments: segments) {
        case .action(let action, let path): return await serve(action, path, reader, call)
        case .otherMethods(let methods):
            let message = "This path answers to \(methods.joined(separator: ", "))."
            return ErrorResponse.make(GatewayError(.methodNotAllowed, message), call: call, allow: methods)
        case .none:
            guard segments.first == "tools", segments.count > 1 else { return nil }
            return await serveTool(reader, segments: segments, call: call)
        }
    }

    private func serve(
        _ action: Action,
        _ path: [(name: String, value: String)],
        _ reader: RequestReader,
        _ call: CallID
    ) async -> Response {
        let use: ActionCall
        do throws(GatewayError) {
            let key = Result { () throws(GatewayError) in try reader.idempotencyKey() }
            if let schema = fileInput(of: action, reader.request) {
                let arguments = Result { () throws(GatewayError) in
                    _ = try key.get()
                    return JSON.object(QueryArguments.read(reader.request, schema: schema.document))
                }
                var asked = try reader.action(call, arguments: arguments)
                asked.idempotencyKey = (try? key.get()) ?? nil
                asked.file = try reader.body()
                return RESTReply.make(await pipeline.serve(action, asked), of: action, call: call)
            }
            let arguments = Result { () throws(GatewayError) in
                _ = try key.get()
                do throws(GatewayError) {
                    return try EntityTag.adding(
                        reader.request.header(.ifMatch),
                        to: try self.arguments(reader, action.route, action.input.document, path: path),
                        of: action
                    )
                } catch { throw RESTDoor.naming(action.file, in: error) }
            }
            let follows = action.isFollowed && ProgressStream.isAccepted(by: reader.request)
            var asked = try reader.action(call, arguments: follows ? goingOn(arguments, reader.request) : arguments)
            asked.idempotencyKey = (try? key.get()) ?? nil
            asked.follows = follows
            use = asked
        } catch { return ErrorResponse.make(error, call: call) }
        return RESTReply.make(await pipeline.serve(action, use), of: action, call: call)
    }

    /// What is wrong with a body that may be a file sent by another type: the types of one are said too.
    private static func naming(_ file: FileInput?, in error: GatewayError) -> GatewayError {
        guard let file, error.code == .malformedRequest else { return error }
        let types = file.mediaTypes.sorted().joined(separator: " or ")
        return GatewayError(.malformedRequest, "\(error.message) A file is sent with Content-Type \(types).")
    }

    /// The arguments of somebody who follows: who comes back says with `Last-Event-ID` how far they were told.
    private func goingOn(_ arguments: Result<JSON, GatewayError>, _ request: Request) -> Result<JSON, GatewayError> {
        guard let cursor = request.header(.lastEventID), !cursor.isEmpty else { return arguments }
        return arguments.map { arguments in
            var members = arguments.objectValue ?? JSONObject()
            members["after"] = .string(cursor)
            return .object(members)
        }
    }

    /// What the arguments look like of a request whose body is a file that the action takes; nil for every other.
    private func fileInput(of action: Action, _ request: Request) -> CallSchemas.Schema? {
        guard let file = action.file, file.takes(request.header(.contentType)) else { return nil }
        return action.fileInput
    }

    /// The action that a request's body is a file for; nil where it is none.
    func fileAction(_ request: Request) -> Action? {
        guard
            case .action(let action, _) = actions.route(
                method: request.method.rawValue,
                segments: request.segments[...]
            ),
            fileInput(of: action, request) != nil
        else { return nil }
        return action
    }

    /// Whether a request's body may list what is paid, of a tool that makes batches or of an action that takes files of rows.
    func takesItems(_ request: Request) -> Bool {
        let (method, segments) = (request.method.rawValue, request.segments[...])
        switch actions.route(method: method, segments: segments) {
        case .action(let action, _): return action.file != nil
        case .otherMethods: return false
        case .none: break
        }
        guard segments.first == "tools", segments.count > 1,
            case .tool(let entry, _) = registry.snapshot.route(method: method, segments: segments)
        else { return false }
        return entry.tool.items != nil
    }

    /// A use of an action by a request whose file has not been read.
    func use(_ action: Action, by reader: RequestReader, _ call: CallID) throws(GatewayError) -> ActionCall {
        let schema = action.fileInput?.document ?? [:]
        return try reader.action(
            call,
            arguments: .success(.object(QueryArguments.read(reader.request, schema: schema)))
        )
    }

    /// Serves `/tools/…`.
    ///
    /// A path that leads to nothing, and one to a tool that the caller may not know of, are answered alike.
    private func serveTool(_ reader: RequestReader, segments: ArraySlice<Substring>, call: CallID) async -> Response {
        switch registry.snapshot.route(method: reader.request.method.rawValue, segments: segments) {
        case .none: return await refuse(reader, call)
        case .otherMethods:
            let known = await recognized(reader)
            let methods = await visibleTools(known)
                .filter { $0.tool.route.arguments(in: segments) != nil }
                .map(\.tool.route.method)
            guard !methods.isEmpty else { return await refuse(reader, call, known) }
            let message = "This path answers to \(methods.joined(separator: ", "))."
            return ErrorResponse.make(GatewayError(.methodNotAllowed, message), call: call, allow: methods)
        case .tool(let entry, let arguments):
            let toolCall: ToolCall
            do throws(GatewayError) { toolCall = try self.call(of: entry.tool, arguments, reader, call) } catch {
                // What is wrong with a call is told of tools that the caller may know of.
                let known = await recognized(reader)
                let isVisible = await visibleTools(known).contains { $0.tool.name == entry.tool.name }
                return isVisible ? ErrorResponse.make(error, call: call) : await refuse(reader, call, known)
            }
            return await serve(toolCall, entry.tool, reader.request)
        }
    }

    private func call(
        of tool: ToolDescriptor,
        _ path: [(name: String, value: String)],
        _ reader: RequestReader,
        _ call: CallID
    ) throws(GatewayError) -> ToolCall {
        ToolCall(
            id: call,
            door: .rest,
            credential: reader.credential,
            tool: tool.name,
            arguments: try arguments(reader, tool.route, tool.inputSchema, path: path),
            idempotencyKey: try reader.idempotencyKey(),
            wait: reader.wait,
            environment: try reader.environment(),
            address: reader.request.address
        )
    }

    /// Who sends a request, to decide how it is refused; nil where it names an environment that there is not.
    private func recognized(_ reader: RequestReader) async -> Recognized? {
        guard case .success(let environment) = Result(catching: { () throws(GatewayError) in try reader.environment() })
        else { return nil }
        return await pipeline.recognize(
            reader.credential,
            environment: environment,
            address: reader.request.address,
            at: .rest
        )
    }

    /// None where the credential is refused: then the call itself says so.
    private func visibleTools(_ known: Recognized?) async -> [ToolRegistry.Entry] {
        guard let known else { return [] }
        do throws(GatewayError) { return try await pipeline.visibleTools(to: known) } catch { return [] }
    }

    /// A call of no tool, which the pipeline refuses as it refuses every other: 401, or 404.
    private func refuse(_ reader: RequestReader, _ call: CallID, _ known: Recognized? = nil) async -> Response {
        let toolCall = ToolCall(
            id: call,
            door: .rest,
            credential: reader.credential,
            tool: "",
            arguments: .object(JSONObject()),
            address: reader.request.address,
            recognized: known
        )
        return RESTDoor.make(await pipeline.serve(toolCall), call)
    }

    private static func make(_ reply: ToolReply, _ call: CallID) -> Response {
        if case .failure(let error) = reply.result, error.code == .notFound, reply.tool == nil {
            return ErrorResponse.make(
                GatewayError(.notFound, "There is no tool at this path. GET /tools says which there are."),
                call: call
            )
        }
        return RESTReply.make(reply, call: call)
    }

    /// Answers a call; a function tool that tells how far it is, by events, where the caller takes them.
    private func serve(_ call: ToolCall, _ tool: ToolDescriptor, _ request: Request) async -> Response {
        guard tool.kind == .function, ProgressStream.isAccepted(by: request) else {
            return RESTDoor.make(await pipeline.serve(call), call.id)
        }
        let pipeline = pipeline
        let stream = ProgressStream { progress in await pipeline.serve(call.reporting(to: progress)) }
        switch await stream.first() {
        case .ended(let reply): return RESTDoor.make(reply, call.id)
        case .pieces(let pieces):
            return ProgressStream.response(pieces, call.id) { piece in
                switch piece {
                case .news(let progress): ("progress", RESTReply.progress(progress))
                case .reply(let reply):
                    (reply.isSuccess ? "result" : "problem", RESTDoor.make(reply, call.id).body)
                }
            }
        }
    }

    /// The arguments: from the path, and from the body, or from the query for a GET.
    private func arguments(
        _ reader: RequestReader,
        _ route: Route,
        _ schema: JSON,
        path: [(name: String, value: String)]
    ) throws(GatewayError) -> JSON {
        var members: JSONObject
        if route.takesQuery {
            members = QueryArguments.read(reader.request, schema: schema)
        } else {
            members = try reader.object().objectValue ?? JSONObject()
        }
        for (name, value) in path {
            members[name] = QueryArguments.typed(value.removingURLPercentEncoding() ?? value, name, schema)
        }
        return .object(members)
    }
}

/// Arguments in a path or a query, given the types that the schema asks for.
///
/// What does not fit stays text, so that the schema's own error names it.
enum QueryArguments {
    static func read(_ request: Request, schema: JSON) -> JSONObject {
        var members = JSONObject()
        for (name, value) in request.queryParameters { members[name] = typed(value, name, schema) }
        return members
    }

    static func typed(_ text: String, _ name: String, _ schema: JSON) -> JSON {
        let property = schema["properties"]?[name]
        return switch property?["type"]?.stringValue {
        case "array": list(text, property)
        case "object": members(text)
        case "integer": Int64(text).map { .integer($0) } ?? .string(text)
        case "number": Double(text).map { .number($0) } ?? .string(text)
        case "boolean": text == "true" ? true : text == "false" ? false : .string(text)
        default: .string(text)
        }
    }

    /// A list: JSON, or its elements with commas between them.
    private static func list(_ text: String, _ property: JSON?) -> JSON {
        if let json = try? JSON(parsing: text), json.arrayValue != nil { return json }
        let schema: JSON = ["properties": ["element": property?["items"] ?? [:]]]
        return .array(text.split(separator: ",").map { typed(String($0), "element", schema) })
    }

    /// An object of texts: JSON, or `name:text` with commas between them.
    private static func members(_ text: String) -> JSON {
        if let json = try? JSON(parsing: text), json.objectValue != nil { return json }
        var members = JSONObject()
        for part in text.split(separator: ",") {
            let sides = part.split(separator: ":", maxSplits: 1)
            guard sides.count == 2 else { return .string(text) }
            members[String(sides[0])] = .string(String(sides[1]))
        }
        return .object(members)
    }
}
