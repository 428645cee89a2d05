import OrderedJSON

// What actions ask of batches.
extension Batches {
    /// Makes a batch for an action: of a tool that its caller may use.
    ///
    /// - Throws: `notFound` where there is no such tool for them, or it makes no batches; as `make` does.
    package func make(
        _ order: BatchOrder,
        tool name: String,
        for use: Action.Use
    ) async throws(GatewayError) -> [UInt8] {
        let entry = try checkOut(name, use)
        defer { entry.plugin.calls.end(hasFailed: false) }
        try Authorize.check(entry.tool, principal: use.principal, membership: use.membership)
        let call = ToolCall(
            id: use.call,
            door: .rest,
            credential: .none,
            tool: name,
            arguments: use.arguments,
            account: order.retry?.account ?? use.text("account").flatMap { AccountName($0) }
        )
        let work = Dispatch.Work(
            call: call,
            entry: entry,
            principal: use.principal,
            membership: use.membership,
            arguments: use.arguments,
            reservation: nil,
            quota: quotas.claim(Ceilings.Counted.money, use.membership, call: use.call),
            begun: nil,
            mayGoOn: use.mayGoOn
        )
        let made = try await make(order, for: work)
        return await shown(made, of: order.file, to: use.principal)
    }

    private func checkOut(_ name: String, _ use: Action.Use) throws(GatewayError) -> ToolRegistry.Entry {
        while true {
            let found = registry.snapshot.entry(name, organization: use.principal.organization, call: use.call)
            guard let found, found.tool.items != nil else { throw Batches.noSuchTool }
            if found.plugin.calls.begin() { return found }
        }
    }

    /// What a batch that runs waits for, where its account's places are taken.
    func wait(of batch: Batch, _ sums: [RecordState: RollupSum]) async throws(GatewayError) -> BatchWait? {
        try await places.wait(of: batch, sums)
    }

    /// Why nothing of a batch leaves that runs: its organization has stopped it or may make no calls, or whoever made it may
    /// move nothing alone any more; nil where none of it is so.
    func stop(of batch: Batch, _ sums: [RecordState: RollupSum]) async throws(GatewayError) -> String? {
        guard batch.state == .running, sums[.draft] != nil || sums[.released] != nil else { return nil }
        let organization = try await operations.directory.membership(of: batch.organization).organization
        if let refusal = organization.refusal(at: entropy.now()) { return refusal.message }
        let policy = organization.approvals
        if let stop = policy.stop(tool: batch.tool, madeBy: batch.madeBy, batch.caller) {
            return """
                Your organization has stopped this (\(stop.text)). An administrator lets it go on (payments.resume).
                """
        }
        return policy.refusal(tool: batch.tool, madeBy: batch.madeBy, batch.caller, at: entropy.now())?.message
    }

    /// What says which batches wait for a place of their account.
    var places: BatchPlaces { BatchPlaces(batches: batches, entropy: entropy, settings: runner.settings) }

    /// How many of a batch's items stand in each state, and what they sum to.
    package func sums(of batch: Batch) async throws(GatewayError) -> [RecordState: RollupSum] {
        try await batches.sums(of: batch.id, organization: batch.organization)
    }

    /// How many of a batch's items are undecided, though M-Pesa has let the time pass in which it says what became of them.
    ///
    /// All of its items have the same kind, and so the same time.
    func overdue(of batch: Batch, _ sums: [RecordState: RollupSum]) async throws(GatewayError) -> Int64 {
        let states: [RecordState] = [.accepted, .unknown, .reconciling]
        guard states.contains(where: { sums[$0] != nil }) else { return 0 }
        var question = BatchItems(of: batch.id, organization: batch.organization, limit: 1)
        question.states = Set(states)
        guard let item = try await batches.items(question).first else { return 0 }
        let time = item.horizon(rules: runner.settlement.machine(for: item).rules) - item.begunAt
        return try await batches.undecided(
            of: batch.id,
            organization: batch.organization,
            sentBy: entropy.now() + (.zero - time)
        )
    }

    /// The batches that try items of one again, by their ids; the first ones.
    func retrying(_ batch: Batch) async throws(GatewayError) -> [BatchID] {
        guard batch.endedAt != nil || !Batches.stoppable.contains(batch.state) else { return [] }
        let found = try await batches.retries(of: batch.id, organization: batch.organization, between: nil)
        return Array(Set(found.map(\.batch)).sorted { $0.description < $1.description }.prefix(Batches.namedMax))
    }

    /// Which of these items of a batch other batches try again.
    func retries(of items: [Record], in batch: Batch) async throws(GatewayError) -> [RecordID: BatchRetry] {
        let ids = items.map(\.id.description)
        guard let first = ids.min(), let last = ids.max(), !Batches.stoppable.contains(batch.state) else { return [:] }
        let found = try await batches.retries(of: batch.id, organization: batch.organization, between: first...last)
        return Dictionary(found.map { ($0.item, $0) }) { first, _ in first }
    }

    /// How many batches that try again another's items are named with it.
    private static let namedMax = 20

    /// Those of an organization that wait for a person, in whatever environment.
    func waiting(of organization: OrganizationID, limit: Int) async throws(GatewayError) -> [Batch] {
        try await batches.openBatches(of: organization, in: [.draft, .paused], after: nil, limit: limit)
    }

    /// A page of those that somebody sees, newest first, and where the next one goes on.
    package func page(
        before: BatchID?,
        limit: Int,
        _ principal: Principal
    ) async throws(GatewayError) -> (batches: [Batch], next: BatchID?) {
        let found = try await batches.batches(
            of: principal.organization,
            environment: principal.environment,
            before: before,
            limit: limit
        )
        // A page may be short, or empty, where most were made by others.
        return (found.filter { principal.sees($0) }, found.count < limit ? nil : found.last?.id)
    }

    /// Items of a batch, in their order.
    package func items(
        of batch: Batch,
        after: Int,
        status: String?,
        limit: Int
    ) async throws(GatewayError) -> [Record] {
        var question = BatchItems(of: batch.id, organization: batch.organization, limit: limit)
        question.after = after
        question.states = status.map { word in Set(RecordState.allCases.filter { $0.status == word }) }
        return try await batches.items(question)
    }
}
