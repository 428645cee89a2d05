import Gateway
import OrderedJSON

/// `Mcp-Param-…`: headers that repeat arguments must repeat them truly, else whatever routes by a header and whatever
/// acts by the body see two calls.
enum HeaderParameters {
    /// Compares headers with arguments.
    ///
    /// An argument of another type than its schema's is left to the schema, which refuses the call in better words.
    /// - Throws: -32020.
    static func check(
        _ parameters: [HeaderParameter],
        of arguments: JSON?,
        against headers: any HeaderSource
    ) throws(MCPError) {
        for parameter in parameters {
            let name = "Mcp-Param-" + parameter.name
            let sent = headers.values(of: name)
            let argument = arguments?.value(at: parameter.place) ?? .null
            guard !argument.isNull else {
                guard sent.isEmpty else {
                    throw .headerMismatch("\(name) must not be sent without the argument \(parameter.place)")
                }
                continue
            }
            guard sent.count == 1, let text = sent.first else {
                throw .headerMismatch("\(name) must be sent, once, with the argument \(parameter.place)")
            }
            guard try isSame(try HeaderValue.decoded(text), as: argument, parameter, name) else {
                throw .headerMismatch("\(name) is not what the argument \(parameter.place) says")
            }
        }
    }

    private static func isSame(
        _ text: String,
        as argument: JSON,
        _ parameter: HeaderParameter,
        _ name: String
    ) throws(MCPError) -> Bool {
        switch parameter.kind {
        // By their bytes: Swift calls two texts equal that Unicode writes in two ways, and a router does not.
        case .string: return argument.stringValue.map { $0.utf8.elementsEqual(text.utf8) } ?? true
        case .boolean: return argument.boolValue.map { String($0) == text } ?? true
        case .integer:
            guard let number = argument.doubleValue, number == number.rounded() else { return true }
            guard let whole = argument.integerValue, exact.contains(whole) else {
                throw .headerMismatch("\(name): the argument \(parameter.place) is beyond 2^53 - 1")
            }
            return (try? JSON(parsing: Array(text.utf8)))?.integerValue == whole
        }
    }

    /// The whole numbers that every client holds exactly.
    private static let exact: ClosedRange<Int64> = -9_007_199_254_740_991...9_007_199_254_740_991
}

extension MCPServer {
    /// Whether a call's headers may have to repeat its arguments.
    func repeatsArguments(_ exchange: Exchange) -> Bool {
        guard !exchange.revision.hasHandshake, exchange.message.method == "tools/call",
            let name = exchange.message.params["name"]?.stringValue
        else { return false }
        return registry.snapshot.namesWithHeaderParameters.contains(name)
    }

    /// A caller is held to the tool that `tools/list` shows it; of one that it may not use it learns nothing here.
    func checkParameters(of exchange: Exchange) async throws(MCPError) {
        guard repeatsArguments(exchange), let known = exchange.recognized else { return }
        let tools: [ToolRegistry.Entry]
        do throws(GatewayError) { tools = try await pipeline.visibleTools(to: known) } catch {
            // The call itself meets the same refusal, and says it.
            return
        }
        let (name, arguments) = (exchange.message.params["name"]?.stringValue, exchange.message.params["arguments"])
        guard let tool = tools.first(where: { $0.tool.name == name })?.tool else { return }
        try HeaderParameters.check(tool.headerParameters, of: arguments, against: exchange.caller.headers)
    }
}
