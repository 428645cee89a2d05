import OrderedJSON

/// What a call is planned to do, and what its commit may find in its way.
extension Operations {
    /// A record as it would be committed, and what must hold with it.
    struct Planned: Sendable {
        let record: Record
        let plan: PluginAnswers.Plan
        let original: Reversals.Original?
        /// What its account is, as M-Pesa knows it.
        let place: AccountPlace

        var guards: [Guard] { plan.guards.map { $0.scoped(to: record.plugin, record.accountName) } }
        var unique: [UniqueKey] { plan.unique.map { $0.scoped(to: record.plugin, record.accountName) } }
    }

    /// Asks the plugin what a call would have sent, now; what is held and is about to be sent keeps its id.
    ///
    /// - Throws: The plugin's refusal; as `Reversals` and `Ceilings` do.
    func plan(_ work: Dispatch.Work, kind: OperationKind) async throws(GatewayError) -> Planned {
        let principal = work.principal
        let plugin = work.entry.plugin
        let book = try await directory.accounts(of: principal.organization, in: principal.environment)
        let now = entropy.now()
        let id = work.held ?? RecordID(entropy.identifier())
        var original = try await reversals.original(of: kind, for: work, accounts: book.shortCodes)
        let account = try await account(of: work, kind, original?.record)
        let profile = account.profile
        let input = PluginDocuments.prepare(
            arguments: work.arguments.bytes,
            profile: profile,
            settings: plugin.settings(for: profile),
            now: entropy.wall(),
            record: id,
            originator: id.raw,
            original: original.map { ($0.record, $0.left) },
            row: work.batch?.row
        )
        let plan = try await plugins.prepare(plugin, tool: work.entry.tool, input: input)
        try work.membership.ceilings.check(plan.intent.amount, kind.direction, principal)
        var intent = plan.intent
        if kind.direction == .reverse {
            let found = try await reversals.check(intent, of: original, for: work)
            (original, intent.original) = (found, found.record.id)
            try Operations.check(account, isOf: found.record)
        }
        var record = Record(
            id: id,
            organization: principal.organization,
            environment: principal.environment,
            recordClass: kind.direction == .none ? .exchange : .transaction,
            plugin: plugin.id,
            operation: kind.name,
            tool: work.entry.tool.name,
            direction: kind.direction,
            madeBy: principal.subjectText,
            intent: intent,
            about: nil,
            createdAt: now,
            query: kind.query,
            sendBefore: now + kind.sendWithin,
            account: profile.shortCode,
            accountName: account.name,
            request: plan.request
        )
        record.countedIn = work.quota?.place.month
        record.isByAgent = work.caller == .agent
        record.batch = work.batch
        return Planned(record: record, plan: plan, original: original, place: AccountPlace(profile))
    }

    /// The record that an earlier call made, when the commit found one; nil when this call's was written.
    func earlierRecord(
        _ outcome: CommitOutcome,
        _ plan: PluginAnswers.Plan,
        _ work: Dispatch.Work
    ) throws(GatewayError) -> RecordID? {
        switch outcome {
        case .committed, .stale: return nil
        case .replay(let record): return record
        case .keyReused(let record): throw ReserveIdempotent.reused(record)
        case .keyStillOpen(let record): throw ReserveIdempotent.stillOpen(record)
        case .held(let record, let until):
            throw GatewayError(
                .conflict,
                """
                M-Pesa has said both that this amount did not move between you and this customer and that it did. Check the \
                M-Pesa statement before it is asked for or paid again.
                """,
                retryAfter: max(.seconds(1), until - entropy.now()),
                record: record
            )
        case .guarded(let index, let record, let until):
            let wait = until.map { max(.seconds(1), $0 - entropy.now()) }
            throw GatewayError(.conflict, plan.guards[index].message, retryAfter: wait, record: record)
        case .closed: throw GatewayError(.organizationSuspended, "This organization has been closed.")
        case .quotaSpent:
            guard let quota = work.quota else { throw GatewayError.fault("a quota is spent that nobody claimed") }
            throw QuotaClaim.spent(quota.place, limit: quota.limit, now: entropy.now())
        case .limitReached: throw MoneyLimit.dayIsOver
        case .duplicate(_, let record):
            throw GatewayError(.conflict, "The same movement of money exists already.", record: record)
        }
    }
}

extension Guard {
    /// The guard under its plugin's own names, of one account.
    fileprivate func scoped(to plugin: String, _ account: AccountName) -> Guard {
        Guard(key: account.scope(plugin) + key, openMax: openMax, window: window, code: code, message: message)
    }
}

extension UniqueKey {
    /// The key under its plugin's own names, of one account.
    fileprivate func scoped(to plugin: String, _ account: AccountName) -> UniqueKey {
        UniqueKey(key: account.scope(plugin) + key, releasedBy: releasedBy)
    }
}
