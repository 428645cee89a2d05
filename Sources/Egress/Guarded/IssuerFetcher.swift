import Gateway

/// Fetches what issuers of tokens publish, by the one guard of whatever an organization has a say in.
///
/// It has a sender of its own, so that no issuer that hangs takes a place from anybody else.
package struct IssuerFetcher: IssuerDocuments {
    /// How much of a document is read.
    ///
    /// 128 KiB: keys with long chains of certificates have some tens.
    private static let bytesMax = 128 << 10

    private let sender: GuardedSender

    /// Makes it with a sender of its own.
    package init(settings: GuardedSender.Settings) {
        var settings = settings
        settings.timeout = .seconds(5)
        settings.connectTimeout = .seconds(3)
        settings.sendingMax = 16
        sender = GuardedSender(settings: settings)
    }

    package func document(at url: String, in environment: Environment) async -> [UInt8]? {
        guard let address = try? GuardedAddress(url, in: environment) else { return nil }
        let headers = [("Accept", "application/json")]
        guard
            case .whole(status: 200, let body) = await sender.get(
                headers,
                from: address,
                bytesMax: IssuerFetcher.bytesMax
            )
        else { return nil }
        return body
    }

    /// Takes nothing new; what is under way is finished.
    package func shutdown() { sender.shutdown() }
}
