import Foundation
import OrderedJSON
import Synchronization

/// Prompts, payouts and reversals as lines of JSON, the newest of each winning: what memory no longer holds is read here, and
/// a killed simulator still knows who was charged and who was paid.
final class Journal: Sendable {
    /// So much of the file is read at once.
    private static let chunkBytes = 64 << 10

    private let descriptor: Int32
    /// Where the next line begins.
    private let end: Mutex<Int64>

    /// The file cannot be written.
    struct Unwritable: Error, CustomStringConvertible {
        let path: String
        let reason: String

        var description: String { "The simulator's journal \(path) cannot be written: \(reason)." }
    }

    /// Opens the file at a path, or makes it; without a path one that nobody else sees and that ends with the process.
    static func open(_ path: String?) throws(Unwritable) -> Journal {
        let descriptor: Int32
        let place = path ?? FileManager.default.temporaryDirectory.appending(path: "simulator-XXXXXX").path
        if path != nil {
            descriptor = Foundation.open(place, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        } else {
            var template = place.utf8CString
            descriptor = template.withUnsafeMutableBufferPointer { buffer in
                guard let name = buffer.baseAddress else { return -1 }
                let made = mkstemp(name)
                if made >= 0 { unlink(name) }
                return made
            }
        }
        guard descriptor >= 0 else { throw Unwritable(path: place, reason: String(cString: strerror(errno))) }
        return Journal(descriptor)
    }

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var size = Int64(lseek(descriptor, 0, SEEK_END))
        // A line that a kill cut off is nobody's: the next one begins after it.
        var last: UInt8 = 0
        if size > 0, pread(descriptor, &last, 1, off_t(size - 1)) == 1, last != UInt8(ascii: "\n") {
            var newline = UInt8(ascii: "\n")
            if pwrite(descriptor, &newline, 1, off_t(size)) == 1 { size += 1 }
        }
        end = Mutex(max(0, size))
    }

    deinit { close(descriptor) }

    /// Where the next line will be.
    var nextPlace: Int64 { end.withLock { $0 } }

    /// Writes a line, and answers its place; nil where it could not be written.
    func append(_ entry: JSON) -> Int64? {
        let line = entry.bytes + [UInt8(ascii: "\n")]
        return end.withLock { end in
            let written = line.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(end)) }
            guard written == line.count else { return nil }
            defer { end += Int64(written) }
            return end
        }
    }

    /// The document of the line at a place.
    func entry(at place: Int64) -> JSON? {
        var found: JSON?
        lines(from: place, chunk: 2048) { line, _ in
            found = try? JSON(parsing: Array(line))
            return false
        }
        return found
    }

    /// Hands over every line from a place on, with its own place, for as long as `use` says true.
    func lines(from start: Int64, chunk: Int = chunkBytes, _ use: (ArraySlice<UInt8>, Int64) -> Bool) {
        let end = nextPlace
        var (at, place) = (start, start)
        var bytes: [UInt8] = []
        while at < end {
            let read = read(min(chunk, Int(end - at)), at: at)
            guard !read.isEmpty else { return }
            at += Int64(read.count)
            bytes += read
            var rest = bytes[...]
            while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
                guard use(rest[..<newline], place) else { return }
                place += Int64(newline - rest.startIndex + 1)
                rest = rest[(newline + 1)...]
            }
            bytes = Array(rest)
        }
    }

    private func read(_ count: Int, at place: Int64) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = max(0, pread(descriptor, buffer.baseAddress, count, off_t(place)))
        }
    }
}
