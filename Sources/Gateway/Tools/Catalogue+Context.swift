import OrderedJSON

/// A text that a person picks and a model reads: docs/abi.md, section 1.3.
package struct PromptDescriptor: Sendable, Equatable {
    /// One text that a prompt takes.
    package struct Argument: Sendable, Equatable {
        /// Unique in the prompt.
        package let name: String
        /// For people.
        package let summary: String?
        /// Whether there is no prompt without it.
        package let isRequired: Bool
        /// Whether the plugin says what it may be: a draft.
        package var isCompleted = false
    }

    /// Unique among all plugins.
    package let name: String
    /// For people.
    package let title: String
    /// For people and models.
    package let summary: String
    /// What it takes.
    package let arguments: [Argument]
    /// Whether it may ask a person before it goes on; one of `prompt/1` never does.
    package var asks = false
}

/// Things to read of one kind, by what their URIs have in common: docs/abi.md, section 1.7.
package struct TemplateDescriptor: Sendable, Equatable {
    /// The URIs of all of them.
    package let uri: URITemplate
    /// For programs.
    package let name: String
    /// For people.
    package let title: String
    /// For people and models.
    package let summary: String
    /// Such as `text/markdown`.
    package let mediaType: String
    /// What stands at the template's places, in their order.
    package let arguments: [PromptDescriptor.Argument]
    /// Whether it may ask a person before it is read.
    package let asks: Bool
}

/// Something to read, by its URI: docs/abi.md, section 1.4.
package struct ResourceDescriptor: Sendable, Equatable {
    /// Unique among all plugins: `gateway://<plugin id>/…`.
    package let uri: String
    /// For people.
    package let name: String
    /// For people and models.
    package let summary: String?
    /// Such as `text/markdown`.
    package let mediaType: String

    /// Whether its bytes are text.
    package var isText: Bool { ResourceDescriptor.isText(mediaType) }

    /// Whether bytes of a type are text.
    package static func isText(_ mediaType: String) -> Bool {
        mediaType.hasPrefix("text/") || mediaType.hasSuffix("json") || mediaType.hasSuffix("xml")
    }
}

extension Catalogue {
    /// Whether it says what some argument may be.
    package var completesArguments: Bool {
        ((prompts + askingPrompts).flatMap(\.arguments) + templates.flatMap(\.arguments)).contains { $0.isCompleted }
    }

    static func prompt(_ reader: CatalogueReader) throws(CatalogueError) -> PromptDescriptor {
        let name = try reader.text("name")
        guard isName(name, extra: "_.-") else { throw reader.fail("name", "[a-z][a-z0-9_.-]{0,63}") }
        return PromptDescriptor(
            name: name,
            title: try reader.text("title"),
            summary: try reader.text("description"),
            arguments: try reader.list("arguments") { argument throws(CatalogueError) in
                PromptDescriptor.Argument(
                    name: try argument.text("name"),
                    summary: try argument.optionalText("description"),
                    isRequired: try argument.flag("required", default: false),
                    isCompleted: try argument.flag("x-completes", default: false)
                )
            }
        )
    }

    /// One of `x-prompt/2`: each of its arguments says what it is.
    static func askingPrompt(_ reader: CatalogueReader) throws(CatalogueError) -> PromptDescriptor {
        _ = try reader.list("arguments") { argument throws(CatalogueError) in try argument.text("description") }
        var prompt = try prompt(reader)
        prompt.asks = try reader.flag("asks", default: false)
        return prompt
    }

    static func template(
        _ reader: CatalogueReader,
        under prefixes: [String]
    ) throws(CatalogueError) -> TemplateDescriptor {
        let text = try reader.text("uri_template")
        guard let template = URITemplate(text) else {
            throw reader.fail("uri_template", "a URI with 1 to 8 places {name}, each before a / or at the end")
        }
        guard prefixes.contains(where: { template.prefix.utf8.starts(with: $0.utf8) }) else {
            throw reader.fail(
                "uri_template",
                "one that begins with \(prefixes.joined(separator: " or ")), up to its first place"
            )
        }
        let name = try reader.text("name")
        guard isName(name, extra: "_.-") else { throw reader.fail("name", "[a-z][a-z0-9_.-]{0,63}") }
        let stated = try reader.list("arguments") { argument throws(CatalogueError) in
            PromptDescriptor.Argument(
                name: try argument.text("name"),
                summary: try argument.text("description"),
                isRequired: true,
                isCompleted: try argument.flag("x-completes", default: false)
            )
        }
        guard Set(stated.map(\.name)) == Set(template.variables), stated.count == template.variables.count else {
            throw reader.fail("arguments", "one of each place of uri_template, and no other")
        }
        return TemplateDescriptor(
            uri: template,
            name: name,
            title: try reader.text("title"),
            summary: try reader.text("description"),
            mediaType: try reader.text("mime_type"),
            arguments: template.variables.compactMap { name in stated.first { $0.name == name } },
            asks: try reader.flag("asks", default: false)
        )
    }

    /// How the URIs begin that a plugin wants for itself.
    static func uris(_ reader: CatalogueReader) throws(CatalogueError) -> [String] {
        let uris = try reader.texts(Needs.urisMember)
        for uri in uris where !URIPrefix.isOne(uri) {
            throw reader.fail(
                Needs.urisMember,
                "beginnings of URIs such as notes:// or notes://shelf/, of no scheme that is taken (mpesa, gateway, https)"
            )
        }
        return uris
    }

    /// No two prompts, and no two templates, go by one name.
    static func checkNames(
        _ prompts: [PromptDescriptor],
        _ asking: [PromptDescriptor],
        _ templates: [TemplateDescriptor],
        root: CatalogueReader
    ) throws(CatalogueError) {
        for (index, prompt) in asking.enumerated()
        where (prompts + asking[..<index]).contains(where: { $0.name == prompt.name }) {
            throw root.fail("x-prompts/\(index)/name", "a name that no other prompt has", rule: "C2")
        }
        for (index, template) in templates.enumerated()
        where templates[..<index].contains(where: { $0.name == template.name || $0.uri == template.uri }) {
            throw root.fail("x-templates/\(index)", "a name and a URI that no other template has", rule: "C2")
        }
    }

    static func resource(_ reader: CatalogueReader, of plugin: String) throws(CatalogueError) -> ResourceDescriptor {
        let uri = try reader.text("uri")
        // Its own part of the names, so that no plugin can pass for another.
        let prefix = "gateway://\(plugin)/"
        guard uri.hasPrefix(prefix), uri.utf8.count > prefix.utf8.count, uri.utf8.count <= 512,
            uri.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw reader.fail("uri", "a URI that begins with \(prefix)") }
        return ResourceDescriptor(
            uri: uri,
            name: try reader.text("name"),
            summary: try reader.optionalText("description"),
            mediaType: try reader.text("mime_type")
        )
    }
}
