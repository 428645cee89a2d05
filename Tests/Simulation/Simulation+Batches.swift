import Gateway
import GatewayTesting
import OrderedJSON

// Batches in the simulation: somebody asks for one again and again, others release, pause, resume and stop it, and hosts
// die in the middle.
extension Simulation {
    /// Somebody of an organization who may decide about its batches.
    static func person(of organization: OrganizationID) -> User {
        User(
            id: UserID(Identifier(high: 3, low: organization.raw.low)),
            organization: organization,
            username: "wanjiku",
            email: "w@x.example",
            passwordHash: "!",
            role: .manager
        )
    }

    private static func principal(of organization: OrganizationID) -> Principal {
        let user = person(of: organization)
        return Principal(
            organization: organization,
            subject: .user(user.id),
            name: user.username,
            role: user.role,
            scopes: nil,
            environment: .test
        )
    }

    /// A list of payments that somebody wants paid, asked for until it is answered.
    func callForBatch(_ number: Int) async {
        await world.wait(0...40_000)
        let key = keys[world.pick(0...1)]
        let payments = (1...world.pick(2...7))
            .map { row -> JSON in
                ["phone": .string("2547220\(1_000 * number + row)"), "amount": .integer(Int64(10 * row))]
            }
        var arguments: JSONObject = ["batch_id": .string("batch-\(number)"), "payments": .array(payments)]
        if world.chance(0.3) {
            arguments["release"] = true
            world.noteReleased("\(key.organization) batch-\(number)")
        }
        for _ in 1...4 {
            let reply = await ask("fake_pay_many", .object(arguments), key)
            if case .success? = reply?.result { return }
            await world.wait(500...12_000)
        }
    }

    /// Those who decide about batches, twice and at the same time as others.
    func releasers() async {
        while !world.isCalm, !Task.isCancelled {
            await world.wait(500...20_000)
            for batch in world.disk.batches where batch.endedAt == nil && world.chance(0.5) {
                world.begin { await self.decide(about: batch) }
                if world.chance(0.2) { world.begin { await self.decide(about: batch) } }
            }
        }
    }

    private func decide(about batch: Batch) async {
        await world.wait(0...2_000)
        guard let host = world.host else { return }
        let (batches, who, id) = (host.gateway.batches, Self.principal(of: batch.organization), "\(batch.id)")
        let name = "\(batch.organization) \(batch.id)"
        do throws(GatewayError) {
            let found: Batch
            switch (batch.state, world.pick(0...9)) {
            case (_, 0): found = try await batches.cancel(id, by: who, because: "No more.")
            case (.draft, _):
                world.noteReleased(name)
                found = try await batches.release(id, by: who)
            case (.paused, _):
                let word = world.batchWatch.noteWord(name, at: world.time.uptime)
                defer { world.batchWatch.noteWordEnded(name, word, at: world.time.uptime) }
                found = try await batches.resume(id, by: who)
            case (_, 1...3): found = try await batches.pause(id, by: who, because: "Wait.")
            default: return
            }
            guard !host.life.isOver else { return }
            world.note("a person: batch \(id) is \(found.state.rawValue)")
        } catch { world.note("a person: batch \(id) is not decided: \(error.code.rawValue)") }
    }

    /// What has not been decided is taken back, and what has left is waited for.
    func endBatches(_ host: SimulatedHost) async {
        for batch in world.disk.batches where [.draft, .running, .paused].contains(batch.state) {
            let who = Self.principal(of: batch.organization)
            _ = try? await host.gateway.batches.cancel("\(batch.id)", by: who, because: "The end.")
        }
        await host.gateway.batchRunner.sendDue()
    }

    /// Every batch comes to an end, no more of it is paid than it says, and each payment once.
    func judgeBatches() {
        let items = Dictionary(grouping: world.disk.records.map(\.record).filter { $0.batch != nil }) { record in
            "\(record.organization) \(record.batch.map { "\($0.batch)" } ?? "")"
        }
        for batch in world.disk.batches {
            let own = items["\(batch.organization) \(batch.id)"] ?? []
            if own.count < batch.items { world.accuse("batch \(batch.id) has \(own.count) of \(batch.items) items") }
            let hasEnded = own.allSatisfy(\.state.isEnded)
            if hasEnded != (batch.endedAt != nil) {
                world.accuse(
                    "batch \(batch.id) is \(batch.state.rawValue), and its items have \(hasEnded ? "" : "not ")ended"
                )
            }
            let paid = own.reduce(Int64(0)) { sum, item in
                let entry = mpesa.entry(item.id)
                return sum + (entry?.amount ?? 0) * Int64(entry?.debits ?? 0)
            }
            for (row, tries) in Dictionary(grouping: own, by: { $0.batch?.row ?? 0 }) {
                let times = tries.reduce(0) { $0 + (mpesa.entry($1.id)?.debits ?? 0) }
                if times > 1 { world.accuse("row \(row) of batch \(batch.id) was paid \(times) times") }
            }
            if paid > batch.total { world.accuse("\(paid) were paid of batch \(batch.id), which was \(batch.total)") }
        }
        let known = Set(world.disk.batches.map { "\($0.organization) \($0.id)" })
        for name in items.keys.sorted() where !known.contains(name) {
            world.accuse("there are items of no batch: \(name)")
        }
    }
}

/// A store's batches, with one thing wrong, or none.
struct WrongBatches: BatchRepository {
    let store: any BatchRepository
    let fault: PlantedFault?

    func commit(_ new: NewBatch) async throws(GatewayError) -> BatchOutcome { try await store.commit(new) }

    func batch(_ id: BatchID, organization: OrganizationID) async throws(GatewayError) -> Batch? {
        try await store.batch(id, organization: organization)
    }

    func batches(
        of organization: OrganizationID,
        environment: Environment,
        before: BatchID?,
        limit: Int
    ) async throws(GatewayError) -> [Batch] {
        try await store.batches(of: organization, environment: environment, before: before, limit: limit)
    }

    func postpone(_ batches: [Batch], until moment: Timestamp) async throws(GatewayError) {
        try await store.postpone(batches, until: moment)
    }

    func openBatches(
        of organization: OrganizationID,
        in states: Set<BatchState>,
        after: BatchID?,
        limit: Int
    ) async throws(GatewayError) -> [Batch] {
        try await store.openBatches(of: organization, in: states, after: after, limit: limit)
    }

    func batch(
        containing content: [UInt8],
        organization: OrganizationID,
        environment: Environment,
        since: Timestamp
    ) async throws(GatewayError) -> BatchID? {
        try await store.batch(
            containing: content,
            organization: organization,
            environment: environment,
            since: since
        )
    }

    func openBatches(at now: Timestamp, limit: Int) async throws(GatewayError) -> [Batch] {
        guard fault == .releasesBatchesUnasked else { return try await store.openBatches(at: now, limit: limit) }
        return try await store.openBatches(at: now + .seconds(90 * 86_400), limit: limit)
            .map { batch in
                var batch = batch
                if batch.state == .draft { batch.state = .running }
                return batch
            }
    }

    func apply(_ change: BatchChange) async throws(GatewayError) -> Bool { try await store.apply(change) }

    func items(_ question: BatchItems) async throws(GatewayError) -> [Record] {
        let found = try await store.items(question)
        // Those in whatever state, after the rows themselves, are asked for where rows are tried again.
        guard fault == .forgetsTries, question.states == nil, question.after > 0 else { return found }
        return found.map { item in
            var item = item
            item.batch = item.batch.map { BatchPlace(batch: $0.batch, sequence: $0.sequence, row: $0.row) }
            return item
        }
    }

    func undecidedItems(
        of account: AccountID,
        sentSince moment: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> [UndecidedItem] {
        try await store.undecidedItems(of: account, sentSince: moment, limit: limit)
    }

    func hasUndecided(_ id: BatchID, organization: OrganizationID) async throws(GatewayError) -> Bool {
        try await store.hasUndecided(id, organization: organization)
    }

    func undecided(
        of id: BatchID,
        organization: OrganizationID,
        sentBy moment: Timestamp
    ) async throws(GatewayError) -> Int64 {
        try await store.undecided(of: id, organization: organization, sentBy: moment)
    }

    func sums(of id: BatchID, organization: OrganizationID) async throws(GatewayError) -> [RecordState: RollupSum] {
        try await store.sums(of: id, organization: organization)
    }

    func recent(_ question: RecentPayments) async throws(GatewayError) -> [RecentPayment] {
        try await store.recent(question)
    }

    func retries(
        of id: BatchID,
        organization: OrganizationID,
        between ids: ClosedRange<String>?
    ) async throws(GatewayError) -> [BatchRetry] {
        try await store.retries(of: id, organization: organization, between: ids)
    }
}
