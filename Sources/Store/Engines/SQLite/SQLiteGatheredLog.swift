import CSQLite
import Foundation

/// A layer of SQLite's files that writes its log (the WAL) in few calls.
///
/// SQLite writes a page to the log by two system calls, 24 bytes and 4,096; a commit of a few payments has a hundred
/// such pieces, and one follows the other in the file. Here they are gathered in memory and written together, at the
/// latest when the log is made durable.
///
/// Why that is safe: with `synchronous = FULL`, SQLite makes the log durable (`xSync`) before it shows a commit to any
/// reader and before it answers. So nobody but this connection, through this file, can want a gathered byte earlier;
/// and whatever is asked of this file is asked after the gathered bytes have been written. Bytes that could not be
/// written stay gathered: a later call tries again and fails again, and so the commit that needs them cannot succeed.
/// What a crash takes with it was not answered.
///
/// Only the log of a connection that names this layer is treated so; every other file is the operating system's own.
enum SQLiteGatheredLog {
    /// The layer's name, to be given to `sqlite3_open_v2`; nil when SQLite has no files to stand on.
    static let name: String? = register()

    /// How many bytes are gathered at most: 30 pages.
    ///
    /// SQLite's own files take at most 131,071 at once.
    fileprivate static let bytesMax = 30 * (4_096 + 24)

    private static func register() -> String? {
        guard let system = sqlite3_vfs_find(nil) else { return nil }
        let name = "gateway-gathered-log"
        // Both live as long as the process. What is copied never looks at the layer that it is called through, except
        // for opening, which is given the operating system's.
        let layer = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        layer.initialize(to: system.pointee)
        layer.pointee.pNext = nil
        layer.pointee.zName = UnsafePointer(strdup(name))
        layer.pointee.pAppData = UnsafeMutableRawPointer(system)
        layer.pointee.szOsFile += Int32(GatheredFile.headerSize)
        layer.pointee.xOpen = { layer, path, file, flags, outFlags in
            guard let file, let system = layer?.pointee.pAppData?.assumingMemoryBound(to: sqlite3_vfs.self) else {
                return SQLITE_CANTOPEN
            }
            guard flags & SQLITE_OPEN_WAL != 0 else { return system.pointee.xOpen(system, path, file, flags, outFlags) }
            return GatheredFile.open(file) { system.pointee.xOpen(system, path, $0, flags, outFlags) }
        }
        return sqlite3_vfs_register(layer, 0) == SQLITE_OK ? name : nil
    }
}

/// The log as SQLite holds it: what is gathered, followed in memory by the operating system's file.
private struct GatheredFile {
    /// SQLite's own part, which must stand first.
    var methods: UnsafePointer<sqlite3_io_methods>?
    /// Room for `bytesMax`, once something is written.
    var bytes: UnsafeMutableRawPointer?
    /// Where in the file the first gathered byte belongs.
    var start: Int64
    /// How many bytes are gathered.
    var count: Int
    /// How many may be; 0 where each write is passed on.
    var countMax: Int

    /// Where the operating system's file begins: aligned as memory from malloc.
    static let headerSize = (MemoryLayout<GatheredFile>.size + 15) / 16 * 16

    typealias File = UnsafeMutablePointer<sqlite3_file>

    static func open(_ file: File, _ openSystem: (File) -> Int32) -> Int32 {
        let code = openSystem(system(file))
        // SQLite closes what has methods, whatever `open` answered.
        let below = system(file).pointee.pMethods
        // Where writing a byte can harm its neighbours, SQLite fills the log's last sector after the commit's `xSync`.
        let traits = below?.pointee.xDeviceCharacteristics(system(file)) ?? 0
        let gathered = GatheredFile(
            methods: below == nil ? nil : methods,
            bytes: nil,
            start: 0,
            count: 0,
            countMax: traits & SQLITE_IOCAP_POWERSAFE_OVERWRITE != 0 ? SQLiteGatheredLog.bytesMax : 0
        )
        UnsafeMutableRawPointer(file).bindMemory(to: GatheredFile.self, capacity: 1).initialize(to: gathered)
        return code
    }

    static func system(_ file: File) -> File {
        UnsafeMutableRawPointer(file).advanced(by: headerSize).assumingMemoryBound(to: sqlite3_file.self)
    }

    private static func gathered(_ file: File) -> UnsafeMutablePointer<GatheredFile> {
        UnsafeMutableRawPointer(file).assumingMemoryBound(to: GatheredFile.self)
    }

    /// Writes what is gathered; what could not be written stays.
    private static func flush(_ file: File) -> Int32 {
        let this = gathered(file)
        guard this.pointee.count > 0 else { return SQLITE_OK }
        let below = system(file)
        let code = below.pointee.pMethods.pointee
            .xWrite(below, this.pointee.bytes, Int32(this.pointee.count), this.pointee.start)
        if code == SQLITE_OK { this.pointee.count = 0 }
        return code
    }

    /// Passes a call on, after what is gathered has been written.
    private static func pass(
        _ file: File?,
        _ call: (File, sqlite3_io_methods) -> Int32
    ) -> Int32 {
        guard let file else { return SQLITE_MISUSE }
        let code = flush(file)
        guard code == SQLITE_OK else { return code }
        let below = system(file)
        return call(below, below.pointee.pMethods.pointee)
    }

    private static func write(_ file: File?, _ source: UnsafeRawPointer?, _ size: Int32, _ offset: Int64) -> Int32 {
        guard let file, let source else { return SQLITE_MISUSE }
        let size = Int(size)
        let this = gathered(file)
        let follows = this.pointee.count > 0 && offset == this.pointee.start + Int64(this.pointee.count)
        let countMax = this.pointee.countMax
        let fits = this.pointee.count + size <= countMax
        if !(follows && fits) {
            let code = flush(file)
            guard code == SQLITE_OK else { return code }
            let below = system(file)
            guard size <= countMax else {
                return below.pointee.pMethods.pointee.xWrite(below, source, Int32(size), offset)
            }
            this.pointee.start = offset
        }
        let bytes = this.pointee.bytes ?? .allocate(byteCount: countMax, alignment: 16)
        this.pointee.bytes = bytes
        bytes.advanced(by: this.pointee.count).copyMemory(from: source, byteCount: size)
        this.pointee.count += size
        return SQLITE_OK
    }

    private static func close(_ file: File?) -> Int32 {
        guard let file else { return SQLITE_MISUSE }
        let flushed = flush(file)
        gathered(file).pointee.bytes?.deallocate()
        gathered(file).pointee.bytes = nil
        gathered(file).pointee.count = 0
        let below = system(file)
        let closed = below.pointee.pMethods.pointee.xClose(below)
        return closed == SQLITE_OK ? flushed : closed
    }

    /// What SQLite calls, for as long as the process lives.
    ///
    /// Version 1: a log has no shared memory and is not mapped.
    nonisolated(unsafe) private static let methods: UnsafePointer<sqlite3_io_methods> = {
        var methods = sqlite3_io_methods()
        methods.iVersion = 1
        methods.xClose = { close($0) }
        methods.xRead = { file, target, size, offset in pass(file) { $1.xRead($0, target, size, offset) } }
        methods.xWrite = { write($0, $1, $2, $3) }
        methods.xTruncate = { file, size in pass(file) { $1.xTruncate($0, size) } }
        methods.xSync = { file, flags in pass(file) { $1.xSync($0, flags) } }
        methods.xFileSize = { file, size in pass(file) { $1.xFileSize($0, size) } }
        methods.xLock = { file, level in pass(file) { $1.xLock($0, level) } }
        methods.xUnlock = { file, level in pass(file) { $1.xUnlock($0, level) } }
        methods.xCheckReservedLock = { file, isHeld in pass(file) { $1.xCheckReservedLock($0, isHeld) } }
        methods.xFileControl = { file, what, argument in pass(file) { $1.xFileControl($0, what, argument) } }
        // These two answer a number, not whether it went well, and nothing of the file's content.
        methods.xSectorSize = { file in
            guard let below = file.map(system) else { return 0 }
            return below.pointee.pMethods.pointee.xSectorSize(below)
        }
        methods.xDeviceCharacteristics = { file in
            guard let below = file.map(system) else { return 0 }
            return below.pointee.pMethods.pointee.xDeviceCharacteristics(below)
        }
        let kept = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        kept.initialize(to: methods)
        return UnsafePointer(kept)
    }()
}
