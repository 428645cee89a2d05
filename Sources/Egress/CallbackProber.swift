import Addresses
import Gateway
import Synchronization

/// Sends callbacks to this gateway itself, by the way that everything leaves it.
///
/// Tenants have a say in where: so it connects to public addresses and those that the operator names, asks that of the
/// very address that it connects to, follows no redirect and reads no more than a few bytes.
package struct CallbackProber: CallbackProbing {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How long an answer may take.
        ///
        /// Default 10 s.
        package var timeout: Duration = .seconds(10)
        /// How long a connection may take.
        ///
        /// Default 5 s.
        package var connectTimeout: Duration = .seconds(5)
        /// The longest answer that is read.
        ///
        /// Default 16 KiB.
        package var answerBytesMax = 16 << 10
        /// Addresses that are not public and are connected to all the same.
        package var reachable: [AddressBlock] = []
        /// Who vouches for the address: for M-Pesa the usual authorities do, whatever else the client trusts.
        package var trust = HTTPRequest.Trust.system

        /// The defaults.
        package init() {}
    }

    /// What the client's thread has told.
    private final class Heard: Sendable {
        let notes = Mutex(TransferNotes())
    }

    private let client: CurlClient
    private let entropy: Entropy
    private let settings: Settings

    /// Makes it of its parts.
    package init(client: CurlClient, entropy: Entropy, settings: Settings = Settings()) {
        self.client = client
        self.entropy = entropy
        self.settings = settings
    }

    package func send(to url: String) async -> ProbeJourney {
        let heard = Heard()
        var request = HTTPRequest(
            method: "POST",
            url: url,
            headers: [("Content-Type", "application/json")],
            body: Array("{}".utf8),
            timeout: settings.timeout,
            connectTimeout: settings.connectTimeout,
            answerBytesMax: settings.answerBytesMax
        )
        request.admits = { [reachable = settings.reachable] address, _ in
            PublicAddress.contains(address) || reachable.contains { $0.contains(address) }
        }
        request.trust = settings.trust
        request.onEnd = { notes in heard.notes.withLock { $0 = notes } }
        let begun = entropy.uptime()
        let outcome = await client.send(request)
        let notes = heard.notes.withLock { $0 }
        let (end, reason) = CallbackProber.end(of: outcome, notes)
        var status: Int?
        if case .answered(let code, _) = outcome { status = code }
        return ProbeJourney(
            end: end,
            status: status,
            reason: reason,
            addresses: notes.addresses,
            duration: entropy.uptime() - begun
        )
    }

    private static func end(of outcome: HTTPOutcome, _ notes: TransferNotes) -> (ProbeJourney.End, String?) {
        switch (outcome, notes.fault) {
        case (.answered, _): (.answered, nil)
        case (.notSent(let reason), .name): (.name, reason)
        case (.notSent(let reason), .trust): (.trust, reason)
        case (.notSent, _) where notes.refused > 0 && notes.admitted == 0: (.address, nil)
        case (.notSent(let reason), _): (.connection, reason)
        case (.unknown(let reason), _): (.answer, reason)
        }
    }
}
