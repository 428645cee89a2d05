/// Sends a callback to this gateway by the name that M-Pesa knows it by, to see what it meets on its way.
package protocol CallbackProbing: Sendable {
    /// Sends one, to no other address than those that may be connected to; follows no redirect, and keeps no answer.
    func send(to url: String) async -> ProbeJourney
}

/// How far a callback of our own came.
package struct ProbeJourney: Sendable, Equatable {
    /// Where it ended, in the order in which it comes there.
    package enum End: String, Sendable, CaseIterable {
        /// The name has no address.
        case name
        /// It has only addresses that are not connected to: private ones, this machine's.
        case address
        /// Nothing took the connection.
        case connection
        /// The certificate is not trusted, or TLS failed otherwise.
        case trust
        /// No whole answer came.
        case answer
        /// Somebody answered.
        case answered
    }

    /// Where it ended.
    package let end: End
    /// The answer's HTTP status.
    package let status: Int?
    /// What went wrong, in words.
    package let reason: String?
    /// The addresses that the name led to, in the order in which they were tried.
    package let addresses: [String]
    /// How long it took.
    package let duration: Duration

    /// States it.
    package init(
        end: End,
        status: Int? = nil,
        reason: String? = nil,
        addresses: [String] = [],
        duration: Duration = .zero
    ) {
        self.end = end
        self.status = status
        self.reason = reason
        self.addresses = addresses
        self.duration = duration
    }
}
