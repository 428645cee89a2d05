import Foundation
import Gateway
import Synchronization

/// SQLite's lease: a lock on the file that the URL names, whatever the data folder; it ends with the process.
///
/// Also sees to it that the file, and what SQLite puts beside it, are for this user's eyes alone: SQLite gives its log
/// the file's own mode.
final class SQLiteLease: StoreLease {
    private let path: String
    private let descriptor = Mutex<Int32?>(nil)

    /// Takes the lock, making the file where it is missing; SQLite must not have it open yet.
    ///
    /// - Throws: `conflict` when another host has the file; `invalidArgument` when others may read it and that cannot
    ///   be changed.
    init(path: String) throws(GatewayError) {
        self.path = path
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
        for file in [path, path + "-wal", path + "-shm"] {
            do throws(GatewayError) { try FileMode.tighten(file, to: 0o600) } catch {
                close(opened)
                throw error
            }
        }
        descriptor.withLock { $0 = opened }
    }

    var timeLeft: Duration? { descriptor.withLock { $0 == nil ? .zero : nil } }

    func take() async throws {}

    func giveBack() {
        descriptor.withLock { opened in
            if let opened { close(opened) }
            opened = nil
        }
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
