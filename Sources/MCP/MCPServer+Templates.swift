import Gateway
import OrderedJSON

/// Kinds of resources that the host itself has, and what may stand in their URIs.
extension MCPServer {
    /// So many values are named at most, as the protocol says.
    private static let valuesMax = 100

    /// The templates of those actions that the caller may ask.
    func listTemplates(_ exchange: Exchange) async throws(MCPError) -> Answer {
        try await perform(.listTemplates, exchange) { principal, membership throws(MCPError) in
            let may = pipeline.view(of: actions, for: principal, membership).actions
            let page = try page(
                of: may.compactMap(MCPServer.template),
                "resourceTemplates",
                exchange
            ) { $0["uriTemplate"]?.stringValue ?? "" }
            return list("resourceTemplates", Array(page.items), page.next, exchange)
        }
    }

    private static func template(_ action: Action) -> JSON? {
        guard let resource = action.resource else { return nil }
        return [
            "uriTemplate": .string(resource.template), "name": .string(resource.kind),
            "description": .string(action.summary), "mimeType": "application/json",
        ]
    }

    /// Completes an argument: the id in a template's URI from the newest that the caller may see.
    ///
    /// Of prompts nobody knows what their arguments may be: plugins do not say it. So nothing is offered.
    func complete(_ exchange: Exchange) async throws(MCPError) -> Answer {
        let params = exchange.message.params
        guard let name = params["argument"]?["name"]?.stringValue,
            let begun = params["argument"]?["value"]?.stringValue
        else {
            try await admitted(exchange)
            throw .invalidParams("argument must have name and value, two texts")
        }
        switch params["ref"]?["type"]?.stringValue {
        case "ref/resource": return try await complete(begun, name, of: params["ref"]?["uri"]?.stringValue, exchange)
        case "ref/prompt":
            let known = try document(await ask("prompts.list", [:], exchange)).arrayValue ?? []
            guard let prompt = params["ref"]?["name"], known.contains(where: { $0["name"] == prompt }) else {
                throw .invalidParams("ref.name: there is no prompt of this name")
            }
            return completed([], of: 0, exchange)
        default:
            try await admitted(exchange)
            throw .invalidParams("ref.type: expected ref/resource or ref/prompt")
        }
    }

    private func complete(
        _ begun: String,
        _ name: String,
        of uri: String?,
        _ exchange: Exchange
    ) async throws(MCPError) -> Answer {
        guard let resource = actions.sorted.lazy.compactMap(\.resource).first(where: { $0.template == uri }) else {
            try await admitted(exchange)
            throw .invalidParams("ref.uri: expected a uriTemplate of resources/templates/list")
        }
        guard resource.argument == name else {
            try await admitted(exchange)
            throw .invalidParams("argument.name: expected \(resource.argument)")
        }
        let listed = try document(
            await ask(resource.listed.by, ["limit": .integer(Int64(MCPServer.valuesMax))], exchange)
        )
        let values = (listed.arrayValue ?? []).compactMap { $0[resource.listed.member]?.stringValue }
            .filter { $0.hasPrefix(begun) }
        return completed(values, of: values.count, exchange)
    }

    private func completed(_ values: [String], of total: Int, _ exchange: Exchange) -> Answer {
        results.result(exchange) { writer in
            writer.key("completion")
            writer.value([
                "values": .array(values.prefix(MCPServer.valuesMax).map { .string($0) }),
                "total": .integer(Int64(total)), "hasMore": .bool(total > MCPServer.valuesMax),
            ])
        }
    }
}
