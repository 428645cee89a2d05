// What people decide about a batch: each is one row.
extension Batches {
    /// How often a decision is made again because the batch has changed meanwhile.
    static let attemptsMax = 8
    /// How many batches are looked through at a time.
    private static let pageMax = 100

    /// A batch as its organization sees it.
    /// - Throws: `notFound`.
    package func find(_ id: String, for principal: Principal) async throws(GatewayError) -> Batch {
        guard let id = BatchID(id),
            let found = try await batches.batch(id, organization: principal.organization), principal.sees(found)
        else { throw GatewayError(.notFound, "There is no batch with this id. Check the id and the environment.") }
        return found
    }

    /// Lets a batch leave; where a rule asks several people, with the last of them.
    ///
    /// - Parameter rows: Those that somebody has looked at, and that are other payments than were made meanwhile.
    /// - Throws: `conflict` when it does not wait for that, somebody has agreed already, or rows may have been paid meanwhile;
    ///   `permissionDenied` when somebody else must; `approvalExpired` when its time is over; `limitExceeded` when a limit of the
    ///   day lets only a part of it leave.
    package func release(
        _ id: String,
        by principal: Principal,
        confirming rows: Set<Int> = [],
        seeing seen: String? = nil
    ) async throws(GatewayError) -> Batch {
        try await change(id, for: principal) { batch throws(GatewayError) in
            try Batches.check(seen, is: batch)
            guard batch.state == .draft else { throw Batches.stands(batch, "release") }
            var batch = batch
            guard let known = try await agree(to: &batch, by: principal, confirming: rows) else {
                return ([], nil, batch, nil)
            }
            return ([], .batchReleased, batch, known)
        }
    }

    /// What somebody has looked at must be what they agree to.
    private static func check(_ seen: String?, is batch: Batch) throws(GatewayError) {
        guard let seen, seen != batch.agreed else { return }
        throw GatewayError(
            .conflict,
            "This batch is another than the one with that sha256: rows of it may have been struck. Look at it again."
        )
    }

    /// Adds somebody's word for a batch's leaving, which lets it run where it is the last that is asked for.
    ///
    /// Whoever agreed before and may not any more is not counted. Each counts once.
    /// - Returns: What is known of its rows, where it leaves; nil where others must agree too.
    /// - Throws: `approvalExpired` when its time is over; `limitExceeded` when a limit of the day lets only a part of it leave.
    private func agree(
        to batch: inout Batch,
        by principal: Principal,
        confirming rows: Set<Int>
    ) async throws(GatewayError) -> KnownPayments? {
        // Whose turn it is to withdraw it may not have come yet.
        guard entropy.now() < batch.until else { throw Batches.tooLate }
        guard !batch.approvers.contains(principal.subjectText) else {
            throw GatewayError(.conflict, "You have agreed to this already; others must too.")
        }
        let asked = try await checkMayRelease(batch, by: principal)
        try await checkMayUse(batch.tool, principal)
        let again = batch.state == .paused ? try await retries(of: batch) : []
        let looked = try await look(at: batch, trying: again, confirming: rows, by: principal)
        var others: [String] = []
        for other in batch.approvers where try await mayAgree(other, asked, batch) { others.append(other) }
        batch.approvers = others + [principal.subjectText]
        guard batch.approvers.count >= asked?.count ?? 1 else { return nil }
        if let lack = try await runner.dayLack(of: batch, trying: again) { throw GatewayError(.limitExceeded, lack) }
        batch.state = .running
        batch.reason = nil
        batch.looked = looked.rows
        // Whoever lets it go on stands for what leaves from now on.
        batch.releasedBy = principal.subjectText
        (batch.until, batch.remindAt) = (sendUntil(batch), nil)
        return looked.known
    }

    static let tooLate = GatewayError(
        .approvalExpired,
        "Nobody let this batch go on in time; what has not left never will."
    )

    /// Lets nothing more of a batch leave, until it is resumed.
    package func pause(_ id: String, by principal: Principal, because reason: String) async throws(GatewayError)
        -> Batch
    {
        try await change(id, for: principal) { batch throws(GatewayError) in
            guard batch.state == .running else { throw Batches.stands(batch, "pause") }
            var batch = batch
            batch.state = .paused
            batch.approvers = []
            batch.reason = reason
            let now = entropy.now()
            batch.wait(from: now, until: now + settings.waitsFor)
            return ([], .batchPaused, batch, nil)
        }
    }

    /// Lets a paused batch go on; what failed for lack of money is tried again within what was released.
    ///
    /// - Throws: As `release`.
    package func resume(
        _ id: String,
        by principal: Principal,
        confirming rows: Set<Int> = [],
        seeing seen: String? = nil
    ) async throws(GatewayError) -> Batch {
        try await change(id, for: principal) { batch throws(GatewayError) in
            try Batches.check(seen, is: batch)
            guard batch.state == .paused else { throw Batches.stands(batch, "resume") }
            var batch = batch
            guard let known = try await agree(to: &batch, by: principal, confirming: rows) else {
                return ([], nil, batch, nil)
            }
            return (try await retries(of: batch), nil, batch, known)
        }
    }

    /// Takes back what has not left.
    package func cancel(_ id: String, by principal: Principal, because reason: String) async throws(GatewayError)
        -> Batch
    {
        try await change(id, for: principal) { batch throws(GatewayError) in
            guard Batches.stoppable.contains(batch.state) else { throw Batches.stands(batch, "cancel") }
            return ([], nil, Batches.cancelled(batch, because: reason), nil)
        }
    }

    /// What has not ended, and may leave yet.
    static let stoppable: Set<BatchState> = [.draft, .running, .paused]

    private static func cancelled(_ batch: Batch, because reason: String) -> Batch {
        var batch = batch
        batch.state = .cancelled
        batch.remindAt = nil
        batch.withdrawal = .cancelled
        batch.reason = reason
        return batch
    }

    /// Takes back what has not left of every batch of an organization that a stop is about.
    func cancel(
        by stop: PaymentStop,
        of organization: OrganizationID,
        by who: String,
        because reason: String
    ) async throws(GatewayError) {
        var after: BatchID?
        while true {
            let found = try await batches.openBatches(
                of: organization,
                in: Batches.stoppable,
                after: after,
                limit: Batches.pageMax
            )
            for batch in found where stop.stops(tool: batch.tool, madeBy: batch.madeBy, batch.caller) {
                try await cancel(batch, by: who, because: reason)
            }
            guard let last = found.last else { return }
            after = last.id
        }
    }

    /// Stops a batch that is open, if it is still.
    func cancel(
        _ batch: Batch,
        as why: Hold.Withdrawal = .cancelled,
        by who: String,
        because reason: String
    ) async throws(GatewayError) {
        var newest: Batch? = batch
        for _ in 0..<Batches.attemptsMax {
            // What has ended or is stopped meanwhile is as good.
            guard let found = newest, Batches.stoppable.contains(found.state) else { return }
            var changed = Batches.cancelled(found, because: reason)
            changed.withdrawal = why
            changed.version += 1
            changed.decidedBy = who
            if try await batches.apply(BatchChange(batch: changed)) { return runner.call() }
            newest = try await batches.batch(batch.id, organization: batch.organization)
        }
        throw GatewayError(.conflict, "Others keep changing the batch \(batch.id). Try again in a moment.")
    }

    typealias Decision = (items: [Record], told: FeedEvent.Kind?, batch: Batch, known: KnownPayments?)

    /// Decides about a batch as it stands, and once more where it has changed meanwhile.
    ///
    /// - Parameter struck: What is taken out of it in the same commit.
    func change(
        _ id: String,
        for principal: Principal,
        striking struck: (Batch) async throws(GatewayError) -> [RecordChange] = { _ in [] },
        _ decide: (Batch) async throws(GatewayError) -> Decision
    ) async throws(GatewayError) -> Batch {
        for _ in 0..<Batches.attemptsMax {
            let found = try await find(id, for: principal)
            var (items, kind, batch, known) = try await decide(found)
            let struck = try await struck(found)
            batch.version += 1
            batch.decidedBy = principal.subjectText
            // A strike is told with its own moment, by which whoever reads of it finds it.
            let struckAt = batch.strikes.count > found.strikes.count ? batch.strikes.last?.at : nil
            let (now, changed) = (struckAt ?? entropy.now(), batch)
            let told = kind.map { FeedEvent.about(changed, $0, at: now, id: entropy.identifier()) }
            operations.failpoints.reach(.beforeBatchDecision)
            let change = BatchChange(
                batch: batch,
                items: items,
                struck: struck,
                told: told.map { [$0] } ?? [],
                known: known
            )
            if try await batches.apply(change) {
                operations.failpoints.reach(.afterBatchDecision)
                runner.call()
                return batch
            }
            items = []
        }
        throw GatewayError(.conflict, "Others keep changing this batch. Try again in a moment.")
    }

    static func stands(_ batch: Batch, _ verb: String) -> GatewayError {
        // Withdrawn already, or about to be: it is told alike.
        if verb != "cancel", verb != "pause", batch.hasExpired { return tooLate }
        return GatewayError(
            .conflict,
            "This batch cannot be \(verb == "cancel" ? "cancelled" : verb + "d") now: it is \(batch.state.rawValue)."
        )
    }

    /// Neither who made it, nor who made the key that did, or has seen it; of a key that is gone nobody knows who made
    /// it.
    func checkIsAnother(_ principal: Principal, than batch: Batch) async throws(GatewayError) {
        var isAnother = principal.subjectText != batch.madeBy
        if case .apiKey(let id)? = Principal.Subject(batch.madeBy), case .user(let user) = principal.subject {
            let key = try await directory.apiKey(id, organization: batch.organization)
            isAnother = key.map { !$0.isOf(user) } ?? false
        }
        guard isAnother else {
            throw GatewayError(.permissionDenied, "Another person than whoever made this batch must release it.")
        }
    }

    func checkMayUse(_ tool: String, _ principal: Principal) async throws(GatewayError) {
        let membership = try await operations.directory.membership(of: principal.organization)
        guard
            let entry = registry.snapshot.entry(
                tool,
                organization: principal.organization,
                call: CallID(entropy.identifier())
            )
        else { throw GatewayError(.unavailable, "\(tool) is not loaded now.", retryAfter: .seconds(5)) }
        try Authorize.check(entry.tool, principal: principal, membership: membership)
    }
}
