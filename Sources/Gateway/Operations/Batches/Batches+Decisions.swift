// What people decide about a batch: each is one row.
extension Batches {
    /// How often a decision is made again because the batch has changed meanwhile.
    private static let attemptsMax = 4

    /// A batch as its organization sees it.
    /// - Throws: `notFound`.
    package func find(_ id: String, for principal: Principal) async throws(GatewayError) -> Batch {
        guard let id = BatchID(id),
            let found = try await batches.batch(id, organization: principal.organization), principal.sees(found)
        else { throw GatewayError(.notFound, "There is no batch with this id. Check the id and the environment.") }
        return found
    }

    /// Lets a batch leave.
    ///
    /// - Throws: `conflict` when it does not wait for that; `permissionDenied` when somebody else must.
    package func release(_ id: String, by principal: Principal) async throws(GatewayError) -> Batch {
        try await change(id, for: principal) { batch throws(GatewayError) in
            guard batch.state == .draft else { throw Batches.stands(batch, "release") }
            try await checkMayRelease(batch, by: principal)
            try await checkMayUse(batch.tool, principal)
            var batch = batch
            batch.state = .running
            batch.releasedBy = principal.subjectText
            batch.until = sendUntil(batch)
            return ([], .batchReleased, batch)
        }
    }

    /// Lets nothing more of a batch leave, until it is resumed.
    package func pause(_ id: String, by principal: Principal, because reason: String) async throws(GatewayError)
        -> Batch
    {
        try await change(id, for: principal) { batch throws(GatewayError) in
            guard batch.state == .running else { throw Batches.stands(batch, "pause") }
            var batch = batch
            batch.state = .paused
            batch.reason = reason
            batch.until = entropy.now() + settings.waitsFor
            return ([], .batchPaused, batch)
        }
    }

    /// Lets a paused batch go on; what failed for lack of money is tried again within what was released.
    package func resume(_ id: String, by principal: Principal) async throws(GatewayError) -> Batch {
        try await change(id, for: principal) { batch throws(GatewayError) in
            guard batch.state == .paused else { throw Batches.stands(batch, "resume") }
            try await checkMayRelease(batch, by: principal)
            try await checkMayUse(batch.tool, principal)
            let again = try await retries(of: batch)
            var batch = batch
            batch.state = .running
            batch.reason = nil
            // Whoever lets it go on stands for what leaves from now on.
            batch.releasedBy = principal.subjectText
            batch.until = sendUntil(batch)
            return (again, nil, batch)
        }
    }

    /// Takes back what has not left.
    package func cancel(_ id: String, by principal: Principal, because reason: String) async throws(GatewayError)
        -> Batch
    {
        try await change(id, for: principal) { batch throws(GatewayError) in
            let stoppable: [BatchState] = [.draft, .running, .paused]
            guard stoppable.contains(batch.state) else { throw Batches.stands(batch, "cancel") }
            var batch = batch
            batch.state = .cancelled
            batch.withdrawal = .cancelled
            batch.reason = reason
            return ([], nil, batch)
        }
    }

    private typealias Decision = (items: [Record], told: FeedEvent.Kind?, batch: Batch)

    private func change(
        _ id: String,
        for principal: Principal,
        _ decide: (Batch) async throws(GatewayError) -> Decision
    ) async throws(GatewayError) -> Batch {
        for _ in 0..<Batches.attemptsMax {
            var (items, kind, batch) = try await decide(try await find(id, for: principal))
            batch.version += 1
            batch.decidedBy = principal.subjectText
            let (now, changed) = (entropy.now(), batch)
            let told = kind.map { FeedEvent.about(changed, $0, at: now, id: entropy.identifier()) }
            if try await batches.apply(BatchChange(batch: batch, items: items, told: told.map { [$0] } ?? [])) {
                runner.call()
                return batch
            }
            items = []
        }
        throw GatewayError(.conflict, "Others keep changing this batch. Try again in a moment.")
    }

    private static func stands(_ batch: Batch, _ verb: String) -> GatewayError {
        GatewayError(
            .conflict,
            "This batch cannot \(verb == "cancel" ? "be cancelled" : "\(verb)") now: it is \(batch.state.rawValue)."
        )
    }

    /// Neither who made it, nor who made the key that did; of a key that is gone nobody knows who made it.
    func checkIsAnother(_ principal: Principal, than batch: Batch) async throws(GatewayError) {
        var isAnother = principal.subjectText != batch.madeBy
        if case .apiKey(let id)? = Principal.Subject(batch.madeBy) {
            let key = try await directory.apiKey(id, organization: batch.organization)
            isAnother = key.map { $0.owner.map { "user:\($0)" } != principal.subjectText } ?? false
        }
        guard isAnother else {
            throw GatewayError(.permissionDenied, "Another person than whoever made this batch must release it.")
        }
    }

    private func checkMayUse(_ tool: String, _ principal: Principal) async throws(GatewayError) {
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

    // MARK: Trying again

    /// The items that failed for a reason that has passed, each made once more; no more than what was released.
    private func retries(of batch: Batch) async throws(GatewayError) -> [Record] {
        var question = BatchItems(of: batch.id, organization: batch.organization, limit: 2 * settings.itemsMax)
        question.states = [.failed, .rejected]
        let failed = try await batches.items(question)
        guard let first = failed.first else { return [] }
        let (plugin, index) = try operations.plugins.kind(of: first)
        let codes = plugin.operations[index].pauseCodes
        question.states = nil
        question.after = batch.items
        let earlier = try await batches.items(question)
        let tried = Set(earlier.compactMap { $0.batch?.retryOf })
        let again = failed.filter { record in
            record.code.map { codes.contains($0) } ?? false && !tried.contains(record.id) && !record.isDisputed
        }
        var left = batch.total
        let sums = try await batches.sums(of: batch.id, organization: batch.organization)
        for (state, sum) in sums where !RecentPayment.unpaid.contains(state) || state == .reversed {
            left -= sum.amount
        }
        var made: [Record] = []
        for record in again {
            let amount = record.intent.amount?.amount ?? 0
            guard amount <= left else { break }
            left -= amount
            made.append(retry(of: record, sequence: batch.items + earlier.count + made.count + 1))
        }
        return made
    }

    private func retry(of failed: Record, sequence: Int) -> Record {
        let now = entropy.now()
        var record = Record(
            id: RecordID(entropy.identifier()),
            organization: failed.organization,
            environment: failed.environment,
            recordClass: failed.recordClass,
            plugin: failed.plugin,
            operation: failed.operation,
            tool: failed.tool,
            direction: failed.direction,
            madeBy: failed.madeBy,
            intent: failed.intent,
            about: nil,
            createdAt: now,
            query: failed.query,
            sendBefore: now,
            account: failed.account,
            accountName: failed.accountName,
            request: failed.request,
            state: .draft
        )
        record.isByAgent = failed.isByAgent
        record.hold = failed.hold.map { Hold(arguments: $0.arguments, reason: $0.reason, until: $0.until) }
        record.hold?.beside = failed.hold?.beside
        record.nextActionAt = record.hold?.until
        record.batch = failed.batch.map { place in
            BatchPlace(
                batch: place.batch,
                sequence: sequence,
                row: place.row,
                confirmedBy: place.confirmedBy,
                retryOf: failed.id
            )
        }
        return record
    }
}
