import Logging

// One item: looked at again, made anew, and sent while its batch runs.
extension BatchRunner {
    /// Sends an item once, and does what follows for its batch.
    func send(_ item: Record, of batch: Batch) async {
        let key = BatchLines.Key(batch)
        defer { lines.sent(item.id, key, at: entropy.now()) }
        do throws(GatewayError) {
            // It is known first whether a sending that never left was written.
            guard !settlement.mayBeBegun(item) else { return }
            guard let tries = try await tries(before: item, of: batch) else { return }
            let place = try await sender.dispatcher.enter(AccountID(of: item))
            defer { place.leave() }
            switch try await send(item, of: batch, after: tries, from: place) {
            case .sent(let sent): try await follow(sent, of: batch)
            case .stayed: break
            case .waitsApart: lines.setApart(item.id, key, until: entropy.uptime() + settings.waitsApart)
            case .waits: lines.putOff(key, until: entropy.uptime() + settings.waitsApart / 15)
            case .pauses(let reason): await pauseSafely(batch, because: reason)
            }
        } catch {
            // Another's guard keeps one item waiting, everything else all of them.
            if error.code == .conflict { return }
            lines.putOff(key, until: entropy.uptime() + settings.putOff)
            logger.warning(
                "an item could not leave now",
                metadata: ["batch": "\(batch.id)", "record": "\(item.id)", "reason": "\(error.message)"]
            )
        }
    }

    /// What became of an item that was to be sent.
    private enum Outcome {
        /// It was sent, and stands so.
        case sent(Record)
        /// It was not, and nothing else follows: it has been changed meanwhile, or withdrawn.
        case stayed
        /// It may not leave today, for its receiver's sake: others may.
        case waitsApart
        /// None of the batch may leave at this hour.
        case waits
        /// None of it may leave today, for this reason.
        case pauses(String)
    }

    /// The tries of an item's row before it, in this batch or others, each known not to have moved; nil where it must not be
    /// sent.
    ///
    /// Then one of them was paid after all, or may have been, or somebody who let the batch leave may not do so any more, or
    /// the rules ask for others by now.
    private func tries(before item: Record, of batch: Batch) async throws(GatewayError) -> [Record]? {
        let releasers = Set(batch.approvers + [batch.releasedBy].compactMap { $0 }).subtracting([batch.madeBy])
        for who in releasers.sorted() {
            let found = try await authenticate.inForce(who, of: batch.organization, in: batch.environment)
            guard found != nil else {
                try await pause(batch, because: "Whoever released it may do nothing any more.")
                return nil
            }
        }
        if let doubt = try await doubt(about: batch) {
            try await pause(batch, because: doubt)
            return nil
        }
        var (tries, next) = ([Record](), item.batch)
        while let place = next, let failed = place.retryOf {
            let found = try await records.record(failed, of: item)
            guard let found, place.isTriedAgain ? found.hasFailedForCertain : found.hasEndedUnmoved else {
                _ = try await settlement.settle(item) { _ in
                    .withdrawn(
                        .obsolete,
                        by: "host",
                        because: "What it tries again was paid after all, or may have been."
                    )
                }
                return nil
            }
            tries.append(found)
            next = found.batch
        }
        return tries
    }

    /// What may not leave today waits for a person, who may raise the limit or wait for tomorrow.
    private func pauseSafely(_ batch: Batch, because reason: String) async {
        do { try await pause(batch, because: reason) } catch {
            lines.putOff(BatchLines.Key(batch), until: entropy.uptime() + settings.putOff)
        }
    }

    private func send(
        _ item: Record,
        of batch: Batch,
        after tries: [Record],
        from place: Dispatcher.Place
    ) async throws(GatewayError) -> Outcome {
        do throws(HeldCalls.Obstacle) {
            return try await calls.ready(item) { ready throws(GatewayError) in
                try await send(item, of: batch, ready, after: tries, from: place)
            }
        } catch {
            switch error {
            // What the key or the plan allows for one call: it is past that whenever it is tried.
            case .notNow(let error) where error.code == .limitExceeded:
                return try await withdraw(item, because: error.message)
            case .notNow(let error): throw error
            case .never(let reason): return try await withdraw(item, because: reason)
            }
        }
    }

    private func withdraw(_ item: Record, because reason: String) async throws(GatewayError) -> Outcome {
        _ = try await settlement.settle(item) { current in
            current.version == item.version ? .withdrawn(.obsolete, by: "host", because: reason) : nil
        }
        return .stayed
    }

    private func send(
        _ item: Record,
        of batch: Batch,
        _ ready: HeldCalls.Ready,
        after tries: [Record],
        from place: Dispatcher.Place
    ) async throws(GatewayError) -> Outcome {
        let (now, policy) = (entropy.now(), ready.work.membership.organization.approvals)
        let (who, ceilings) = (ready.work.principal, ready.work.membership.ceilings)
        var limits: [LimitClaim] = []
        if item.limited?.day != RollupPlace.day(of: now) {
            if let refusal = policy.refusal(of: item, by: who, within: ceilings, at: now) {
                return try await withdraw(item, because: refusal.message)
            }
            // It counts against the limits of the day on which it leaves, in their hours.
            do throws(GatewayError) {
                limits = try policy.claims(ofWaiting: item, by: who, within: ceilings, at: now)
            } catch { return .waits }
        }
        let prepared = try await sender.makeReady(ready.planned.record, kind: ready.kind)
        // What a person confirmed as another payment meets no guard against repeats, nor what is tried again.
        let isConfirmed =
            item.batch?.confirmedBy != nil || item.batch.map { batch.looked?.rows.contains($0.row) } == true
        let isMeant = isConfirmed || item.batch?.isTriedAgain == true
        let settled = try await sender.send(
            released: item,
            prepared,
            from: place,
            within: ready.kind.sendWithin,
            claiming: LateClaims(
                guards: isMeant ? [] : ready.planned.guards,
                unique: ready.planned.unique,
                limits: limits,
                at: now
            ),
            of: nil,
            after: tries,
            whileRunning: item.batch?.batch
        )
        switch settled.refusal {
        case .limitReached(let place)?: return place.isOfReceiver ? .waitsApart : .pauses(MoneyLimit.dayIsOver.message)
        // A try before it has been changed meanwhile: it is looked at again.
        case .stale?, nil: break
        case let refusal?: _ = try calls.operations.earlierRecord(refusal, ready.planned.plan, ready.work)
        }
        return settled.hasChanged ? .sent(settled.record) : .stayed
    }

    /// Lost answers in a row pause a batch; what M-Pesa did not take is waited with.
    private func follow(_ sent: Record, of batch: Batch) async throws(GatewayError) {
        let key = BatchLines.Key(batch)
        if sent.state.isHeld {
            lines.drop(sent.id, key, of: batch.account)
            // It waits for its own moment by itself; the others try whether M-Pesa is less busy by then.
            let wait = sent.nextActionAt.map { max(.zero, $0 - entropy.now()) } ?? settings.putOff
            return lines.putOff(key, until: entropy.uptime() + min(wait, settings.throttledMax))
        }
        guard sent.state == .unknown else {
            if sent.state.isEnded || sent.state == .manual { lines.drop(sent.id, key, of: batch.account) }
            return lines.found(key)
        }
        lines.lose(key, atMost: settings.lostMax)
        _ = try await pauseForLost(batch)
    }

    /// Pauses a batch of which too many answers in a row were lost; where that cannot be written now, before more leaves.
    func pauseForLost(_ batch: Batch) async throws(GatewayError) -> Bool {
        let key = BatchLines.Key(batch)
        guard let lost = lines.mustPause(key) else { return false }
        try await pause(batch, because: "\(lost) answers of M-Pesa in a row were lost. Look at them before it goes on.")
        lines.notePaused(key)
        return true
    }
}

extension Record {
    /// Whether it ended and did not move, as M-Pesa has said, the host knows or a person has found, and nothing speaks against
    /// it.
    ///
    /// Then people may have its row paid by a batch of its own, by today's rules.
    var hasEndedUnmoved: Bool {
        switch state {
        case .failed, .rejected, .cancelled, .expired, .withdrawn: !isDisputed && !isDamaged
        default: false
        }
    }

    /// Whether M-Pesa itself said that it did not move, and nothing speaks against it.
    ///
    /// Only then is its row paid by another try: what a person has said of it is no proof.
    var hasFailedForCertain: Bool {
        (state == .failed || state == .rejected) && !isDisputed && resolution?.isAgreement != false && !isDamaged
    }
}
