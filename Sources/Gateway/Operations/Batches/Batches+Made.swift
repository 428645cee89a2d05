import OrderedJSON

// What came of an order, and what a batch that is made is held to.
extension Batches {
    /// What came of an order.
    package enum Made: Sendable {
        /// A batch, which an earlier call may have made.
        case batch(Batch, sums: [RecordState: RollupSum], isReplayed: Bool, notes: [String] = [])
        /// Nothing was to be kept.
        case checked(BatchChecked, account: AccountName?, notes: [String])

        /// As callers are shown it.
        package var output: [UInt8] {
            switch self {
            case .batch(let batch, let sums, let isReplayed, _):
                var writer = JSONWriter(capacity: 1024)
                BatchDocument.write(batch, sums, isEarlier: isReplayed, to: &writer)
                return writer.bytes
            case .checked(let checked, _, _): return BatchDocument.write(checked).bytes
            }
        }
    }

    /// Until when what is released now may leave.
    func sendUntil(_ batch: Batch) -> Timestamp {
        let wait = batch.notBefore.map { max(.zero, $0 - entropy.wall()) } ?? .zero
        return entropy.now() + wait + settings.sendsWithin
    }

    /// How many of an organization's may be open.
    func openMax(_ membership: DirectoryCache.Membership) -> Int {
        membership.ceilings.batchesMax ?? settings.openMax
    }

    /// The refusal of a batch whose rows were looked at too long ago.
    static let tookTooLong = GatewayError(
        .unavailable,
        "Looking at all rows took too long. Nothing was kept or sent; try again, with fewer rows where it happens again.",
        retryAfter: .seconds(5)
    )

    /// The refusal of a batch past that.
    static func tooManyOpen(_ most: Int) -> GatewayError {
        GatewayError(
            .limitExceeded,
            """
            Your organization has \(most) open batches, and may have no more. Let some end, or cancel what is not wanted: a \
            cancelled one is open until M-Pesa has decided what had left of it, or a person has (transactions.resolve).
            """
        )
    }
}
