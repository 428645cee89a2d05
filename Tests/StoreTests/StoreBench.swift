import Cryptography
import Foundation
import GatewayTesting
import Logging
import OrderedJSON
import Testing

@testable import Gateway
@testable import Store

/// Runs a test on both engines, each time with an empty store of its own.
func withStore(_ body: (Store) async throws -> Void) async throws {
    try await withDatabase { url in
        let store = try await Store.open(url, settings: patient)
        try await body(store)
        store.shutdown()
    }
}

/// What claims, records and callbacks are tried on: the meaning that every store has.
typealias EachStore = RecordRepository & DueRepository & CallbackRepository & ClaimRepository & DirectoryRepository
    & PlanRepository & AuditRepository & FeedRepository & RollupRepository & ReportRepository & BatchRepository
    & OnceRepository & WebhookRepository & QuotaRepository

/// Runs a test in memory and on both engines, each time with an empty store of its own.
func withEachStore(_ body: (any EachStore) async throws -> Void) async throws {
    try await body(MemoryStore())
    try await withStore { try await body($0) }
}

/// Settings under which nobody is told that it takes too long, however busy the machine is.
var patient: StoreSettings {
    var settings = StoreSettings()
    settings.waitMax = .seconds(120)
    return settings
}

/// Runs a test on both engines, each time with an empty database of its own.
func withDatabase(_ body: (DatabaseURL) async throws -> Void) async throws {
    try await withFolder { folder in try await body(.sqlite(path: folder + "/test.db")) }
    try await withPostgres { server, name in try await body(.postgres(Secret(server + " dbname=" + name))) }
}

/// Runs a test with a database of its own on the tests' PostgreSQL, given how to reach the server and its name.
func withPostgres(_ body: (_ server: String, _ name: String) async throws -> Void) async throws {
    let server = try #require(
        ProcessInfo.processInfo.environment["GATEWAY_TEST_POSTGRES"],
        "These tests need a PostgreSQL: run them by make test, or under Scripts/with-test-postgres."
    )
    let name = "t_" + UUID().uuidString.lowercased().filter { $0 != "-" }
    try administer(server, "CREATE DATABASE \(name)")
    try await body(server, name)
    try administer(server, "DROP DATABASE \(name) WITH (FORCE)")
}

/// Runs a command on the server, for as long as it takes.
func administer(_ server: String, _ command: String) throws {
    var settings = patient
    settings.connectMax = .seconds(60)
    try PostgresConnection.open(server + " dbname=postgres", settings: settings).command(command)
}

/// A state that nobody looks at.
func makeState() -> StoreState {
    StoreState(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, health: Health())
}

/// Runs a test on SQLite alone, with the file's path.
func withSQLiteStore(_ body: (Store, String) async throws -> Void) async throws {
    try await withFolder { folder in
        let path = folder + "/test.db"
        let store = try await Store.open(.sqlite(path: path))
        try await body(store, path)
        store.shutdown()
    }
}

func withFolder(_ body: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "store-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(folder)
}

let moment = Timestamp(milliseconds: 1_800_000_000_000)
let ours = OrganizationID(Identifier(high: 1, low: 1))
let theirs = OrganizationID(Identifier(high: 1, low: 2))

func newID() -> Identifier { Identifier(at: moment, random: (SecureRandom.word(), SecureRandom.word())) }

func makeRecord(
    _ organization: OrganizationID = ours,
    at now: Timestamp = moment,
    amount: Int64 = 100,
    party: String = "254712345678",
    reversing original: RecordID? = nil
) -> Record {
    var record = Record(
        id: RecordID(Identifier(at: now, random: (SecureRandom.word(), SecureRandom.word()))),
        organization: organization,
        environment: .test,
        recordClass: .transaction,
        plugin: "stk-push",
        operation: "stk_push",
        tool: "mpesa_stk_push",
        direction: original == nil ? .incoming : .reverse,
        madeBy: "key:1",
        intent: Intent(amount: Shillings(amount), party: party, reference: "Ä\"1", original: original),
        about: nil,
        createdAt: now,
        query: QueryPlan(
            operation: "stk_query",
            firstAfter: .seconds(20),
            every: [.seconds(15), .seconds(60)],
            trustFailureAfter: .seconds(90),
            horizon: .seconds(86_400)
        ),
        sendBefore: now + .seconds(60),
        request: RequestTemplate(headers: ["X-A": "b"], body: ["Amount": "100"])
    )
    record.nextActionAt = now + .seconds(60)
    return record
}

/// What settles records of a store at one moment, with no plugin loaded.
func makeSettlement(_ store: any EachStore) -> Settlement {
    let entropy = Entropy(now: { moment }, random: { newID().low })
    return Settlement(
        records: store,
        directory: DirectoryCache(
            directory: store,
            entropy: entropy,
            configuration: ConfigurationWatch(directory: store, entropy: entropy)
        ),
        registry: ToolRegistry(),
        waiters: OutcomeWaiters(),
        entropy: entropy,
        limits: RecordMachine.Rules(),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    )
}

func advanced(_ record: Record, to state: RecordState) -> RecordChange {
    var next = record
    next.state = state
    next.version += 1
    next.externalIDs = ["checkout_request_id": "ws_\(record.id)"]
    if state.isEnded {
        next.nextActionAt = nil
        next.endedAt = moment
    }
    let event = RecordEvent(sequence: next.version, at: moment, source: "reply", from: record.state, to: state)
    return RecordChange(record: next, events: [event])
}

let rule = Guard(key: "phone:1", openMax: 1, window: .seconds(60), code: "conflict", message: "open")

func makeLine(
    _ action: String = "A",
    _ organization: OrganizationID = ours,
    subject: String = "key:1",
    detail: String? = nil
) -> AuditRecord {
    AuditRecord(
        id: newID(),
        organization: organization,
        at: moment,
        call: CallID(newID()),
        subject: subject,
        action: action,
        door: "rest",
        outcome: .success,
        detail: detail
    )
}
