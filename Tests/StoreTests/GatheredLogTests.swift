import CSQLite
import Foundation
import Gateway
import Synchronization
import Testing

@testable import Store

/// The system call by which SQLite writes, counted and refused for one folder at a time each.
///
/// Put in its place once for the process; other tests' files pass through.
private final class Writes: Sendable {
    static let all = Writes()

    private let counts = Mutex<[String: (written: Int, isFull: Bool)]>([:])

    private init() {
        let layer = sqlite3_vfs_find(nil)
        for name in ["pwrite", "pwrite64"] {
            let call: @convention(c) (Int32, UnsafeRawPointer?, Int, Int64) -> Int = { file, bytes, count, offset in
                Writes.all.write(file, bytes, count, offset)
            }
            _ = layer?.pointee.xSetSystemCall(layer, name, unsafeBitCast(call, to: sqlite3_syscall_ptr.self))
        }
    }

    /// Watches the log of a database.
    func watch(_ path: String) { counts.withLock { $0[path + "-wal"] = (0, false) } }

    func written(_ path: String) -> Int { counts.withLock { $0[path + "-wal"]?.written ?? 0 } }

    func fill(_ path: String, _ isFull: Bool) { counts.withLock { $0[path + "-wal"]?.isFull = isFull } }

    private func write(_ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ offset: Int64) -> Int {
        let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(file)")
        let isRefused = counts.withLock { counts in
            guard let path, counts[path] != nil else { return false }
            counts[path]?.written += 1
            return counts[path]?.isFull == true
        }
        guard !isRefused else {
            errno = ENOSPC
            return -1
        }
        return pwrite(file, bytes, count, off_t(offset))
    }
}

/// A database of its own with one table, its writer, and a reader through the operating system's plain files.
private func withDatabase(
    cacheKiB: Int = 16_384,
    _ body: (SQLiteConnection, SQLiteConnection, String) throws -> Void
) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "log-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/test.db"
    Writes.all.watch(path)
    var settings = StoreSettings()
    settings.writerCacheKiB = cacheKiB
    settings.checkpointPages = 1_000_000
    let writer = try SQLiteConnection.open(path: path, isReader: false, settings: settings)
    try writer.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, value BLOB NOT NULL)", [])
    try body(writer, SQLiteConnection.open(path: path, isReader: true, settings: settings), path)
}

private func fill(_ writer: SQLiteConnection, _ ids: Range<Int64>) throws {
    for id in ids {
        let value = [UInt8](repeating: UInt8(truncatingIfNeeded: id), count: 3_000)
        try writer.execute("INSERT INTO t VALUES ($1, $2)", [.integer(id), .bytes(value)])
    }
}

private func ids(in session: SQLiteConnection) throws -> [Int64] {
    try session.query("SELECT id, value FROM t ORDER BY id", []) { row in
        let id = row.integer(0) ?? -1
        #expect(row.bytes(1) == [UInt8](repeating: UInt8(truncatingIfNeeded: id), count: 3_000))
        return id
    }
}

private func check(_ session: SQLiteConnection) throws -> [String?] {
    try session.query("PRAGMA integrity_check", []) { $0.text(0) }
}

struct `The gathered log` {
    @Test func `writes a commit of many pages in few calls, before anybody may read it`() throws {
        try withDatabase { writer, reader, path in
            let before = Writes.all.written(path)
            try writer.execute("BEGIN IMMEDIATE", [])
            try fill(writer, 0..<100)
            #expect(try ids(in: reader) == [])
            try writer.execute("COMMIT", [])

            #expect(try ids(in: reader) == Array(0..<100))
            // More than a hundred pages, thirty at a time.
            #expect((1...8).contains(Writes.all.written(path) - before))
        }
    }

    @Test func `gives back pages that left the cache before their commit, changed and unchanged`() throws {
        try withDatabase(cacheKiB: 32) { writer, reader, path in
            try writer.execute("BEGIN IMMEDIATE", [])
            try fill(writer, 0..<300)
            // Pages that are in the log already are read, and written again in their place.
            #expect(try ids(in: writer) == Array(0..<300))
            try writer.execute("DELETE FROM t WHERE id % 3 = 0", [])
            #expect(try ids(in: reader) == [])
            try writer.execute("COMMIT", [])

            let kept = (0..<300).filter { $0 % 3 != 0 }.map(Int64.init)
            #expect(try ids(in: reader) == kept && ids(in: writer) == kept)
            #expect(try check(reader) == ["ok"])
        }
    }

    @Test func `forgets what was undone`() throws {
        try withDatabase(cacheKiB: 32) { writer, reader, _ in
            try writer.execute("BEGIN IMMEDIATE", [])
            try fill(writer, 0..<200)
            try writer.execute("ROLLBACK", [])
            try writer.execute("BEGIN IMMEDIATE", [])
            try fill(writer, 500..<520)
            try writer.execute("COMMIT", [])

            #expect(try ids(in: reader) == Array(500..<520))
            #expect(try check(reader) == ["ok"])
        }
    }

    @Test(arguments: [32, 16_384])
    func `fails the commit that a full disk cannot hold, keeps those before, and goes on once there is room`(
        cacheKiB: Int
    ) throws {
        try withDatabase(cacheKiB: cacheKiB) { writer, reader, path in
            try fill(writer, 0..<3)
            Writes.all.fill(path, true)
            #expect(throws: SQLError.self) {
                try writer.execute("BEGIN IMMEDIATE", [])
                try fill(writer, 10..<90)
                try writer.execute("COMMIT", [])
            }
            _ = try? writer.execute("ROLLBACK", [])
            #expect(try ids(in: reader) == [0, 1, 2])
            Writes.all.fill(path, false)
            try fill(writer, 5..<7)

            #expect(try ids(in: reader) == [0, 1, 2, 5, 6] && ids(in: writer) == [0, 1, 2, 5, 6])
            #expect(try check(reader) == ["ok"])
        }
    }

    @Test func `holds every commit that was answered, and no half of one, whenever the process dies`() throws {
        try withDatabase(cacheKiB: 32) { writer, _, path in
            for round in 0..<20 as Range<Int64> {
                try writer.execute("BEGIN IMMEDIATE", [])
                try fill(writer, round * 20..<round * 20 + 13)
                let midway = try recovered(path)
                #expect(midway.count == Int(round) * 20)
                try fill(writer, round * 20 + 13..<round * 20 + 20)
                try writer.execute("COMMIT", [])
                #expect(try recovered(path) == Array(0..<round * 20 + 20))
            }
        }
    }

    /// What the next process finds if this one dies now: the files as they are, without what is in memory.
    private func recovered(_ path: String) throws -> [Int64] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "died-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for end in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: path + end, toPath: folder + "/test.db" + end)
        }
        let next = try SQLiteConnection.open(path: folder + "/test.db", isReader: true, settings: StoreSettings())
        #expect(try check(next) == ["ok"])
        return try ids(in: next)
    }
}
