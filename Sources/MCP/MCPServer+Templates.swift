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
            var templates = may.compactMap(MCPServer.template)
            if may.contains(where: { $0.name == MCPServer.templatesAction }) {
                templates += plugins(for: principal, membership).flatMap(\.templates)
                    .map { MCPServer.template($0, exchange.revision) }
            }
            templates.sort { ($0["uriTemplate"]?.stringValue ?? "") < ($1["uriTemplate"]?.stringValue ?? "") }
            let page = try page(of: templates, "resourceTemplates", exchange) { $0["uriTemplate"]?.stringValue ?? "" }
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

    /// The action that tells of plugins' templates: who may not ask it is not told of them here either.
    private static let templatesAction = "resources.templates"

    private func plugins(for principal: Principal, _ membership: DirectoryCache.Membership) -> [LoadedPlugin] {
        var plugins: [LoadedPlugin] = []
        for entry in pipeline.tools(for: principal, membership)
        where !plugins.contains(where: { $0 === entry.plugin }) { plugins.append(entry.plugin) }
        return plugins
    }

    private static func template(_ template: TemplateDescriptor, _ revision: Revision) -> JSON {
        var document: JSONObject = [
            "uriTemplate": .string(template.uri.text), "name": .string(template.name),
            "description": .string(template.summary), "mimeType": .string(template.mediaType),
        ]
        if revision.hasStructure { document["title"] = .string(template.title) }
        return .object(document)
    }

    /// Completes an argument: the id in a template's URI from the newest that the caller may see, and what a plugin says
    /// of its own.
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
            return try await complete(begun, name, by: ["prompt": params["ref"]?["name"] ?? ""], exchange)
        default:
            try await admitted(exchange)
            throw .invalidParams("ref.type: expected ref/resource or ref/prompt")
        }
    }

    /// Asks the plugin that has it.
    private func complete(
        _ begun: String,
        _ name: String,
        by subject: JSONObject,
        _ exchange: Exchange
    ) async throws(MCPError) -> Answer {
        var arguments = subject
        (arguments["argument"], arguments["value"]) = (.string(name), .string(begun))
        let known = exchange.message.params["context"]?["arguments"]?.objectValue ?? JSONObject()
        let texts = known.filter { $0.value.stringValue != nil }
        arguments["arguments"] = .object(JSONObject(texts.map { ($0.key, $0.value) }))
        let said = try document(await ask("arguments.complete", arguments, exchange))
        let values = (said["values"]?.arrayValue ?? []).compactMap(\.stringValue)
        return completed(values, of: said["total"]?.integerValue, hasMore: said["has_more"] == true, exchange)
    }

    private func complete(
        _ begun: String,
        _ name: String,
        of uri: String?,
        _ exchange: Exchange
    ) async throws(MCPError) -> Answer {
        guard let resource = actions.sorted.lazy.compactMap(\.resource).first(where: { $0.template == uri }) else {
            guard let uri else {
                try await admitted(exchange)
                throw .invalidParams("ref.uri: expected a uriTemplate of resources/templates/list")
            }
            return try await complete(begun, name, by: ["template": .string(uri)], exchange)
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
        return completed(values, of: Int64(values.count), hasMore: false, exchange)
    }

    private func completed(_ values: [String], of total: Int64?, hasMore: Bool, _ exchange: Exchange) -> Answer {
        var completion: JSONObject = ["values": .array(values.prefix(MCPServer.valuesMax).map { .string($0) })]
        completion["total"] = total.map { .integer($0) }
        completion["hasMore"] = .bool(hasMore)
        return results.result(exchange) { writer in
            writer.key("completion")
            writer.value(.object(completion))
        }
    }
}
