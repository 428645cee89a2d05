import Cryptography
import Synchronization

/// The callbacks that this gateway sends to itself: each has a path that counts once, and is kept in memory alone.
///
/// A path is of the same form as M-Pesa's, so that whatever stands between treats it alike, and of another length, so
/// that neither can be taken for the other.
package final class CallbackProbes: Sendable {
    /// What bounds them.
    package struct Settings: Sendable {
        /// How many may be under way; more are refused.
        ///
        /// Default 20.
        package var openMax = 20

        /// The defaults.
        package init() {}
    }

    /// A callback that arrived.
    package struct Arrival: Sendable, Equatable {
        /// From where, as the door saw it.
        package let address: String?
        /// Whether M-Pesa's callbacks are taken from there.
        package let isAdmitted: Bool

        /// States it.
        package init(address: String?, isAdmitted: Bool) {
            self.address = address
            self.isAdmitted = isAdmitted
        }
    }

    /// One that is under way.
    package struct Probe: Sendable {
        /// Its path.
        package let path: String
        fileprivate let name: String
    }

    private struct Open {
        var arrival: Arrival?
    }

    private let entropy: Entropy
    private let settings: Settings
    private let open = Mutex<[String: Open]>([:])

    /// Makes it; none is under way.
    package init(entropy: Entropy, settings: Settings = Settings()) {
        self.entropy = entropy
        self.settings = settings
    }

    /// Begins one; `end` must follow.
    /// - Throws: `rateLimited` while too many are under way.
    package func begin(for organization: OrganizationID) throws(GatewayError) -> Probe {
        var token: [UInt8] = []
        for _ in 0..<4 { withUnsafeBytes(of: entropy.random()) { token.append(contentsOf: $0) } }
        let name = CallbackProbes.name("\(organization)", Hexadecimal.encode(token)[...])
        let isTaken = open.withLock { open in
            guard open.count < settings.openMax else { return false }
            open[name] = Open()
            return true
        }
        guard isTaken else {
            throw GatewayError(.rateLimited, "Too many checks are under way. Try again.", retryAfter: .seconds(5))
        }
        return Probe(path: "/cb/" + name, name: name)
    }

    /// Ends one, however it went; answers how it arrived, if it did.
    package func end(_ probe: Probe) -> Arrival? {
        open.withLock { $0.removeValue(forKey: probe.name)?.arrival }
    }

    /// Takes a callback that may be one of these; whether it is, for the first time.
    package func arrive(organization: Substring, token: Substring, _ arrival: Arrival) -> Bool {
        open.withLock { open in
            let name = CallbackProbes.name(String(organization), token)
            guard let known = open[name], known.arrival == nil else { return false }
            open[name]?.arrival = arrival
            return true
        }
    }

    /// In small letters, as paths are read.
    private static func name(_ organization: String, _ token: Substring) -> String {
        organization.lowercased() + "/" + token.lowercased()
    }
}
