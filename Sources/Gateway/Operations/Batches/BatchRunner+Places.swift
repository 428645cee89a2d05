import Logging

// The places of accounts: who has them, and what becomes of a batch that finds none, or of which nothing more can leave.
extension BatchRunner {
    /// Looks now and then what an account has undecided, of whatever batch, as the store has it; who ends an item rings too.
    ///
    /// - Throws: `unavailable` where it was never known: nothing leaves then.
    func look(at account: AccountID) async throws(GatewayError) {
        let now = entropy.uptime()
        guard let number = lines.beginLook(at: account, unlessSince: now + (.zero - settings.every), at: now) else {
            return
        }
        do throws(GatewayError) {
            let found = try await batches.undecidedItems(
                of: account,
                sentSince: entropy.now() + (.zero - settings.placeKeptFor),
                // What is being sent is among them, and is counted by itself.
                limit: settings.inFlightMax * 2
            )
            lines.endLook(number, at: account, found: found, at: now)
        } catch {
            if lines.isUnknown(account) { throw error }
            logger.warning(
                "an account's payments could not be looked at",
                metadata: ["account": "\(account.name)", "reason": "\(error.detail ?? error.message)"]
            )
        }
    }

    /// A batch found no place of its account; answers whether it has ended, of which all have left.
    ///
    /// That is looked at once: while nothing of it leaves, whatever becomes of its items wakes it.
    func lacksPlaces(_ batch: Batch, at now: Uptime) async throws(GatewayError) -> Bool {
        let key = BatchLines.Key(batch)
        let wakes = lines.wakes(of: key)
        guard lines.lack(key, at: now), try await isOver(batch) else { return false }
        try await finish(batch, sinceWake: wakes)
        return true
    }

    /// Whether a batch that runs has had its time to leave, by both clocks: its end is the house's, its moment the wall's, which
    /// somebody may set back while it waits.
    func isTimeOver(_ batch: Batch) -> Bool {
        guard entropy.now() >= batch.until else { return false }
        return batch.notBefore.map { entropy.wall() >= $0 + Batches.Settings().sendsWithin } ?? true
    }

    /// A batch whose time to leave is over is stopped, unless all of it has left.
    ///
    /// One that found no place of its account is paused instead: a person says whether it is wanted still.
    func isLate(_ batch: Batch, at now: Uptime) async throws(GatewayError) -> Bool {
        // What has left is followed to its end, however long that takes.
        guard try await !isOver(batch) else { return false }
        if lines.hasLacked(BatchLines.Key(batch), since: now + (.zero - settings.placeKeptFor)) {
            try await pause(
                batch,
                because: "It could not be sent in time: the places of its account were taken by payments that M-Pesa "
                    + "has not decided. Look whether it is wanted still before it goes on."
            )
        } else {
            try await stop(batch, as: .unsent, because: "It could not be sent in time.")
        }
        return true
    }

    /// Nothing more can leave now: some may have had to wait, and the last ones may be undecided.
    func comeToEnd(
        of batch: Batch,
        hasBegunInTheMiddle: Bool,
        sinceWake wakes: Int
    ) async throws(GatewayError) -> Bool {
        let key = BatchLines.Key(batch)
        // Once more from the start, unless nothing could leave all the way through.
        if hasBegunInTheMiddle, lines.takeBegun(key) { return true }
        if try await isOver(batch) {
            try await finish(batch, sinceWake: wakes)
        } else {
            lines.rest(batch, sinceWake: wakes, until: entropy.uptime() + settings.every)
        }
        return false
    }

    /// Whether nothing of a batch is left to be sent, now or later.
    func isOver(_ batch: Batch) async throws(GatewayError) -> Bool {
        try await batches.items(BatchItems(unsentOf: batch, limit: 1)).isEmpty
    }
}
