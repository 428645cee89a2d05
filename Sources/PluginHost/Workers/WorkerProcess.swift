import Foundation
import Glibc
import PluginLoader

/// Starts a worker: an empty environment, no descriptors but its own, its output caught in a pipe.
struct WorkerProcess {
    let pid: pid_t
    /// This side of the socket; non-blocking.
    let socket: Int32
    /// Where its standard output and error come out; non-blocking.
    let output: Int32
    /// Readable once the process has ended, though what it started may still hold its socket; -1 where there is none.
    let exit: Int32
    private let ledger: WorkerLedger
    private let memoryBytesMax: Int

    /// How the end of a worker is told that died because its memory limit left nothing to allocate.
    static let limitReached = "it reached its memory limit"

    /// What a worker is started with.
    struct Orders: Sendable {
        let program: String
        let library: String
        let isolation: UInt32
        let memoryBytes: Int
        let resultBytesMax: Int
        /// Who to become, of a sandbox whose host is root; 0 to stay who it is.
        let user: UInt32
        /// Of all the processes of a plugin in a sandbox.
        let threadsMax: Int
        let hostVersion: String
        let readable: [String]
        /// Where it is noted.
        let ledger: WorkerLedger
    }

    /// On a thread that lives as long as the host: the worker ends with the thread that started it.
    init(_ orders: Orders) throws(PluginRefusal) {
        let texts =
            [
                "mpesa-gateway-worker", "\(orders.isolation)", "\(orders.memoryBytes)", "\(orders.resultBytesMax)",
                "\(orders.user)", "\(orders.threadsMax)", "\(getpid())", orders.hostVersion,
            ] + orders.readable
        let arguments: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process = gateway_worker_process()
        let problem = gateway_worker_spawn(orders.program, arguments, orders.library, &process)
        guard problem == 0 else {
            throw PluginRefusal.notOpened(
                "the worker \(orders.program) could not be started: \(String(cString: strerror(problem)))"
            )
        }
        pid = process.pid
        memoryBytesMax = orders.memoryBytes
        socket = process.socket
        output = process.output
        exit = process.exit
        ledger = orders.ledger
        ledger.note(pid)
    }

    /// Ends the process if it has not ended, and what it started beside it; answers how it ended.
    ///
    /// The number cannot have become somebody else's: it is ours until it has been waited for.
    func reap() -> String {
        kill(pid, SIGKILL)
        kill(-pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        ledger.forget(pid)
        close(socket)
        close(output)
        if exit >= 0 { close(exit) }
        if status & 0x7F != 0 { return "signal \(status & 0x7F)" }
        let code = (status >> 8) & 0xFF
        if code == GATEWAY_WORKER_OUT_OF_MEMORY {
            return "\(WorkerProcess.limitReached) of \(memoryBytesMax >> 20) MiB"
        }
        return "exit \(code)"
    }

    /// User and system time of all its threads; nil once it has gone.
    var processorTime: Duration? {
        let used = gateway_process_used(pid)
        return used < 0 ? nil : .nanoseconds(used)
    }

    /// Resident bytes; nil once it has gone.
    var memoryBytes: Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8) else { return nil }
        let fields = text.split(separator: " ")
        return fields.count > 1 ? Int(fields[1]).map { $0 * 4096 } : nil
    }
}
