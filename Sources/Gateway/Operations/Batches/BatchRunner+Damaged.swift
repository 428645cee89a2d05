import Logging

// Rows of which the store cannot read a part: they are never sent, and keep no other row and no batch from its end.
extension BatchRunner {
    /// How many of them are named.
    private static let namedMax = 20
    /// How many items are looked through together.
    private static let damagedSliceMax = 500

    /// Withdraws what of a batch has not left and cannot be read whole, once its people can see which rows these are.
    ///
    /// What has not left is known never to have been sent: the commit that says that an item leaves comes first.
    /// - Returns: That there may be more to do at once.
    func setDamagedAside(_ batch: Batch) async throws(GatewayError) -> Bool {
        var (damaged, question) = ([Record](), BatchItems(unsentOf: batch, limit: BatchRunner.damagedSliceMax))
        while true {
            let slice = try await batches.items(question)
            damaged += slice.filter { $0.isDamaged && !settlement.mayBeBegun($0) }
            guard slice.count == BatchRunner.damagedSliceMax, let last = slice.last?.batch?.sequence else { break }
            question.after = last
        }
        guard !damaged.isEmpty, try await name(damaged, of: batch) else { return false }
        for item in damaged {
            _ = try await settlement.settle(item) { current in
                guard current.version == item.version else { return nil }
                return .withdrawn(.obsolete, by: "host", because: Settlement.damaged)
            }
        }
        return true
    }

    /// Says in a batch's reason which of its rows these are, unless it runs no longer.
    private func name(_ damaged: [Record], of batch: Batch) async throws(GatewayError) -> Bool {
        guard var newest = try await batches.batch(batch.id, organization: batch.organization),
            newest.state == .running
        else { return false }
        let reason = BatchRunner.notSent(damaged)
        guard newest.reason != reason else { return true }
        newest.version += 1
        newest.reason = reason
        guard try await batches.apply(BatchChange(batch: newest)) else { return false }
        logger.error(
            "rows of a batch cannot be read, and are withdrawn",
            metadata: [
                "batch": "\(batch.id)", "organization": "\(batch.organization)", "rows": "\(damaged.count)",
                "reason": "\(reason)",
            ]
        )
        return true
    }

    /// A row that is part of what cannot be read is named by its place among the batch's payments.
    private static func notSent(_ damaged: [Record]) -> String {
        let names = damaged.compactMap(\.batch).map { $0.row > 0 ? "row \($0.row)" : "sequence \($0.sequence)" }
        let named = names.prefix(namedMax).joined(separator: ", ")
        let more = names.count > namedMax ? " and \(names.count - namedMax) more" : ""
        return """
            Not sent, because part of what the store holds of it can no longer be read: \(named)\(more). The others go on. What is \
            to be paid all the same is paid in a new batch.
            """
    }
}
