/// The page of the host's on which a person confirms what they asked for, or declines it.
package struct ConfirmationPage: Sendable {
    /// The first part of its path.
    package static let segment = "confirm"

    private let base: String

    /// Makes it of where the host is reached.
    package init(base: String) { self.base = base }

    /// Where it is for one record: what names nobody, and opens nothing without a log-in.
    package func address(of record: RecordID) -> String { "\(base)/\(Self.segment)/\(record)" }

    /// Whether a conversation may lead there: a password is typed on it, which goes by https, or stays on this machine.
    package var isSafe: Bool {
        guard !base.hasPrefix("https://") else { return true }
        return ["http://127.0.0.1", "http://localhost", "http://[::1]"]
            .contains { host in
                base == host || base.hasPrefix(host + ":") || base.hasPrefix(host + "/")
            }
    }
}
