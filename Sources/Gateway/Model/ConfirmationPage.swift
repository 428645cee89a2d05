/// The page of the host's on which a person confirms what they asked for, or declines it: whether there is a way to it, and
/// what else there is.
package struct ConfirmationPage: Sendable, Equatable {
    /// The first part of its path.
    package static let segment = "confirm"

    private let base: String
    /// Whether anybody may be led there: a password is typed on it, which goes by https, or stays on this machine.
    package let isSafe: Bool

    /// Makes it of where the host is reached.
    package init(base: String) {
        self.base = BaseURL(base, plain: .anywhere)?.description ?? base
        isSafe = BaseURL(base) != nil
    }

    /// Where it is for one record: what names nobody, and opens nothing without a log-in.
    ///
    /// Nil where nobody may be led there.
    package func address(of record: RecordID) -> String? { isSafe ? "\(base)/\(Self.segment)/\(record)" : nil }

    /// Where the same is done by REST: what is read there, and `/confirm` and `/decline` below it.
    package func action(of record: RecordID) -> String { "\(base)/approvals/\(record)" }

    /// How whoever asked for a record, or owns the key that did, confirms it outside a conversation, in a clause: on the page,
    /// or by REST where there is no way to that.
    func way(to record: RecordID) -> String {
        let action = "by REST with a log-in of their own (POST \(action(of: record))/confirm)"
        return address(of: record).map { "on the gateway's page (\($0)) or \(action)" } ?? action
    }
}
