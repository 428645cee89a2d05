import Addresses
import Gateway

/// Where an organization wants to be sent something: an address of the web, written in the one usual way.
///
/// What could be read in two ways is refused: users, fragments, numbers that are addresses in disguise, names that are not
/// ASCII, port 0. What a name leads to is looked at when it is connected to; what names no name may be asked about at once.
package struct GuardedAddress: Sendable, Hashable {
    /// The whole address.
    package let url: String
    /// Whether it is reached by TLS.
    package let isSecure: Bool
    /// What may be written down where others read it: without path and query, in which there may be secrets.
    package let masked: String
    private let host: String
    private let port: Int

    /// How long one may be.
    package static let charactersMax = 2_048

    /// Reads one.
    ///
    /// - Throws: `invalidArgument` with what was expected; in live that it is https.
    package init(_ text: String, in environment: Environment) throws(GatewayError) {
        guard let found = GuardedAddress(reading: text) else {
            throw GatewayError(
                .invalidArgument,
                """
                Expected an address such as https://example.com/hooks: a name or an address in its usual form, perhaps a \
                port, path and query; no user, no fragment, at most \(GuardedAddress.charactersMax) characters.
                """
            )
        }
        guard found.isSecure || environment != .live else {
            throw GatewayError(.invalidArgument, "In the live environment the address must be https.")
        }
        self = found
    }

    private init?(reading text: String) {
        let bytes = text.utf8
        guard bytes.count <= GuardedAddress.charactersMax, let schemeEnd = text.firstRange(of: "://")?.upperBound else {
            return nil
        }
        let end = text[schemeEnd...].firstIndex { "/?#".contains($0) } ?? text.endIndex
        let rest = text[end...]
        guard let base = BaseURL(String(text[..<end]), plain: .anywhere), base.path.isEmpty,
            rest.isEmpty || rest.hasPrefix("/"), rest.utf8.allSatisfy(GuardedAddress.isPlain)
        else { return nil }
        url = base.description + rest
        isSecure = base.isSecure
        masked = base.description + (rest.isEmpty || rest == "/" ? "" : "/…")
        host = base.host.hasPrefix("[") ? String(base.host.dropFirst().dropLast()) : base.host
        port = base.port ?? (base.isSecure ? 443 : 80)
    }

    /// Looks at an address that names no name: whether it may be connected to is known before anything is sent.
    ///
    /// - Throws: `invalidArgument` where it may not.
    package func checkIsReached(by settings: GuardedSender.Settings) throws(GatewayError) {
        guard IPAddress(host) != nil, !GuardedSender.admits(host, port: port, settings) else { return }
        throw GatewayError(
            .invalidArgument,
            """
            Nothing is sent to \(host): it is no address of the internet, or this gateway's own. Whoever runs the gateway may \
            except it (GATEWAY_WEBHOOK_PRIVATE).
            """
        )
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && !"\"#<>\\^`{|}".utf8.contains(byte)
    }
}
