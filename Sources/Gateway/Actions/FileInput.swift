import OrderedJSON

/// What an action takes as a file, in the place of one of its arguments; its other arguments stand in the query then.
///
/// MCP has no door for files.
package struct FileInput: Sendable {
    /// The types of files that are taken, as requests name them.
    package let mediaTypes: [String]
    /// The longest.
    package let bytesMax: Int
    /// The argument whose place it takes.
    package let replaces: String
    /// The arguments that say how it is to be read.
    package let arguments: JSONObject
    /// Whether who sends it may do what it asks for; known before any of it is read.
    package let admits: @Sendable (_ use: Action.Use) throws(GatewayError) -> Void

    /// Describes it.
    package init(
        mediaTypes: [String],
        bytesMax: Int,
        replaces: String,
        arguments: JSONObject,
        admits: @escaping @Sendable (_ use: Action.Use) throws(GatewayError) -> Void
    ) {
        self.mediaTypes = mediaTypes
        self.bytesMax = bytesMax
        self.replaces = replaces
        self.arguments = arguments
        self.admits = admits
    }

    /// What the arguments are called by which audit and repeats know the file.
    package static let digest = "file_sha256"

    /// Whether a request's type is one of a file.
    package func takes(_ contentType: String?) -> Bool {
        guard let contentType else { return false }
        let type = contentType.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        return mediaTypes.contains(type)
    }
}
