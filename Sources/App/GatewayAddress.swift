import Foundation
import Gateway
import OrderedJSON

/// Where a running gateway serves MCP, and as whom it is spoken to.
struct GatewayAddress {
    /// The endpoint.
    let url: String
    /// An API key, or a user's access token.
    let credential: Secret<String>
    /// Words for a person about where these were found.
    let found: String

    /// What a data folder says of the gateway that serves it.
    static let file = "gateway.json"

    /// Finds a gateway by its address, or else by its data folder.
    ///
    /// A given address is never replaced by another that answers.
    /// - Throws: `notConfigured` or `invalidArgument`, saying what to do.
    static func find(
        url: String?,
        folder: String,
        environment: [String: String]
    ) throws(GatewayError) -> GatewayAddress {
        let key = environment["GATEWAY_API_KEY"].flatMap { $0.isEmpty ? nil : $0 }
        if let url {
            guard let key else { throw keyMissing }
            return GatewayAddress(url: try endpoint(url), credential: Secret(key), found: url)
        }
        guard let announced = read(folder + "/" + file)?["mcp_url"]?.stringValue else {
            throw GatewayError(
                .notConfigured,
                """
                No gateway that serves MCP is known in the data folder \(folder). Start one with `mpesa-gateway serve` or \
                `dev`, or say where one is: --url, GATEWAY_URL, --data-dir or GATEWAY_DATA_FOLDER.
                """
            )
        }
        // The demo organization's key stands beside it.
        guard let key = key ?? read(folder + "/dev.json")?["api_key"]?.stringValue else { throw keyMissing }
        return GatewayAddress(
            url: try endpoint(announced),
            credential: Secret(key),
            found: "\(announced), by the data folder \(folder)"
        )
    }

    private static let keyMissing = GatewayError(
        .notConfigured,
        "Set GATEWAY_API_KEY to an API key of the organization that is acted for."
    )

    private static func read(_ file: String) -> JSON? {
        guard let data = FileManager.default.contents(atPath: file) else { return nil }
        do { return try JSON(parsing: Array(data)) } catch { return nil }
    }

    /// The endpoint of an address that may be the gateway's alone.
    static func endpoint(_ text: String) throws(GatewayError) -> String {
        guard let url = URL(string: text), let scheme = url.scheme?.lowercased(), let host = url.host(), !host.isEmpty,
            url.user() == nil, url.query() == nil, url.fragment() == nil
        else {
            throw GatewayError(
                .invalidArgument,
                """
                The address \(text) is no URL of a gateway: expected one such as https://pay.example.com, without user, query \
                or fragment.
                """
            )
        }
        let isHere = ["localhost", "127.0.0.1", "::1", "[::1]"].contains(host.lowercased())
        guard scheme == "https" || scheme == "http" && isHere else {
            throw GatewayError(.invalidArgument, "The address \(text) must be https: http is for this machine alone.")
        }
        let bare = text.hasSuffix("/") ? String(text.dropLast()) : text
        return url.path().isEmpty || url.path() == "/" ? bare + "/mcp" : bare
    }
}

extension DataFolder {
    /// Says in the folder where its gateway serves MCP, for `mpesa-gateway mcp`.
    func announce(_ settings: Settings) throws(GatewayError) {
        let isEverywhere = ["0.0.0.0", "::", "[::]"].contains(settings.host)
        let host = isEverywhere ? "127.0.0.1" : Settings.inURL(settings.host)
        var document: JSONObject = ["version": .string(App.version)]
        if settings.mode != .rest { document["mcp_url"] = .string("http://\(host):\(settings.port)/mcp") }
        try write(JSON.object(document).bytes, to: path + "/" + GatewayAddress.file)
    }
}
