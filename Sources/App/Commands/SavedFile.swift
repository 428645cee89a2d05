import Foundation
import Gateway
import Synchronization

/// A file that an answer is saved as while it comes: none of it waits in memory.
///
/// By name it is written beside its place and moved there once it is whole, so that what was cut off is never taken for
/// the file. What is written beside it is always made anew: in a folder that others write to, a name that is there already
/// may lead into a file of ours that nobody meant.
final class SavedFile: Sendable {
    private let path: String?
    private let handle: FileHandle
    private let written = Mutex(0)
    private let show: @Sendable (String) -> Void

    /// Opens it; nil for standard output, which must not be a terminal: what comes is for none.
    ///
    /// - Parameter show: Shows whoever looks on how much has come.
    init(
        _ path: String?,
        show: @escaping @Sendable (String) -> Void = SavedFile.atTerminal
    ) throws(GatewayError) {
        self.path = path
        self.show = show
        guard let path else {
            guard isatty(STDOUT_FILENO) == 0 else {
                throw GatewayError(.invalidArgument, "It answers a file: say --output FILE, or send it on by > or |.")
            }
            handle = .standardOutput
            return
        }
        handle = FileHandle(fileDescriptor: try SavedFile.part(path + ".part"), closeOnDealloc: true)
    }

    /// A new file of this name, locked for as long as it is open, so that it is known from what a run that is over left.
    private static func part(_ path: String) throws(GatewayError) -> Int32 {
        var descriptor = make(path)
        if descriptor < 0, errno == EEXIST {
            try clear(path)
            descriptor = make(path)
        }
        guard descriptor >= 0 else {
            throw GatewayError(
                .unavailable,
                "The file \(path) could not be written: \(String(cString: strerror(errno)))."
            )
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw taken(path)
        }
        return descriptor
    }

    private static func make(_ path: String) -> Int32 {
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    }

    /// Takes away what an earlier run left, which nobody writes to any more; nothing of it is followed or changed.
    private static func clear(_ path: String) throws(GatewayError) {
        let left = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        var about = stat()
        guard left >= 0, fstat(left, &about) == 0, about.st_mode & S_IFMT == S_IFREG, about.st_uid == geteuid() else {
            if left >= 0 { close(left) }
            throw GatewayError(
                .unavailable,
                "\(path) is there already and is no file of yours. Take it away, or save to another place."
            )
        }
        defer { close(left) }
        guard flock(left, LOCK_EX | LOCK_NB) == 0 else { throw taken(path) }
        unlink(path)
    }

    private static func taken(_ path: String) -> GatewayError {
        GatewayError(.conflict, "\(path) is being written by another run. Wait for it, or save to another place.")
    }

    /// Writes a piece; whoever looks on is told how much there is.
    func take(_ piece: [UInt8]) throws {
        try handle.write(contentsOf: Data(piece))
        let megabytes = written.withLock { written in
            let before = written >> 20
            written += piece.count
            return written >> 20 > before ? written >> 20 : nil
        }
        guard let megabytes, path != nil else { return }
        show("\r\(megabytes) MB")
    }

    private static let atTerminal: @Sendable (String) -> Void = { words in
        guard isatty(STDERR_FILENO) == 1 else { return }
        FileHandle.standardError.write(Data(words.utf8))
    }

    /// Puts the whole file in its place.
    func finish() throws(GatewayError) {
        guard let path else { return }
        guard fsync(handle.fileDescriptor) == 0, rename(path + ".part", path) == 0 else {
            throw GatewayError(
                .unavailable,
                "The file \(path) could not be written: \(String(cString: strerror(errno))). All of it is in \(path).part."
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
