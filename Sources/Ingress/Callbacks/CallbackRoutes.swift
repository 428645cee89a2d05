import Gateway
import HTTPServer
import OrderedJSON

/// What M-Pesa calls: `/cb/{organization}/{token}`, and the seed's old paths.
struct CallbackRoutes: Sendable {
    let inbox: CallbackInbox
    let addresses: CallbackAddresses
    let records: any RecordRepository
    let asker: Asker
    let registry: ToolRegistry
    let probes: CallbackProbes
    let sources: CallbackSources

    /// What Safaricom expects to read; anything else makes it log an error.
    static let accepted = Array(#"{"ResultCode":0,"ResultDesc":"Accepted"}"#.utf8)

    /// What every address is told that is none of ours.
    static let nothingHere = GatewayError(.notFound, "There is nothing here.")

    /// Keeps a callback whose token is one of ours.
    ///
    /// The token, and from where it comes, are checked before anything else is read or written.
    ///
    /// - Throws: `notFound` for every other, in the same words whatever is wrong with it.
    func receive(
        _ reader: RequestReader,
        organization: Substring,
        token: Substring
    ) async throws(GatewayError) -> [UInt8] {
        let isAdmitted = sources.admits(reader.request.address)
        let target = addresses.target(organization: organization, token: token)
        if target == nil {
            let arrival = CallbackProbes.Arrival(address: reader.request.address, isAdmitted: isAdmitted)
            if probes.arrive(organization: organization, token: token, arrival), isAdmitted { return Self.accepted }
        }
        if !isAdmitted { sources.noteRefused(reader.request.address, target: target) }
        guard isAdmitted, let target else { throw Self.nothingHere }
        let body: [UInt8]
        switch reader.request.body {
        case .whole(let bytes): body = bytes
        case .tooLarge(let limit):
            inbox.noteTooLarge(target, limit: limit)
            body = try reader.body()
        }
        try await inbox.receive(target, body: body, address: reader.request.address)
        return Self.accepted
    }

    /// Whether a path's parts are an address that this host has given M-Pesa, and it is called from where M-Pesa is:
    /// then more is read than of a stranger.
    func areTaken(_ segments: [Substring], from address: String?) -> Bool {
        areOurs(segments) && sources.admits(address)
    }

    /// Whether a path's parts are an address that this host has given M-Pesa.
    func areOurs(_ segments: [Substring]) -> Bool {
        segments.count == 3 && segments[0] == "cb"
            && addresses.target(organization: segments[1], token: segments[2]) != nil
    }

    /// The seed's `/mpesa/…` paths carry no token, so a body there proves nothing: at most it makes the gateway ask
    /// M-Pesa itself.
    ///
    /// - Throws: `notFound` for a body that names no transaction where a plugin says that its callbacks do: nothing of it
    ///   would be kept, so that M-Pesa must not hear that it was taken (a customer's own payment to a paybill above all).
    func hint(_ reader: RequestReader, organization: Substring) async throws(GatewayError) -> [UInt8] {
        guard sources.admits(reader.request.address) else {
            sources.noteRefused(reader.request.address, target: nil)
            throw Self.nothingHere
        }
        let body = try reader.body()
        guard let organization = OrganizationID(String(organization)),
            let json = try? JSON(parsing: body, limits: JSONLimits(duplicateKeys: .lastWins))
        else { throw Self.nothingHere }
        let named = registry.snapshot.hints.compactMap { hint in
            json.value(at: hint.pointer)?.stringValue.map { (id: $0, namespace: hint.namespace) }
        }
        if named.isEmpty { throw Self.nothingHere }
        for (id, namespace) in named {
            for environment in Gateway.Environment.allCases {
                let found = try await records.record(
                    externalID: id,
                    namespace: namespace,
                    organization: organization,
                    environment: environment
                )
                // A question that is due anyway: a stranger cannot make more of them than the sweeper would.
                if let found, !found.state.isEnded, found.queries == 0 { _ = await asker.askSafely(found) }
            }
        }
        return Self.accepted
    }
}

/// The paths that M-Pesa calls.
///
/// What M-Pesa was told is one address, and what stands between it and this host writes the same address in more ways
/// than one: with slashes doubled or at its end, in upper case, with letters escaped.
enum CallbackPath {
    /// The parts of a path below `/cb` and `/mpesa`; nil for every other path.
    static func segments(of path: Substring) -> [Substring]? {
        let bytes = path.utf8.drop { $0 == UInt8(ascii: "/") }
        guard path.utf8.first == UInt8(ascii: "/"), begins(bytes, with: "cb") || begins(bytes, with: "mpesa") else {
            return nil
        }
        return bytes.split(separator: UInt8(ascii: "/"))
            .map { segment in
                let text = String(Substring(segment))
                return (text.removingURLPercentEncoding() ?? text).lowercased()[...]
            }
    }

    private static func begins(_ bytes: Substring.UTF8View, with name: StaticString) -> Bool {
        name.withUTF8Buffer { name in
            var rest = bytes
            for byte in name where unescapedFirst(of: &rest).map({ $0 | 0x20 }) != byte { return false }
            return rest.first == UInt8(ascii: "/")
        }
    }

    /// The next letter, as it is or escaped.
    private static func unescapedFirst(of bytes: inout Substring.UTF8View) -> UInt8? {
        guard let first = bytes.popFirst() else { return nil }
        guard first == UInt8(ascii: "%") else { return first }
        guard let value = UInt8(hexadecimal: bytes.prefix(2)) else { return nil }
        bytes = bytes.dropFirst(2)
        return value
    }
}
