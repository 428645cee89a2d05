import Cryptography
import OrderedJSON
import Sheets

/// Makes batches: looks at every row before anything is kept, and keeps all of them or none.
///
///     rows -> each checked and planned -> doubts -> the rules -> one COMMIT: the batch, its items as drafts
///
/// What becomes of a batch is decided in `Batches+Decisions` and done by `BatchRunner`.
package struct Batches: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How many items a batch has at most.
        ///
        /// Default 10,000.
        package var itemsMax = 10_000
        /// How many of an organization's may be open, where its plan does not say.
        ///
        /// Default 200.
        package var openMax = 200
        /// How long looking at all of a batch's rows may take until it is kept; a slower one is not.
        ///
        /// Default 10 min. Another that leaves meanwhile sees no older ones.
        package var plannedWithin: Duration = .seconds(600)
        /// How many rows of a file may hold something and be no item: titles, the header.
        ///
        /// Default 100.
        package var otherRowsMax = 100
        /// How many columns of a file are kept that are no item's, to be given back with the result.
        ///
        /// Default 20.
        package var besideMax = 20
        /// How long each of these texts may be, in characters; the rest is cut off.
        ///
        /// Default 200.
        package var besideCharactersMax = 200
        /// How often rows of one batch may be struck.
        ///
        /// Default 50.
        package var strikesMax = 50
        /// How many wrong rows are told.
        ///
        /// Default 1,000.
        package var errorsMax = 1_000
        /// After how many rows it is asked again whether the caller may go on.
        ///
        /// Default 250.
        package var chunk = 250
        /// How long a batch waits for somebody to release or resume it; after that it is withdrawn.
        ///
        /// Default 7 days.
        package var waitsFor: Duration = .seconds(7 * 86_400)
        /// How long what was released may take to leave; what has not is withdrawn.
        ///
        /// Default 24 h.
        package var sendsWithin: Duration = .seconds(86_400)
        /// For how long the same items under another id are asked about.
        ///
        /// Default 7 days.
        package var sameFor: Duration = .seconds(7 * 86_400)
        /// For how long a payment of the same amount to the same receiver is asked about.
        ///
        /// Default 3 days.
        package var recentFor: Duration = .seconds(3 * 86_400)

        /// The defaults.
        package init() {}
    }

    let batches: any BatchRepository
    let operations: Operations
    let authenticate: Authenticate
    let directory: any DirectoryRepository
    let registry: ToolRegistry
    let runner: BatchRunner
    let sheets: SheetThread
    let reports: any ReportRepository
    let quotas: Quotas
    let entropy: Entropy
    let settings: Settings

    /// What makes two orders the same batch.
    private struct Identity {
        let id: BatchID
        let digest: [UInt8]
    }

    /// Makes a batch for a call that passed every stage.
    ///
    /// - Throws: `invalidArgument` with every wrong row; `conflict` with every row that may be a payment made before;
    ///   `idempotencyKeyReused` when the id stands for something else.
    func make(_ order: BatchOrder, for work: Dispatch.Work) async throws(GatewayError) -> Made {
        guard let items = work.entry.tool.items, case .operation(let index) = work.entry.tool.kind else {
            throw GatewayError(.invalidArgument, "\(work.entry.tool.name) makes no batches.")
        }
        try check(order, work, items)
        let identity = try await identity(of: order, work)
        if !order.validatesOnly, let earlier = try await earlier(identity, work.principal) { return earlier }
        let kind = work.entry.plugin.operations[index]
        let rows = try await BatchRows(order: order, batch: identity.id, items: items, settings: settings)
            .planned(for: work, kind: kind, by: operations)
        for _ in 0..<Batches.attemptsMax {
            var (errors, known) = (rows.errors, doubting.nothing)
            // Whoever only looks is told all at once, and not the doubts in a second round.
            if errors.isEmpty || order.validatesOnly {
                let found = try await doubts(order, rows, work, items)
                known = found.known
                errors = Array((errors + found.errors).sorted { $0.row < $1.row }.prefix(settings.errorsMax))
            }
            if order.validatesOnly {
                let checked = BatchChecked(items: order.items.count, read: rows.records.count, rows.total, errors)
                return .checked(
                    checked,
                    account: rows.records.first?.accountName,
                    notes: barred(rows.records, work)
                )
            }
            if !errors.isEmpty { throw Batches.refusal(errors, of: order.items.count) }
            if let made = try await commit(order, identity, rows, known, work) { return made }
        }
        throw GatewayError(
            .conflict,
            "Others keep asking for the same payments. Nothing was kept or sent; try again in a moment."
        )
    }

    private func check(
        _ order: BatchOrder,
        _ work: Dispatch.Work,
        _ items: ItemsBinding
    ) throws(GatewayError) {
        let most = order.rows.isEmpty ? min(settings.itemsMax, items.max) : settings.itemsMax
        // What is tried again was kept before, and is looked for where there is a batch of its id already.
        guard (1...most).contains(order.items.count) || order.retry != nil else {
            throw GatewayError.wrong(items.name, "expected 1 to \(most) payments.")
        }
        try checkMoment(of: order)
        guard work.caller == .agent, !order.confirmed.isEmpty || order.repeats != nil else { return }
        throw GatewayError(
            .permissionDenied,
            "A person must look at payments that may have been made before; an agent cannot confirm them."
        )
    }

    func checkMoment(of order: BatchOrder) throws(GatewayError) {
        guard let moment = order.notBefore,
            moment > entropy.wall() + .seconds(BatchArguments.daysAheadMax * 86_400)
        else { return }
        throw GatewayError.wrong("not_before_ms", "at most \(BatchArguments.daysAheadMax) days ahead.")
    }

    // MARK: The same again

    private func identity(of order: BatchOrder, _ work: Dispatch.Work) async throws(GatewayError) -> Identity {
        let book = try await operations.directory.accounts(
            of: work.principal.organization,
            in: work.principal.environment
        )
        let account = work.call.account ?? book.standard?.name ?? .main
        let said: JSON = [
            "tool": .string(work.entry.tool.name), "account": .string(account.description),
            "environment": .string(work.principal.environment.rawValue), "name": .string(order.name),
            "not_before_ms": order.notBefore.map { .integer($0.milliseconds) } ?? .null,
            "items": order.retry?.asked ?? .array(order.items),
        ]
        let digest = SHA256.digest(said.canonicalBytes)
        if let id = order.id { return Identity(id: id, digest: digest.bytes) }
        if let tries = order.retry?.tries {
            // Each is tried again once: no other batch will ever try just these.
            let text = SHA256.digest(tries.map(\.description).joined(separator: " ")).hexadecimal
            return Identity(id: try Batches.id("R-" + text.prefix(24)), digest: digest.bytes)
        }
        guard let key = work.call.idempotencyKey else {
            return Identity(id: try await ownID(of: digest, order, work.principal), digest: digest.bytes)
        }
        let text = "K-" + SHA256.digest("\(work.principal.environment.rawValue) \(key)").hexadecimal.prefix(24)
        return Identity(id: try Batches.id(text), digest: digest.bytes)
    }

    /// The id of what nobody named: by what it says, and which batch it repeats on purpose.
    ///
    /// It stands for that as long as the same payments under another id are asked about: while that batch is open, and some
    /// days after. What is sent later, such as the next month's payroll, is another batch.
    private func ownID(
        of digest: Digest32,
        _ order: BatchOrder,
        _ principal: Principal
    ) async throws(GatewayError) -> BatchID {
        let length = max(1, settings.sameFor.wholeMilliseconds)
        let (now, since) = (entropy.now(), entropy.now() + (.zero - settings.sameFor))
        let id = { (span: Int64) throws(GatewayError) in
            let said = "\(digest.hexadecimal) \(order.repeats?.description ?? "") \(span)"
            return try Batches.id("B-" + SHA256.digest(said).hexadecimal.prefix(24))
        }
        let span = now.milliseconds / length
        // A batch is open no longer than its items are held.
        for age in 1...max(1, BatchRows.heldFor.wholeMilliseconds / length + 1) {
            let earlier = try id(span - age)
            guard let found = try await batches.batch(earlier, organization: principal.organization) else { continue }
            if found.stands(since: since) { return earlier }
        }
        return try id(span)
    }

    private static func id(_ text: String) throws(GatewayError) -> BatchID {
        guard let id = BatchID(text) else { throw GatewayError.fault("a batch id that is none: \(text)") }
        return id
    }

    private func earlier(_ identity: Identity, _ principal: Principal) async throws(GatewayError) -> Made? {
        guard let found = try await batches.batch(identity.id, organization: principal.organization) else { return nil }
        return try await replay(found, identity, principal)
    }

    private func replay(
        _ found: Batch,
        _ identity: Identity,
        _ principal: Principal
    ) async throws(GatewayError) -> Made {
        guard found.digest == identity.digest, principal.sees(found) else {
            throw GatewayError(
                .idempotencyKeyReused,
                "The batch \(identity.id) stands for other payments. Give this one an id of its own."
            )
        }
        let sums = try await batches.sums(of: found.id, organization: found.organization)
        return .batch(found, sums: sums, isReplayed: true)
    }

    // MARK: Keeping

    private static func refusal(_ errors: [BatchError], of count: Int) -> GatewayError {
        let rows = Set(errors.map(\.row)).count
        let isDoubt = errors.allSatisfy(\.isDoubt)
        let what = isDoubt ? "may have been paid before" : "are not valid"
        return GatewayError(
            isDoubt ? .conflict : .invalidArgument,
            "\(rows) of \(count) rows \(what); nothing was kept or sent: \(errors[0].message)",
            errors: errors.map { GatewayError.FieldError(pointer: $0.pointer, message: $0.message) }
        )
    }

    /// Keeps what was planned; nil where others have asked for payments of its rows since they were looked at.
    private func commit(
        _ order: BatchOrder,
        _ identity: Identity,
        _ rows: BatchRows.Planned,
        _ known: KnownPayments,
        _ work: Dispatch.Work
    ) async throws(GatewayError) -> Made? {
        guard let first = rows.records.first else { throw GatewayError.fault("a batch without rows") }
        let hold = try await operations.approval.order(for: BatchRows.summary(of: rows, first, order), work)
        let asked = hold?.asked.flatMap { $0.isConfirmation ? nil : $0 }
        let isAgents = work.caller == .agent
        let leaves = order.releases && hold == nil && !isAgents
        let now = entropy.now()
        guard now <= first.createdAt + settings.plannedWithin else { throw Batches.tookTooLong }
        var batch = Batch(
            id: identity.id,
            organization: first.organization,
            environment: first.environment,
            tool: first.tool,
            accountName: first.accountName,
            name: order.name,
            madeBy: first.madeBy,
            isByAgent: isAgents,
            createdAt: now,
            digest: identity.digest,
            content: BatchRows.content(of: rows.records),
            items: rows.records.count,
            total: rows.total,
            notBefore: order.notBefore,
            confirmedRows: rows.records.count { $0.batch?.confirmedBy != nil },
            repeats: order.repeats,
            releaser: hold == nil || hold?.asked?.isConfirmation == true ? .person : .another,
            heldBecause: hold?.reason ?? (isAgents ? "An agent asked for it." : nil),
            asked: asked,
            state: leaves ? .running : .draft,
            until: hold?.until ?? now + settings.waitsFor
        )
        batch.session = isAgents ? work.principal.session : nil
        batch.retryOf = order.retry?.batch
        if leaves {
            let sum = RollupSum(transactions: Int64(rows.records.count), amount: rows.total)
            if let lack = try await runner.dayLack(of: batch, sum, like: first) {
                throw GatewayError(.limitExceeded, "\(lack) Nothing was kept or sent.")
            }
            batch.releasedBy = first.madeBy
            batch.decidedBy = first.madeBy
            batch.until = sendUntil(batch)
        } else {
            batch.wait(from: now, until: batch.until)
        }
        return try await commit(batch, identity, rows, known, work)
    }

    private func commit(
        _ batch: Batch,
        _ identity: Identity,
        _ rows: BatchRows.Planned,
        _ known: KnownPayments,
        _ work: Dispatch.Work
    ) async throws(GatewayError) -> Made? {
        let (now, leaves) = (batch.createdAt, batch.state == .running)
        let kind = leaves ? FeedEvent.Kind.batchReleased : .batchRequested
        try await work.mayGoOn()
        let new = NewBatch(
            batch: batch,
            items: rows.records,
            quota: work.quota.map {
                QuotaClaim($0.place, units: rows.records.count, limit: $0.limit, call: work.call.id, entropy)
            },
            audit: work.begun.map { [$0] } ?? [],
            told: [.about(batch, kind, at: now, id: entropy.identifier())],
            sameSince: now + (.zero - settings.sameFor),
            openMax: openMax(work.membership),
            known: leaves ? known : nil
        )
        operations.failpoints.reach(.beforeBatchCommit)
        switch try await batches.commit(new) {
        case .committed:
            operations.failpoints.reach(.afterBatchCommit)
            if leaves { runner.call() }
            let sum = RollupSum(transactions: Int64(batch.items), amount: batch.total)
            return .batch(batch, sums: [.draft: sum], isReplayed: false, notes: barred(rows.records, work))
        case .taken(let found): return try await replay(found, identity, work.principal)
        case .sameItems(let same): throw try await sameItems(same, as: work.principal)
        case .overtaken: return nil
        case .retried: throw Batches.triedAgainMeanwhile
        case .tooManyOpen: throw Batches.tooManyOpen(openMax(work.membership))
        case .closed: throw GatewayError(.organizationSuspended, "This organization has been closed.")
        case .quotaSpent:
            guard let quota = work.quota else { throw GatewayError.fault("a quota is spent that nobody claimed") }
            throw QuotaClaim.spent(quota.place, limit: quota.limit, now: now)
        }
    }
}

extension Principal {
    /// Whether they may see a batch of their organization, as `sees` has it of records.
    package func sees(_ batch: Batch) -> Bool {
        organization == batch.organization && environment == batch.environment
            && (maker.map { $0 == batch.madeBy } ?? true) && (accounts?.contains(batch.accountName) ?? true)
    }
}
