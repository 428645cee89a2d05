/// Ends what M-Pesa does not, and what contradicts how it ended: a person with the role for it says what they saw.
///
/// It goes the way of all evidence, so it meets callbacks and answers as they meet each other.
package struct Resolutions: Sendable {
    private let settlement: Settlement
    /// How long after its newest sending a transaction may be called failed: before that its line may yet appear in the
    /// statement, and whoever paid again would pay twice.
    ///
    /// Default 30 min, as long as M-Pesa's own "not found" proves nothing.
    static let failedAfter: Duration = .seconds(1_800)

    init(settlement: Settlement) { self.settlement = settlement }

    /// Resolves a record, and answers it as it stands then.
    ///
    /// The same said again is answered as it stands; another takes its place while M-Pesa has confirmed neither.
    /// `seen` is the version that was looked at.
    ///
    /// - Throws: `conflict` when M-Pesa has said what became of it, or is still expected to, when it was sent too short a
    ///   while ago to be called failed, and when the receipt is another transaction's; `staleVersion` when it has changed
    ///   since it was looked at; `invalidArgument` when the receipt or the amount cannot be this one's, and when it is not
    ///   said which version of something disputed was looked at.
    package func resolve(
        _ record: Record,
        as resolution: Resolution,
        amount: Int64?,
        seen: Int?
    ) async throws(GatewayError) -> Record {
        let taken = try await originalReceipt(of: record)
        return
            try await settlement.settle(record) { current throws(GatewayError) in
                if let known = current.resolution, known.says(what: resolution), !current.isDisputed { return nil }
                try Resolutions.check(seen, of: current)
                let ended = try await reversalsThatMovedNothing(of: current)
                let judged = current.without(reversals: ended)
                let rules = settlement.machine(for: current).rules
                try Resolutions.check(judged, as: resolution, rules)
                try Resolutions.check(resolution, amount: amount, of: judged, besides: taken, rules)
                return .resolved(resolution, besides: ended)
            }
            .record
    }

    /// Whoever looked could not see what was said since.
    private static func check(_ seen: Int?, of record: Record) throws(GatewayError) {
        guard seen != nil || record.isDisputed, seen != record.version else { return }
        let disputes = record.disputes.map(\.text).joined(separator: " ")
        guard let seen else {
            throw GatewayError.wrong(
                "version",
                "expected the version that was looked at, since it is disputed. \(disputes)"
            )
        }
        throw GatewayError(
            .staleVersion,
            "This has changed since its version \(seen): it is at \(record.version). \(disputes) Look at it again.",
            record: record.id
        )
    }

    /// The reversals of it that are no reason for it to stand as it does: they have ended, and nothing was given back.
    private func reversalsThatMovedNothing(of record: Record) async throws(GatewayError) -> Set<RecordID> {
        var ended: Set<RecordID> = []
        for mark in record.reversals where !mark.isDone {
            let found = try await settlement.records.record(mark.id, of: record)
            if found?.hasMovedNothing == true { ended.insert(mark.id) }
        }
        return ended
    }

    /// The receipt of what a reversal gives back: it proves that the customer paid, and nothing of the reversal.
    private func originalReceipt(of record: Record) async throws(GatewayError) -> String? {
        guard let original = record.intent.original else { return nil }
        let found = try await settlement.records.record(original, of: record)
        return found?.receipt
    }

    private static func check(
        _ record: Record,
        as resolution: Resolution,
        _ rules: RecordMachine.Rules
    ) throws(GatewayError) {
        guard !record.awaitsPerson(at: resolution.at, rules: rules), !record.mayBeJudged(as: resolution.outcome),
            !record.mayBeSaidAgain(as: resolution.outcome)
        else { return }
        let message =
            record.recordClass != .transaction
            ? "Only money is resolved by a person; this is a question."
            : record.state.isEnded
                ? record.whyItHolds
                    ?? "M-Pesa has said what became of this transaction: it is \(record.state.status)."
                : "M-Pesa is expected to say what becomes of this transaction (\(record.state.rawValue)). Ask for its status."
        throw GatewayError(.conflict, message, record: record.id)
    }

    private static func check(
        _ resolution: Resolution,
        amount: Int64?,
        of record: Record,
        besides taken: String?,
        _ rules: RecordMachine.Rules
    ) throws(GatewayError) {
        guard resolution.outcome == .succeeded else {
            let isLeftToPeople = record.state == .manual || record.isOverdue(at: resolution.at, rules: rules)
            guard isLeftToPeople || record.state.isEnded || !record.hasArrived else {
                throw GatewayError(
                    .conflict,
                    "M-Pesa has shown that it has this request, and is still asked about it. Wait until it calls a person.",
                    record: record.id
                )
            }
            let wait =
                ((record.resentAt ?? record.sentAt).map { min($0, resolution.at) + failedAfter } ?? resolution.at)
                - resolution.at
            guard wait <= .zero else {
                throw GatewayError(
                    .conflict,
                    """
                    The request left too short a while ago: its line may yet appear in the M-Pesa statement. Look again half \
                    an hour after it was sent.
                    """,
                    retryAfter: wait,
                    record: record.id
                )
            }
            guard resolution.receipt == nil else {
                throw GatewayError.wrong("receipt", "leave it out: what did not happen has none.")
            }
            return
        }
        guard let receipt = resolution.receipt else {
            throw GatewayError.wrong("receipt", "expected the receipt in the M-Pesa statement.")
        }
        if let known = record.receipt, known != receipt, !record.hasUnconfirmedReceipt, !record.isNamed(receipt) {
            throw GatewayError.wrong("receipt", "M-Pesa has named \(known) for this transaction.")
        }
        if receipt == taken {
            throw GatewayError.wrong(
                "receipt",
                "this is the receipt of the payment itself; expected that of its reversal."
            )
        }
        guard let asked = record.intent.amount?.amount, asked == amount else {
            let asked = record.intent.amount.map { "\($0.amount)" } ?? "an unknown amount"
            throw GatewayError.wrong(
                "amount",
                """
                expected what the statement says, which must be what was asked for: \(asked). Of what moved otherwise nobody's \
                word makes that: it stays disputed.
                """
            )
        }
    }
}

extension Record {
    /// Why a disputed one does not end as somebody says who looked it up; nil where it is not disputed.
    fileprivate var whyItHolds: String? {
        guard isDisputed else { return nil }
        return hasMoved
            ? """
            M-Pesa has said that this money moved. A person's word undoes that only of what M-Pesa has called failed too, \
            and of which no reversal gave something back or may yet. Where the statement has its line, say so (succeeded).
            """
            : "Nothing of this has left, or M-Pesa has said that it did not move, and nothing else. Say so (failed)."
    }
}

extension Resolution {
    fileprivate func says(what other: Resolution) -> Bool { outcome == other.outcome && receipt == other.receipt }
}
