import Foundation
import Gateway
import Glibc

/// A file that somebody named: where it cannot be read or written, the system's reason is told, and not what it should hold.
enum NamedFile {
    /// All that a file holds.
    ///
    /// - Parameters:
    ///   - file: Its path.
    ///   - what: What it is to whoever named it, as a sentence begins.
    ///   - advice: What to do where there is none, as a sentence.
    /// - Throws: `notConfigured` where it cannot be read.
    static func read(
        _ file: String,
        as what: String = "The file",
        advice: String? = nil
    ) throws(GatewayError) -> [UInt8] {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let number = errno
            throw failure(what, file, "read", String(cString: strerror(number)), number == ENOENT ? advice : nil)
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT != S_IFDIR else {
            throw failure(what, file, "read", "it is a folder", nil)
        }
        do { return Array(try handle.readToEnd() ?? Data()) } catch {
            throw failure(what, file, "read", error.localizedDescription, nil)
        }
    }

    /// The text in a file without any white space, as keys and tokens are written.
    static func word(_ file: String, as what: String, advice: String) throws(GatewayError) -> String {
        String(decoding: try read(file, as: what, advice: advice), as: UTF8.self).filter { !$0.isWhitespace }
    }

    /// Writes a file that only its owner may read, whole or not at all, and on the disk when this returns.
    ///
    /// - Throws: `unavailable`.
    static func write(_ bytes: [UInt8], to file: String) throws(GatewayError) {
        let draft = file + ".new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        var isKept = descriptor >= 0
        if isKept {
            errno = 0
            isKept = pwrite(descriptor, bytes, bytes.count, 0) == bytes.count && fsync(descriptor) == 0
            let number = errno
            close(descriptor)
            errno = number
        }
        guard isKept, rename(draft, file) == 0 else {
            // A write that was cut short says nothing of itself: the disk has no more room.
            let number = errno == 0 ? ENOSPC : errno
            unlink(draft)
            throw failure("The file", file, "written", String(cString: strerror(number)), nil, .unavailable)
        }
        let folder = open(URL(filePath: file).deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    /// Adds to the end of a file that only its owner may read, and returns once it is on the disk.
    ///
    /// A line that an earlier writing left unfinished is ended first.
    ///
    /// - Throws: `unavailable`.
    static func append(_ bytes: [UInt8], to file: String) throws(GatewayError) {
        let descriptor = open(file, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw failure("The file", file, "written", String(cString: strerror(errno)), nil, .unavailable)
        }
        defer { close(descriptor) }
        var (facts, last) = (stat(), UInt8(ascii: "\n"))
        errno = 0
        guard fstat(descriptor, &facts) == 0,
            facts.st_size == 0 || pread(descriptor, &last, 1, facts.st_size - 1) == 1
        else { throw failure("The file", file, "written", String(cString: strerror(errno)), nil, .unavailable) }
        let whole = last == UInt8(ascii: "\n") ? bytes : [UInt8(ascii: "\n")] + bytes
        guard Glibc.write(descriptor, whole, whole.count) == whole.count, fsync(descriptor) == 0 else {
            // A write that was cut short says nothing of itself: the disk has no more room.
            let number = errno == 0 ? ENOSPC : errno
            throw failure("The file", file, "written", String(cString: strerror(number)), nil, .unavailable)
        }
    }

    private static func failure(
        _ what: String,
        _ file: String,
        _ verb: String,
        _ reason: String,
        _ advice: String?,
        _ code: GatewayError.Code = .notConfigured
    ) -> GatewayError {
        GatewayError(code, "\(what) \(file) cannot be \(verb): \(reason)." + (advice.map { " " + $0 } ?? ""))
    }
}
