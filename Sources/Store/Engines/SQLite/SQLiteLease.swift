import Foundation
import Gateway
import Synchronization

/// SQLite's lease: a lock on the file that the URL names, whatever the data folder; it ends with the process.
///
/// Also sees to it that the file, and what SQLite puts beside it, are for this user's eyes alone: SQLite gives its log
/// the file's own mode.
final class SQLiteLease: StoreLease {
    private struct State {
        /// The file that the lock is on; nil once it was given back.
        var opened: Int32?
        /// SQLite's log, as it was first seen; it stays the same for as long as SQLite has the file open.
        var log: FileIdentity?
        /// Whether the file or its log turned out to be another's, or gone: nothing makes that good again.
        var isLost = false
    }

    private let path: String
    /// The path of SQLite's log.
    private let log: String
    /// Which file the lock is on: it stays the same for as long as the descriptor is open.
    private let locked: FileIdentity?
    private let state = Mutex(State())

    /// Takes the lock, making the file where it is missing; SQLite must not have it open yet.
    ///
    /// - Throws: `conflict` when another host has the file; `invalidArgument` when others may read it and that cannot
    ///   be changed.
    init(path: String) throws(GatewayError) {
        self.path = path
        log = path + "-wal"
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard opened >= 0 else {
            throw GatewayError(
                .invalidArgument,
                "The database file \(path) cannot be opened: \(String(cString: strerror(errno)))."
            )
        }
        // A lock of its own kind: it neither meets nor ends the locks by which SQLite's connections know each other.
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let number = errno
            close(opened)
            guard number == EWOULDBLOCK else {
                throw GatewayError(
                    .invalidArgument,
                    "The database file \(path) cannot be locked: \(String(cString: strerror(number))). Use a local disk."
                )
            }
            throw GatewayError(
                .conflict,
                "Another gateway serves the database file \(path). Stop it, or use another file: many hosts on one database are not supported."
            )
        }
        for file in [path, log, path + "-shm"] {
            do throws(GatewayError) { try FileMode.tighten(file, to: 0o600) } catch {
                close(opened)
                throw error
            }
        }
        locked = FileIdentity(opened)
        guard locked?.names == 1 else {
            close(opened)
            throw GatewayError(
                .conflict,
                "The database file \(path) has another name as well (a hard link): what was written under that one would be missed. Remove one of them."
            )
        }
        state.withLock { $0.opened = opened }
    }

    /// Zero once somebody has removed the file or its log, or put another in its place: what is written then is seen by
    /// nobody who opens the file, so a restart would forget what was sent.
    var timeLeft: Duration? {
        state.withLock { state in
            guard state.opened != nil, !state.isLost else { return .zero }
            let log = FileIdentity(at: log)
            if state.log == nil { state.log = log }
            let isThere = FileIdentity(at: path).map { $0 == locked } ?? false
            state.isLost = !isThere || state.log != log
            return state.isLost ? .zero : nil
        }
    }

    func take() async throws {}

    func giveBack() {
        state.withLock { state in
            if let opened = state.opened { close(opened) }
            state.opened = nil
        }
    }
}

/// Which file it is, whatever its name.
struct FileIdentity: Equatable {
    private let device: dev_t
    private let number: ino_t
    /// How many names it has.
    let names: Int

    static func == (left: FileIdentity, right: FileIdentity) -> Bool {
        left.device == right.device && left.number == right.number
    }

    /// The file of a path; nil where there is none.
    init?(at path: String) {
        var facts = stat()
        guard stat(path, &facts) == 0 else { return nil }
        self.init(facts)
    }

    /// The file of a descriptor.
    init?(_ descriptor: Int32) {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { return nil }
        self.init(facts)
    }

    private init(_ facts: stat) {
        (device, number, names) = (facts.st_dev, facts.st_ino, Int(facts.st_nlink))
    }
}

/// Who may read a file.
package enum FileMode {
    /// Takes away what others may do with a file or folder, where it is there.
    ///
    /// - Throws: `invalidArgument`, when others may read it and that cannot be changed.
    package static func tighten(_ path: String, to mode: mode_t) throws(GatewayError) {
        var facts = stat()
        guard stat(path, &facts) == 0, facts.st_mode & 0o077 != 0 else { return }
        guard chmod(path, facts.st_mode & mode) == 0 else {
            throw GatewayError(
                .invalidArgument,
                "Others may read \(path), and that cannot be changed (\(String(cString: strerror(errno)))). Run: chmod go= \(path)"
            )
        }
    }
}
