import Logging

// One item: looked at again, made anew, and sent while its batch runs.
extension BatchRunner {
    /// Sends an item once, and does what follows for its batch.
    func send(_ item: Record, of batch: Batch) async {
        let key = BatchLines.Key(batch)
        defer { lines.sent(item.id, key) }
        do throws(GatewayError) {
            // It is known first whether a sending that never left was written.
            guard !settlement.mayBeBegun(item) else { return }
            guard try await mayBeTried(item, of: batch) else { return }
            let place = try await sender.dispatcher.enter(AccountID(of: item))
            defer { place.leave() }
            guard let sent = try await send(item, of: batch, from: place) else { return }
            try await follow(sent, of: batch)
        } catch {
            // Another's guard keeps one item waiting, everything else all of them.
            if error.code == .conflict { return }
            if error.code == .limitExceeded { return await pauseSafely(batch, because: error.message) }
            lines.putOff(key, until: entropy.uptime() + settings.putOff)
            logger.warning(
                "an item could not leave now",
                metadata: ["batch": "\(batch.id)", "record": "\(item.id)", "reason": "\(error.message)"]
            )
        }
    }

    /// What is tried again because it failed is not, once that was paid after all; nor where whoever let the batch leave
    /// may do nothing any more.
    private func mayBeTried(_ item: Record, of batch: Batch) async throws(GatewayError) -> Bool {
        if let releaser = batch.releasedBy, releaser != batch.madeBy {
            let found = try await authenticate.inForce(releaser, of: batch.organization, in: batch.environment)
            guard found != nil else {
                try await pause(batch, because: "Whoever released it may do nothing any more.")
                return false
            }
        }
        guard let failed = item.batch?.retryOf else { return true }
        let found = try await records.record(failed, of: item)
        guard let found, found.state == .failed || found.state == .rejected, !found.isDisputed else {
            _ = try await settlement.settle(item) { _ in
                .withdrawn(.obsolete, by: "host", because: "What it tries again was paid after all, or may have been.")
            }
            return false
        }
        return true
    }

    /// What may not leave today waits for a person, who may raise the limit or wait for tomorrow.
    private func pauseSafely(_ batch: Batch, because reason: String) async {
        do { try await pause(batch, because: reason) } catch {
            lines.putOff(BatchLines.Key(batch), until: entropy.uptime() + settings.putOff)
        }
    }

    /// The record as it stands after it was sent; nil where it was not.
    private func send(
        _ item: Record,
        of batch: Batch,
        from place: Dispatcher.Place
    ) async throws(GatewayError) -> Record? {
        do throws(HeldCalls.Obstacle) {
            return try await calls.ready(item) { ready throws(GatewayError) in
                let prepared = try await sender.makeReady(ready.planned.record, kind: ready.kind)
                // What a person confirmed as another payment meets no guard against repeats, nor what is tried again.
                let isMeant = item.batch?.confirmedBy != nil || item.batch?.retryOf != nil
                let now = entropy.now()
                // It counts against the limits of the day on which it leaves.
                let policy = ready.work.membership.organization.approvals
                let limits = item.limited == nil ? try policy.claims(of: item, at: now) : []
                let claims = LateClaims(
                    guards: isMeant ? [] : ready.planned.guards,
                    unique: ready.planned.unique,
                    limits: limits,
                    at: now
                )
                let settled = try await sender.send(
                    released: item,
                    prepared,
                    from: place,
                    within: ready.kind.sendWithin,
                    claiming: claims,
                    of: nil,
                    whileRunning: batch.id
                )
                if let refusal = settled.refusal {
                    _ = try calls.operations.earlierRecord(refusal, ready.planned.plan, ready.work)
                }
                return settled.hasChanged ? settled.record : nil
            }
        } catch {
            switch error {
            case .notNow(let error): throw error
            case .never(let reason):
                _ = try await settlement.settle(item) { current in
                    current.version == item.version ? .withdrawn(.obsolete, by: "host", because: reason) : nil
                }
                return nil
            }
        }
    }

    /// Lost answers in a row pause a batch; what M-Pesa did not take is waited with.
    private func follow(_ sent: Record, of batch: Batch) async throws(GatewayError) {
        let key = BatchLines.Key(batch)
        if sent.state.isHeld {
            let wait = sent.nextActionAt.map { max(.zero, $0 - entropy.now()) } ?? settings.putOff
            return lines.putOff(key, until: entropy.uptime() + wait)
        }
        guard sent.state == .unknown else {
            if !BatchLines.undecided.contains(sent.state) { lines.drop(sent.id, key) }
            return lines.found(key)
        }
        let lost = lines.lose(key)
        guard lost >= settings.lostMax else { return }
        lines.found(key)
        try await pause(batch, because: "\(lost) answers of M-Pesa in a row were lost. Look at them before it goes on.")
    }
}
