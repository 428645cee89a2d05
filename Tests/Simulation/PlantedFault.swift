import Gateway
import GatewayTesting
import OrderedJSON

/// A part of a simulation that is wrong on purpose, to see whether the simulation finds it.
///
/// None is in the house itself.
package enum PlantedFault: String, CaseIterable, Sendable {
    /// A store that does not know an idempotency key any more.
    case forgetsKeys
    /// A client that sends again what it does not know.
    case sendsAgainUnasked
    /// A plugin that takes an open payment for a paid one.
    case readsPendingAsPaid
    /// A client that lets a request leave after its time.
    case sendsTooLate
    /// A store whose guards hold nobody.
    case forgetsGuards
    /// A store that takes what is held for released.
    case releasesUnasked
    /// A store that keeps whoever has approved twice.
    case countsApproversTwice
    /// A store that counts nothing against limits.
    case forgetsLimits
    /// A store that takes a batch that waits for one that runs.
    case releasesBatchesUnasked
    /// A store that writes a change whatever the version.
    case ignoresVersions
    /// A plugin that does not see that another amount is stated.
    case ignoresAmounts
    /// A restart that sends what was being sent.
    case sendsAfterRestart
    /// A journal that forgets what was not sent.
    case losesWhatWasNotSent
    /// A store that shows an organization another's records.
    case showsOthersRecords
    /// A plugin that takes "reversed already" for its own reversal.
    case readsReversedAsGivenBack
    /// A store that does not stop a batch by what became of one of its items.
    case forgetsHalts
    /// A plugin that takes an open payout for one that failed for lack of money.
    case readsPendingAsPoor
    /// A store that does not know which rows of a batch were tried again.
    case forgetsTries

    /// What the judge says of it.
    package var accusation: String {
        switch self {
        case .forgetsKeys: "debits under the key"
        case .sendsAgainUnasked, .sendsAfterRestart: "was sent again"
        case .readsPendingAsPaid, .ignoresAmounts, .readsReversedAsGivenBack: "and was not paid"
        case .sendsTooLate: "left after its time"
        case .forgetsGuards: "whose guard held"
        case .releasesUnasked, .releasesBatchesUnasked: "nobody had released it"
        case .countsApproversTwice: "too few had approved it"
        case .forgetsLimits: "past its limit"
        case .ignoresVersions: "do not lead to"
        case .losesWhatWasNotSent: "which was known"
        case .showsOthersRecords: "was shown to another organization"
        case .forgetsHalts: "though its batch had to stop"
        case .readsPendingAsPoor: "left to pay again"
        case .forgetsTries: "was paid 2 times"
        }
    }
}

/// A store's records, with one thing wrong, or none; it notes under which key each is begun.
struct WrongRecords: RecordRepository, DueRepository {
    enum Fault: Sendable {
        case forgetsKeys, forgetsGuards, releasesUnasked, releasesBatchesUnasked, ignoresVersions, showsOthersRecords
        case countsApproversTwice, forgetsLimits, forgetsHalts

        init?(_ fault: PlantedFault) {
            switch fault {
            case .forgetsKeys: self = .forgetsKeys
            case .forgetsGuards: self = .forgetsGuards
            case .releasesUnasked: self = .releasesUnasked
            case .releasesBatchesUnasked: self = .releasesBatchesUnasked
            case .ignoresVersions: self = .ignoresVersions
            case .countsApproversTwice: self = .countsApproversTwice
            case .forgetsLimits: self = .forgetsLimits
            case .showsOthersRecords: self = .showsOthersRecords
            case .forgetsHalts: self = .forgetsHalts
            default: return nil
            }
        }
    }

    private let store: any RecordRepository & DueRepository
    private let world: World
    private let fault: Fault?
    private var disk: any SimulatedDisk { world.disk }

    init(_ store: any RecordRepository & DueRepository, _ world: World, _ fault: Fault?) {
        self.store = store
        self.world = world
        self.fault = fault
    }

    func commit(_ new: NewRecord) async throws(GatewayError) -> CommitOutcome {
        if fault == .forgetsKeys { (disk as? MemoryDisk)?.forgetKeys() }
        disk.note(new.idempotency?.key, of: new.record.id)
        return try await store.commit(
            NewRecord(
                record: new.record,
                events: new.events,
                idempotency: new.idempotency,
                guards: fault == .forgetsGuards || fault == .forgetsKeys ? [] : new.guards,
                unique: new.unique,
                quota: new.quota,
                limits: fault == .forgetsLimits ? [] : new.limits,
                audit: new.audit,
                change: new.change,
                told: new.told
            )
        )
    }

    func apply(_ changes: [RecordChange]) async throws(GatewayError) -> ApplyOutcome {
        let began = world.time.uptime
        let outcome = try await store.apply(changes.map { wrong($0) })
        if outcome == .applied { world.watch(changes, askedFor: began) }
        guard fault == .ignoresVersions, case .conflict = outcome else { return outcome }
        return try await store.apply(changes.map { forced($0) })
    }

    /// The same change, as a wrong store writes it.
    private func wrong(_ change: RecordChange) -> RecordChange {
        var (record, claims) = (change.record, change.claims)
        switch fault {
        case .countsApproversTwice where record.state == .draft:
            let who = record.hold?.approvers ?? []
            record.hold?.approvers = Array(Set(who)).sorted().flatMap { [$0, $0] }
        case .forgetsLimits:
            claims = claims.map { LateClaims(guards: $0.guards, unique: $0.unique, at: $0.at) }
        case .releasesBatchesUnasked, .forgetsHalts: break
        default: return change
        }
        return RecordChange(
            record: record,
            events: change.events,
            newIDs: change.newIDs,
            audit: change.audit,
            usage: change.usage,
            settledCallback: change.settledCallback,
            receipt: change.receipt,
            leftReceipt: change.leftReceipt,
            hold: change.hold,
            unread: change.unread,
            uncounted: change.uncounted,
            charges: change.charges,
            told: change.told,
            claims: claims,
            balances: change.balances,
            whileRunning: fault == .releasesBatchesUnasked ? nil : change.whileRunning,
            halt: fault == .forgetsHalts ? nil : change.halt
        )
    }

    /// The same change, as if it had been made from whatever stands there.
    private func forced(_ change: RecordChange) -> RecordChange {
        var record = change.record
        record.version = (disk.record(record.id)?.version ?? 0) + 1
        return RecordChange(
            record: record,
            events: change.events,
            audit: change.audit,
            settledCallback: change.settledCallback
        )
    }

    func record(
        _ id: RecordID,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Record? {
        guard fault == .showsOthersRecords, let any = disk.record(id) else {
            return try await store.record(id, organization: organization, environment: environment)
        }
        return any
    }

    func record(
        receipt: String,
        accounts: [String],
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Record? {
        try await store.record(
            receipt: receipt,
            accounts: accounts,
            organization: organization,
            environment: environment
        )
    }

    func record(
        externalID: String,
        namespace: String,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Record? {
        if fault == .showsOthersRecords {
            return disk.records.first { $0.record.externalIDs[namespace] == externalID }?.record
        }
        return try await store.record(
            externalID: externalID,
            namespace: namespace,
            organization: organization,
            environment: environment
        )
    }

    func recordAndEvents(
        named id: String,
        namespace: String,
        organization: OrganizationID,
        environment: Environment,
        limit: Int
    ) async throws(GatewayError) -> (record: Record, events: [RecordEvent])? {
        if fault == .showsOthersRecords,
            let others = disk.records.first(where: { $0.record.externalIDs[namespace] == id })
        {
            return (others.record, others.events)
        }
        return try await store.recordAndEvents(
            named: id,
            namespace: namespace,
            organization: organization,
            environment: environment,
            limit: limit
        )
    }

    func events(of id: RecordID, organization: OrganizationID, limit: Int) async throws(GatewayError) -> [RecordEvent] {
        try await store.events(of: id, organization: organization, limit: limit)
    }

    func records(
        matching filter: RecordFilter,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> [Record] {
        try await store.records(matching: filter, organization: organization, environment: environment)
    }

    func idempotencyEntry(
        _ key: String,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> IdempotencyEntry? {
        try await store.idempotencyEntry(key, organization: organization, environment: environment)
    }

    func drafts(
        of organization: OrganizationID,
        in environments: [Environment],
        madeBy maker: String?,
        before: RecordID?,
        limit: Int
    ) async throws(GatewayError) -> [Record] {
        try await store.drafts(of: organization, in: environments, madeBy: maker, before: before, limit: limit)
    }

    func moved(at place: LimitPlace) async throws(GatewayError) -> (calls: Int64, amount: Int64) {
        try await store.moved(at: place)
    }

    func laterTwins(of record: Record, limit: Int) async throws(GatewayError) -> [Record] {
        try await store.laterTwins(of: record, limit: limit)
    }

    func openRecordsByPlugin() async throws(GatewayError) -> [String: Int] { try await store.openRecordsByPlugin() }

    func records(in state: RecordState, limit: Int) async throws(GatewayError) -> [Record] {
        try await store.records(in: state, limit: limit)
    }

    func due(
        at now: Timestamp,
        limit: Int,
        except accounts: Set<AccountID>
    ) async throws(GatewayError) -> [Record] { try await store.due(at: now, limit: limit, except: accounts) }

    func organizationsHolding(
        after organization: OrganizationID?,
        limit: Int
    ) async throws(GatewayError) -> [OrganizationID] {
        try await store.organizationsHolding(after: organization, limit: limit)
    }

    func dueHeld(
        at now: Timestamp,
        limit: Int,
        except accounts: Set<AccountID>
    ) async throws(GatewayError) -> [Record] {
        let due = try await store.dueHeld(at: now, limit: limit, except: accounts)
        guard fault == .releasesUnasked else { return due }
        return disk.records.map(\.record).filter { $0.state == .draft }
            .map { draft in
                var released = draft
                released.state = .released
                return released
            }
    }

    func keep(moment: Timestamp) async throws(GatewayError) { try await store.keep(moment: moment) }
    func newestMoment() async throws(GatewayError) -> Timestamp? { try await store.newestMoment() }

    func bringForward(by duration: Duration, after moment: Timestamp) async throws(GatewayError) {
        try await store.bringForward(by: duration, after: moment)
    }

    func bringEndedForward(
        after place: RecordPlace?,
        now: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> RecordPlace? {
        try await store.bringEndedForward(after: place, now: now, limit: limit)
    }

    func postpone(_ record: Record, until moment: Timestamp) async throws(GatewayError) {
        try await store.postpone(record, until: moment)
    }
}

/// The fake plugin, reading one thing wrong.
package enum WrongPlugin {
    package static func make(_ fault: PlantedFault?) throws -> LoadedPlugin {
        let resend: JSONObject = ["resend": ["limit": 1, "grace_ms": 5_000]]
        var pay = resend
        (pay["pause_codes"], pay["break_codes"]) = ([.string(BatchWatch.poor)], [.string(BatchWatch.locked)])
        return try FakePlugin.make(collect: resend, pay: pay) { functions in
            let misreads: [PlantedFault?] = [
                .readsPendingAsPaid, .readsPendingAsPoor, .ignoresAmounts, .readsReversedAsGivenBack,
            ]
            guard fault != nil, misreads.contains(fault) else { return functions }
            return LoadedPlugin.OperationFunctions(
                prepare: functions.prepare,
                interpret: { index, input, raw throws(LoadedPlugin.Failure) in
                    try await functions.interpret(index, input, misread(raw, fault))
                },
                query: functions.query,
                render: functions.render
            )
        }
    }

    private static func misread(_ raw: [UInt8], _ fault: PlantedFault?) -> [UInt8] {
        guard let said = try? JSON(parsing: raw), var members = said.objectValue else { return raw }
        if fault == .ignoresAmounts { members["amount"] = nil }
        if fault == .readsPendingAsPaid, said["verdict"] == "pending" {
            members["verdict"] = "succeeded"
            members["receipt"] = .string("P" + String(raw.count))
        }
        if fault == .readsPendingAsPoor, said["verdict"] == "pending" {
            (members["verdict"], members["code"]) = ("failed", .string(BatchWatch.poor))
        }
        if fault == .readsReversedAsGivenBack, said["verdict"] == "duplicate" {
            members["verdict"] = "succeeded"
            members["receipt"] = "Q1"
        }
        return JSON.object(members).bytes
    }
}
