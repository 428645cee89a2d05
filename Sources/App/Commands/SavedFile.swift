import Foundation
import Gateway
import Synchronization

/// A file that an answer is saved as while it comes: none of it waits in memory.
///
/// By name it is written beside its place and moved there once it is whole, so that what was cut off is never taken for
/// the file.
final class SavedFile: Sendable {
    private let path: String?
    private let handle: FileHandle
    private let written = Mutex(0)

    /// Opens it; nil for standard output, which must not be a terminal: what comes is for none.
    init(_ path: String?) throws(GatewayError) {
        self.path = path
        guard let path else {
            guard isatty(STDOUT_FILENO) == 0 else {
                throw GatewayError(.invalidArgument, "It answers a file: say --output FILE, or send it on by > or |.")
            }
            handle = .standardOutput
            return
        }
        let descriptor = open(path + ".part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw GatewayError(
                .unavailable,
                "The file \(path).part could not be written: \(String(cString: strerror(errno)))."
            )
        }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Writes a piece; whoever looks on is told how much there is.
    func take(_ piece: [UInt8]) throws {
        try handle.write(contentsOf: Data(piece))
        let megabytes = written.withLock { written in
            let before = written >> 20
            written += piece.count
            return written >> 20 > before ? written >> 20 : nil
        }
        guard let megabytes, path != nil, isatty(STDERR_FILENO) == 1 else { return }
        FileHandle.standardError.write(Data("\r\(megabytes) MB".utf8))
    }

    /// Puts the whole file in its place.
    func finish() throws(GatewayError) {
        guard let path else { return }
        guard fsync(handle.fileDescriptor) == 0, rename(path + ".part", path) == 0 else {
            throw GatewayError(
                .unavailable,
                "The file \(path) could not be written: \(String(cString: strerror(errno)))."
            )
        }
        tell("\(path): \(written.withLock { $0 }) bytes")
    }

    /// Takes what is not whole away.
    func giveUp() {
        guard let path else { return }
        unlink(path + ".part")
    }
}
