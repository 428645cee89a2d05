import Foundation
import Gateway
import GatewayTesting
import Store
import Synchronization

/// What outlives every host, and what the judge reads off it past every store.
protocol SimulatedDisk: Sendable {
    /// Every record with its steps, in the order of their beginning.
    var records: [(record: Record, events: [RecordEvent])] { get }
    /// Every batch, in the order of their names.
    var batches: [Batch] { get }
    /// The feed, in its order.
    var feed: [FeedEntry] { get }
    /// What is summed up of it.
    var rollups: [RollupPlace: RollupSum] { get }
    /// How many callbacks nobody has come to an end with.
    var unsettledCallbacks: Int { get }
    /// A record of any organization's.
    func record(_ id: RecordID) -> Record?
    /// The idempotency key that a record was begun under.
    func key(of id: RecordID) -> String?
    /// Notes under which key a record is about to be begun.
    func note(_ key: String?, of id: RecordID)
}

extension MemoryDisk: SimulatedDisk {
    /// It knows by itself.
    func note(_ key: String?, of id: RecordID) {}
}

/// What a simulated host stores in.
typealias SimulatedStore = RecordRepository & DueRepository & CallbackRepository & ClaimRepository & DirectoryRepository
    & PlanRepository & QuotaRepository & KeyUseRepository & AuditRepository & OnceRepository & FeedRepository
    & RollupRepository & ReportRepository & BatchRepository

/// A file of the real SQLite store, in memory where the machine has a file system of that kind: what is tried is what the
/// house writes and reads, not whether a disk keeps it.
///
/// Its transactions run on the thread that asks, which is the simulation's.
final class SQLDisk: SimulatedDisk, @unchecked Sendable {
    let store: Store
    private let folder: String
    /// The judge's own, used by the simulation's thread alone.
    private let judge: SQLiteConnection
    private let keys = Mutex<[RecordID: String]>([:])

    init() throws {
        let memory = "/dev/shm"
        let base =
            FileManager.default.isWritableFile(atPath: memory)
            ? memory : FileManager.default.temporaryDirectory.path
        let folder = base + "/simulation-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        self.folder = folder
        let settings = Self.settings
        store = try Self.waiting { try await Store.open(.sqlite(path: folder + "/gateway.db"), settings: settings) }
        judge = try SQLiteConnection.open(path: folder + "/gateway.db", isReader: true, settings: settings)
    }

    private static var settings: StoreSettings {
        var settings = StoreSettings()
        settings.runsInPlace = true
        settings.readers = 1
        // Whoever waits here waits for a busy machine.
        settings.waitMax = .seconds(300)
        return settings
    }

    func end() {
        judge.close()
        store.shutdown()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Opens it on the threads of other tests, before anything is simulated.
    private static func waiting<Answer: Sendable>(
        _ ask: @escaping @Sendable () async throws -> Answer
    ) throws -> Answer {
        let answer = Mutex<Result<Answer, any Error>?>(nil)
        let isDone = DispatchSemaphore(value: 0)
        Task.detached {
            let found: Result<Answer, any Error>
            do { found = .success(try await ask()) } catch { found = .failure(error) }
            answer.withLock { $0 = found }
            isDone.signal()
        }
        isDone.wait()
        return try answer.withLock { $0 ?? .failure(CancellationError()) }.get()
    }

    private func read<Element>(_ sql: String, _ values: [SQLValue], _ row: (any SQLRow) throws -> Element) -> [Element]
    {
        do { return try judge.query(sql, values, row) } catch {
            preconditionFailure("the judge could not read: \(error)")
        }
    }

    var records: [(record: Record, events: [RecordEvent])] {
        read("SELECT \(RecordCoding.selected) FROM records ORDER BY record_id", [], RecordCoding.record)
            .map { record in (record, steps(of: record.id)) }
    }

    private func steps(of id: RecordID) -> [RecordEvent] {
        read("SELECT events FROM records WHERE record_id = $1", [.text(id.description)]) { row in
            try RecordCoding.events(row.text(0) ?? "", newest: 10_000)
        }
        .flatMap { $0 }
    }

    var batches: [Batch] {
        read("SELECT \(BatchCoding.columns) FROM batches ORDER BY organization_id, batch_id", [], BatchCoding.batch)
    }

    var feed: [FeedEntry] {
        read("SELECT \(Store.feedColumns) FROM feed ORDER BY lane, position", [], Store.feedEntry)
    }

    var rollups: [RollupPlace: RollupSum] {
        Dictionary(read("SELECT \(Store.rollupColumns) FROM rollups", [], Store.rollup)) { first, _ in first }
    }

    var unsettledCallbacks: Int {
        read("SELECT COUNT(*) FROM callbacks WHERE ended IS NULL", []) { Int($0.integer(0) ?? 0) }.first ?? 0
    }

    func record(_ id: RecordID) -> Record? {
        read(
            "SELECT \(RecordCoding.selected) FROM records WHERE record_id = $1",
            [.text(id.description)],
            RecordCoding.record
        )
        .first
    }

    func key(of id: RecordID) -> String? { keys.withLock { $0[id] } }
    func note(_ key: String?, of id: RecordID) { keys.withLock { $0[id] = key } }
}

extension World {
    /// A way to the disk on which nothing goes wrong.
    var plainStore: any SimulatedStore {
        if let memory = disk as? MemoryDisk { return MemoryStore(disk: memory) }
        guard let file = disk as? SQLDisk else { preconditionFailure("a disk of no kind") }
        return file.store
    }
}
