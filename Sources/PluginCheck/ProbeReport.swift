import Foundation
import Glibc
import PluginLoader
import Synchronization

/// What a probe's process leaves behind: what it found, and what it was trying last, should it not come back from that.
///
/// A file that the process maps and whoever started it reads afterwards, so that nothing is lost with the process.
final class ProbeReport: @unchecked Sendable {
    /// Half for what was found, half for what was being tried.
    private static let halfSize = Int(GATEWAY_PROBE_REPORT_BYTES) / 2
    /// How much of what is being tried is told.
    private static let noteLengthMax = 300

    /// This process's own; nil in every other.
    static let current = Mutex<ProbeReport?>(nil)

    /// Guarded by `lock`, like what it points to.
    private let memory: UnsafeMutableRawPointer
    private let lock = NSLock()

    /// Maps a file that `make` has made; nil where that cannot be done.
    ///
    /// A confined process opens none: it was given its report as it began.
    init?(mapping path: String) {
        let given = gateway_probe_report()
        let descriptor = given >= 0 ? given : Glibc.open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { if given < 0 { close(descriptor) } }
        let size = 2 * ProbeReport.halfSize
        guard let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), memory != MAP_FAILED
        else { return nil }
        self.memory = memory
    }

    /// Makes the file, empty.
    static func make(_ path: String) -> Bool {
        FileManager.default.createFile(atPath: path, contents: Data(count: 2 * halfSize))
    }

    /// Tells what is tried now, in this process.
    static func trying(_ what: @autoclosure () -> String) {
        current.withLock { $0 }?.write(String(what().prefix(noteLengthMax)), at: halfSize)
    }

    /// Leaves what was found.
    func found(_ text: String) { write(text, at: 0) }

    private func write(_ text: String, at offset: Int) {
        let bytes = Array(text.utf8.prefix(ProbeReport.halfSize - 4))
        lock.withLock {
            memory.storeBytes(of: 0, toByteOffset: offset, as: UInt32.self)
            bytes.withUnsafeBytes {
                if let base = $0.baseAddress { (memory + offset + 4).copyMemory(from: base, byteCount: $0.count) }
            }
            memory.storeBytes(of: UInt32(bytes.count), toByteOffset: offset, as: UInt32.self)
        }
    }

    /// What was found, and what was tried last; nil for what was never written.
    static func read(_ path: String) -> (found: String?, trying: String?) {
        guard let data = FileManager.default.contents(atPath: path), data.count == 2 * halfSize else {
            return (nil, nil)
        }
        let bytes = [UInt8](data)
        func text(at offset: Int) -> String? {
            let length = (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
            guard (1...halfSize - 4).contains(length) else { return nil }
            return String(decoding: bytes[(offset + 4)..<(offset + 4 + length)], as: UTF8.self)
        }
        return (text(at: 0), text(at: halfSize))
    }
}
