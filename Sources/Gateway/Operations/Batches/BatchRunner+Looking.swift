import Logging
import Synchronization

// What waited for its moment, which nobody attends: what others have paid meanwhile does not leave.
extension BatchRunner {
    /// How long before its moment rows may have been asked about.
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
        var count = 0
        let known = try await doubts.walk(batch) { doubts throws(GatewayError) in
            for doubt in doubts {
                let item = doubt.item
                let settled = try await settlement.settle(item) { current in
                    guard current.version == item.version else { return nil }
                    return .withdrawn(.obsolete, by: "host", because: BatchRunner.heldBack(doubt.other))
                }
                if settled.hasChanged { count += 1 }
            }
            return true
        }
        if count > 0 {
            logger.warning("rows of a batch were held back", metadata: ["batch": "\(batch.id)", "rows": "\(count)"])
        }
        guard var newest = try await batches.batch(batch.id, organization: batch.organization),
            newest.state == .running
        else { return }
        newest.version += 1
        newest.looked = Batch.Looked(at: now, rows: newest.looked?.rows ?? [])
        // Where it has been changed meanwhile, or overtaken, its next turn looks again.
        _ = try await batches.apply(BatchChange(batch: newest, known: known))
    }

    private static func heldBack(_ other: RecentPayment) -> String {
        """
        Held back: while its batch waited, the same amount to the same receiver was asked for by the transaction \
        \(other.record). If this is another payment, make it in a new batch and name its row in confirmed_rows.
        """
    }
}

/// The batches whose rows are being asked about.
final class BatchLooks: Sendable {
    private let keys = Mutex<Set<BatchLines.Key>>([])

    /// Takes one in hand; false where it is.
    func begin(_ key: BatchLines.Key) -> Bool { keys.withLock { $0.insert(key).inserted } }
    /// Lets it go.
    func end(_ key: BatchLines.Key) { _ = keys.withLock { $0.remove(key) } }
}
