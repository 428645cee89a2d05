import Foundation
import Glibc
import PluginLoader

/// Which workers a host has started and not yet seen the end of, in its data folder: what a host that was killed left
/// behind is ended by the next one.
///
/// A file for each, so that one is noted and crossed out by a single call. A process is known by its number and the
/// moment it began, in this start of the machine and this namespace of numbers: no other is ever ended.
struct WorkerLedger: Sendable {
    private let folder: String
    /// What numbers of processes mean here and now; nil where it cannot be told, and nothing is kept.
    private let scope: String?
    /// How many files are looked at: far more than a host starts workers.
    private let filesMax = 100_000

    init(stateFolder: String) {
        folder = stateFolder + "/workers"
        let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        let space = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
        if let boot, let space {
            scope = boot.trimmingCharacters(in: .whitespacesAndNewlines) + " " + space
        } else {
            scope = nil
        }
    }

    /// Remembers a worker of this host.
    func note(_ process: pid_t) {
        guard let scope else { return }
        let text = "\(scope) \(name(getpid())) \(name(process))\n"
        try? FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        // On a full disk nothing is kept, and nothing is lost but this second way: the kernel ends workers with their host.
        _ = FileManager.default.createFile(
            atPath: path(process),
            contents: Data(text.utf8),
            attributes: [.posixPermissions: 0o600]
        )
    }

    /// Forgets a worker that has been waited for.
    func forget(_ process: pid_t) { unlink(path(process)) }

    /// Ends the workers whose hosts have gone; answers how many there were.
    ///
    /// Those of another host on the same folder that is alive are left alone.
    func endLeftovers() -> Int {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.prefix(filesMax).count { endLeftover(folder + "/" + $0) }
    }

    private func endLeftover(_ file: String) -> Bool {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return false }
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 6, let scope, scope == words[0] + " " + words[1] else {
            // Of another start of the machine, or not ours to read: those processes have gone with it.
            unlink(file)
            return false
        }
        let numbers = words[2...].compactMap { UInt64($0) }
        guard numbers.count == 4, let host = pid_t(exactly: numbers[0]), let worker = pid_t(exactly: numbers[2]) else {
            unlink(file)
            return false
        }
        guard gateway_process_began(host) != numbers[1] else { return false }
        unlink(file)
        return gateway_process_end(worker, numbers[3]) == 1
    }

    private func path(_ process: pid_t) -> String { "\(folder)/\(getpid())-\(process)" }

    private func name(_ process: pid_t) -> String { "\(process) \(gateway_process_began(process))" }
}
