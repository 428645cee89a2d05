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
    }

    /// Unique among all plugins.
    package let name: String
    /// For people.
    package let title: String
    /// For people and models.
    package let summary: String
    /// What it takes.
    package let arguments: [Argument]
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
                    isRequired: try argument.flag("required", default: false)
                )
            }
        )
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
