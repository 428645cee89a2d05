// What becomes of an item's batch in the item's own commit.
extension Settlement {
    /// Stops or pauses the batch of an item that M-Pesa refused for a reason that is not the item's own: the next would
    /// be refused for it too, and so often that M-Pesa locks the operator.
    func halt(by move: Move) -> BatchHalt? {
        let (before, after) = (move.before, move.step.record)
        guard let place = after.batch, before.state != after.state, after.state == .failed || after.state == .rejected,
            let code = after.code,
            let (plugin, index) = registry.snapshot.generation(of: after.plugin, for: after.operation)
        else { return nil }
        let kind = plugin.operations[index]
        let meaning = after.meaning.map { ": \($0)" } ?? ""
        if kind.breakCodes.contains(code) {
            let reason = "M-Pesa refused the organization's own credentials (\(code))\(meaning)"
            return halt(place, .broken, reason, of: after, at: move.step.event.at)
        }
        guard kind.pauseCodes.contains(code) else { return nil }
        return halt(place, .paused, "M-Pesa could not pay (\(code))\(meaning)", of: after, at: move.step.event.at)
    }

    private func halt(
        _ place: BatchPlace,
        _ state: BatchState,
        _ reason: String,
        of record: Record,
        at now: Timestamp
    ) -> BatchHalt {
        // Whoever resumes it has as long as whoever released it had.
        let until = now + Batches.Settings().waitsFor
        return BatchHalt(
            batch: place.batch,
            state: state,
            reason: reason,
            until: until,
            item: record.id,
            at: now,
            event: entropy.identifier()
        )
    }
}

extension Settlement {
    /// What is written of items that a person takes out of their batch, in the commit that makes the rest of it another;
    /// and of whatever each might have been the same payment as.
    func striking(
        _ items: [Record],
        by who: String,
        because reason: String,
        at now: Timestamp
    ) async throws(GatewayError) -> [RecordChange] {
        var changes: [RecordChange] = []
        var freed: [RecordID: Record] = [:]
        for item in items {
            guard let struck = move(.withdrawn(.declined, by: who, because: reason), on: item, at: now) else {
                continue
            }
            changes.append(change(struck))
            for twin in try await freedTwins(by: struck.step, besides: freed) {
                freed[twin.before.id] = twin.step.record
                changes.append(change(twin))
            }
        }
        return changes
    }

    /// What is written of a failed try in the commit in which its row is tried again: that it was.
    ///
    /// So evidence that comes meanwhile, such as a late success, is never passed by: one of the two commits first.
    func trying(again failed: Record, as item: Record, at now: Timestamp) -> RecordChange? {
        move(.triedAgain(as: item.id), on: failed, at: now).map { change($0) }
    }
}
