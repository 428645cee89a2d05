import Logging
import Synchronization

// What waited for its moment, or its turn, which nobody attends: what others have paid meanwhile does not leave.
extension BatchRunner {
    /// How long before its moment, or its leaving, rows may have been asked about: for as long an item's guard finds others.
    private static let freshFor: Duration = .seconds(60)

    /// Whether a batch's moment has come since its rows were last asked about.
    func mustLook(at batch: Batch) -> Bool {
        guard let moment = batch.notBefore else { return false }
        let due = entropy.now() + (moment - entropy.wall())
        return (batch.looked?.at ?? batch.createdAt) + BatchRunner.freshFor < due
    }

    /// Looks at a batch's rows beside the turns, because there may be many; nothing of it leaves meanwhile.
    func beginLook(at batch: Batch, _ begin: Begin) -> Bool {
        let key = BatchLines.Key(batch)
        guard looking.begin(key) else { return false }
        begin {
            do throws(GatewayError) { try await self.look(at: batch) } catch {
                self.lines.putOff(key, until: self.entropy.uptime() + self.settings.putOff)
                self.logger.warning(
                    "a batch's rows could not be asked about now",
                    metadata: ["batch": "\(batch.id)", "reason": "\(error.message)"]
                )
            }
            self.looking.end(key)
            self.call()
        }
        return false
    }

    /// Withdraws the rows that others have paid since the batch was let go, or may.
    private func look(at batch: Batch) async throws(GatewayError) {
        let now = entropy.now()
        let known = try await doubts.walk(batch) { doubts throws(GatewayError) in
            try await holdBack(doubts, of: batch)
            return true
        }
        guard var newest = try await batches.batch(batch.id, organization: batch.organization),
            newest.state == .running
        else { return }
        if let lack = try await dayLack(of: newest) { return try await pause(newest, because: lack) }
        newest.version += 1
        newest.looked = Batch.Looked(at: now, rows: newest.looked?.rows ?? [])
        // Where it has been changed meanwhile, or overtaken, its next turn looks again.
        _ = try await batches.apply(BatchChange(batch: newest, known: known))
    }

    /// The items that may leave now: of rows that were last asked about some time ago, those that others have not paid since.
    func withoutDoubts(_ items: [Record], of batch: Batch) async throws(GatewayError) -> [Record] {
        guard !items.isEmpty, entropy.now() > (batch.looked?.at ?? batch.createdAt) + BatchRunner.freshFor else {
            return items
        }
        let found = try await doubts.of(items, in: batch).doubts
        guard !found.isEmpty else { return items }
        try await holdBack(found, of: batch)
        let held = Set(found.map(\.item.id))
        return items.filter { !held.contains($0.id) }
    }

    private func holdBack(_ doubts: [BatchDoubts.Doubt], of batch: Batch) async throws(GatewayError) {
        var count = 0
        for doubt in doubts {
            let item = doubt.item
            let settled = try await settlement.settle(item) { current in
                guard current.version == item.version else { return nil }
                return .withdrawn(.obsolete, by: "host", because: BatchRunner.heldBack(doubt.other))
            }
            if settled.hasChanged { count += 1 }
        }
        guard count > 0 else { return }
        logger.warning("rows of a batch were held back", metadata: ["batch": "\(batch.id)", "rows": "\(count)"])
    }

    private static func heldBack(_ other: RecentPayment) -> String {
        """
        Held back: while its batch waited, the same amount to the same receiver was asked for by the transaction \
        \(other.record). If this is another payment, make it in a new batch and name its row in confirmed_rows.
        """
    }
}

/// The batches whose rows are being asked about: few at once, because many share a moment, and one of an organization.
final class BatchLooks: Sendable {
    private let most: Int
    private let keys = Mutex<Set<BatchLines.Key>>([])

    init(atMost most: Int) { self.most = most }

    /// Takes one in hand; false where there is no place for it now.
    func begin(_ key: BatchLines.Key) -> Bool {
        keys.withLock { keys in
            guard keys.count < most, !keys.contains(where: { $0.organization == key.organization }) else {
                return false
            }
            return keys.insert(key).inserted
        }
    }
    /// Lets it go.
    func end(_ key: BatchLines.Key) { _ = keys.withLock { $0.remove(key) } }
}
