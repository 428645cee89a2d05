import OrderedJSON

/// What an operation tool's call sets in motion: plan, commit, send once, record the answer, show the record.
///
/// Nothing here decides about money. The plugin says what to send and what an answer means; `RecordMachine` says what
/// follows; this performs it, in the order in which a crash at any point leaves something that can be settled.
struct Operations: Sendable {
    let records: any RecordRepository
    let directory: DirectoryCache
    let approval: RequireApproval
    let plugins: PluginCalls
    let sender: Sender
    let settlement: Settlement
    private let asker: Asker
    private let waiters: OutcomeWaiters
    let reversals: Reversals
    /// How often a call is planned again because what it is about has changed.
    private let attemptsMax = 4
    let entropy: Entropy
    let failpoints: Failpoints
    /// Where whoever asked for what is held may confirm it.
    let page: ConfirmationPage
    /// What look-ups showed of records that have ended.
    ///
    /// At most a second old, which a late success may be late by.
    private let shown: ExpiringCache<LookUpKey, Dispatch.Done>
    /// How many of a record's newest steps are shown.
    private let eventsMax = 100

    private struct LookUpKey: Hashable, Sendable {
        let organization: OrganizationID
        let environment: Environment
        /// Whose tool: another plugin's has the same generation and index, and shows nothing of this one's records.
        let plugin: String
        let generation: Int
        let tool: Int
        let id: String
        /// Who looks, where they do not see what others asked for.
        let viewer: String?
    }

    /// Makes it of its parts.
    init(
        records: any RecordRepository,
        directory: DirectoryCache,
        approval: RequireApproval,
        plugins: PluginCalls,
        sender: Sender,
        settlement: Settlement,
        asker: Asker,
        waiters: OutcomeWaiters,
        entropy: Entropy,
        failpoints: Failpoints,
        page: ConfirmationPage,
        staleness: Duration = .seconds(1)
    ) {
        shown = ExpiringCache(life: staleness, entriesMax: 10_000)
        self.records = records
        reversals = Reversals(records: records)
        self.directory = directory
        self.approval = approval
        self.plugins = plugins
        self.sender = sender
        self.settlement = settlement
        self.asker = asker
        self.waiters = waiters
        self.entropy = entropy
        self.failpoints = failpoints
        self.page = page
    }

    // MARK: Starting

    /// Starts an operation for a call that passed every stage.
    ///
    /// - Throws: The plugin's refusal; `conflict` when a guard or unique key is held; `upstreamUnavailable` when
    ///   nothing was sent; `upstreamRejected` when M-Pesa refused the request. A record that was sent and of which
    ///   nothing is known is no error: it is PENDING.
    func start(_ work: Dispatch.Work, kind index: Int) async throws(GatewayError) -> Dispatch.Done {
        let kind = work.entry.plugin.operations[index]
        for _ in 0..<attemptsMax { if let done = try await attempt(work, kind: kind) { return done } }
        throw GatewayError(.conflict, "Others keep changing this transaction. Try again in a moment.")
    }

    /// The same, once; nil when what it was planned on has changed meanwhile.
    private func attempt(_ work: Dispatch.Work, kind: OperationKind) async throws(GatewayError) -> Dispatch.Done? {
        let began = entropy.uptime()
        let planned = try await plan(work, kind: kind)
        let (plan, original) = (planned.plan, planned.original)
        var record = planned.record
        let limits = try work.membership.organization.approvals.claims(
            of: record,
            by: work.principal,
            within: work.membership.ceilings,
            at: entropy.now()
        )
        let order = try await approval.order(for: record, work)
        try Operations.checkWord(of: work, about: original, order)
        if let order {
            return try await hold(planned, until: order, for: work)
        }
        let prepared = try await sender.makeReady(record, kind: kind)
        let turn = try await sender.turn(for: record, prepared, within: kind.sendWithin - (entropy.uptime() - began))
        defer { turn.place.leave() }
        // It may have waited long: what may not be begun any more is not sent.
        try await work.mayGoOn()
        record.limited = LimitMark(limits)
        guard let beginning = settlement.beginning(record) else {
            throw GatewayError.fault("a new record cannot be sent from the state \(record.state.rawValue)")
        }
        let change = original.flatMap { settlement.beginning(beginning.record, of: $0) }
        failpoints.reach(.beforeCommit)
        let new = NewRecord(
            record: beginning.record,
            events: [record.firstEvent, beginning.event],
            idempotency: work.reservation?.claim,
            guards: planned.guards,
            unique: planned.unique,
            quota: work.quota,
            limits: limits,
            audit: work.begun.map { [$0.about(record.id)] } ?? [],
            change: change
        )
        let outcome: CommitOutcome
        do throws(GatewayError) { outcome = try await records.commit(new) } catch {
            // What may stand behind the key now is this call's own record, which is withdrawn: it answers for nothing.
            work.reservation?.consume()
            sender.withdraw(beginning.record)
            throw error
        }
        if case .stale = outcome { return nil }
        if let earlier = try earlierRecord(outcome, plan, work) { return try await replay(earlier, for: work) }
        work.reservation?.consume()
        let life = [record.firstEvent, beginning.event]
        do throws(GatewayError) { return try await finish(beginning.record, life: life, turn, for: work) } catch {
            throw error.afterSending(beginning.record.id)
        }
    }

    /// Sends what is committed, and shows what became of it, or of what it could be seen to become in the caller's time.
    private func finish(
        _ record: Record,
        life: [RecordEvent],
        _ turn: Sender.Turn,
        for work: Dispatch.Work
    ) async throws(GatewayError) -> Dispatch.Done {
        let sent = try await sender.deliver(record, turn)
        var newest = sent.record
        if work.wait > .zero && !newest.state.isEnded { newest = await waitForEnd(of: newest, for: work) }
        return try await show(newest, life: life + (sent.event.map { [$0] } ?? []), by: work.entry)
    }

    /// The record as it stands then; as it was, where the store cannot say, or the caller may not ask any more.
    private func waitForEnd(of record: Record, for work: Dispatch.Work) async -> Record {
        let records = records
        await waiters.wait(for: record.id, atMost: work.wait, unless: work.isOver, telling: work.tellsOfWaiting) {
            // A store that does not answer now is no reason to stop waiting.
            let found = try? await records.record(record.id, of: record)
            return found?.state.isEnded ?? false
        }
        guard await !work.isOver() else { return record }
        let found = try? await records.record(record.id, of: record)
        return found ?? record
    }

    // MARK: Showing

    /// Shows the record that an earlier call with the same key made, as it stands now.
    func replay(_ id: RecordID, for work: Dispatch.Work) async throws(GatewayError) -> Dispatch.Done {
        let found = try await records.record(id, of: work.principal)
        guard var found else { throw GatewayError.fault("record \(id) of an idempotency key is gone") }
        // A call that names no account is the same one, whatever the default is by now.
        if let named = work.call.account, named != found.accountName { throw ReserveIdempotent.reused(id) }
        guard work.principal.sees(found) else { throw Operations.othersKey }
        // Who lost the first answer wants the outcome as much as who did not; nobody waits here for a person.
        if work.wait > .zero && !found.state.isEnded && found.state != .draft {
            found = await waitForEnd(of: found, for: work)
        }
        var done = try await show(found, by: work.entry)
        done.isReplayed = true
        return done
    }

    /// Finds a record by an id that M-Pesa or this host gave it, asks M-Pesa if it is open and stale, and shows it.
    func lookUp(
        _ work: Dispatch.Work,
        by lookUp: ToolDescriptor.LookUp
    ) async throws(GatewayError) -> Dispatch.Done {
        let principal = work.principal
        guard let id = work.arguments.value(at: lookUp.pointer)?.stringValue else {
            throw GatewayError(
                .invalidArgument,
                "\(lookUp.pointer): expected an id.",
                errors: [.init(pointer: lookUp.pointer.description, message: "expected an id.")]
            )
        }
        let key = LookUpKey(
            organization: principal.organization,
            environment: principal.environment,
            plugin: work.entry.plugin.id,
            generation: work.entry.plugin.generation,
            tool: work.entry.tool.index,
            id: id,
            viewer: principal.maker ?? (principal.accounts == nil ? nil : principal.subjectText)
        )
        if let known = shown.value(for: key, at: entropy.uptime()) { return known }
        let found = try await find(id, namespace: lookUp.namespace, for: work)
        var record = found.record
        let isStale = entropy.now() - record.updatedAt >= lookUp.refreshAfter
        if !record.state.isEnded && isStale { record = await asker.askSafely(record) }
        let done =
            record.state.isShownByHost
            ? Dispatch.Done(held: record, page)
            : Dispatch.Done(
                output: try await output(of: record, life: found.events, by: work.entry),
                record: record.id,
                state: record.state,
                note: record.note
            )
        if record.state.isEnded { shown.set(done, for: key, at: entropy.uptime()) }
        return done
    }

    private func find(
        _ id: String,
        namespace: String,
        for work: Dispatch.Work
    ) async throws(GatewayError) -> (record: Record, events: [RecordEvent]) {
        let principal = work.principal
        let found = try await records.recordAndEvents(
            named: id,
            namespace: namespace,
            organization: principal.organization,
            environment: principal.environment,
            limit: eventsMax
        )
        guard let found, found.record.plugin == work.entry.plugin.id, principal.sees(found.record) else {
            throw GatewayError.noTransaction
        }
        return found
    }

    /// What a record's tool answers of it by now; `life` are the record's steps as far as they are known here.
    func show(
        _ record: Record,
        life: [RecordEvent] = [],
        by entry: ToolRegistry.Entry
    ) async throws(GatewayError) -> Dispatch.Done {
        if let refusal = record.refusal { throw refusal }
        if record.state.isShownByHost { return Dispatch.Done(held: record, page) }
        let output = try await output(of: record, life: life, by: entry)
        return Dispatch.Done(output: output, record: record.id, state: record.state, note: record.note)
    }

    private func output(
        of record: Record,
        life: [RecordEvent] = [],
        by entry: ToolRegistry.Entry
    ) async throws(GatewayError) -> [UInt8] {
        var events = life
        // Every version has its step: when some are missing here, others have changed the record meanwhile.
        if events.count != min(record.version, eventsMax) {
            events = try await records.events(of: record.id, organization: record.organization, limit: eventsMax)
        }
        return await plugins.render(entry.plugin, tool: entry.tool, record: record, events: events)
    }
}

extension Record {
    /// What every answer about it says.
    var note: Dispatch.Note {
        Dispatch.Note(
            begunAt: createdAt,
            updatedAt: updatedAt,
            dispute: isDisputed ? disputes.map(\.text).joined(separator: " ") : nil
        )
    }
}

extension GatewayError {
    /// The same, of a record whose request has left: whatever the store says of its own work, this was decided.
    fileprivate func afterSending(_ record: RecordID) -> GatewayError {
        guard self.record == nil else { return self }
        return GatewayError(
            code,
            """
            This was sent to M-Pesa, and what became of it could not be kept or read yet. Ask for its status; do not \
            repeat it with a new key.
            """,
            detail: detail ?? message,
            retryAfter: retryAfter,
            record: record
        )
    }
}
