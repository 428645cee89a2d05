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
        let hostVersion: String
        let readable: [String]
    }

    init(_ orders: Orders) throws(PluginRefusal) {
        let texts =
            [
                "mpesa-gateway-worker", "\(orders.isolation)", "\(orders.memoryBytes)", "\(orders.resultBytesMax)",
                orders.hostVersion,
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
    }

    /// Ends the process if it has not ended, and answers how it ended.
    ///
    /// The number cannot have become somebody else's: it is ours until it has been waited for.
    func reap() -> String {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        close(socket)
        close(output)
        if status & 0x7F != 0 { return "signal \(status & 0x7F)" }
        let code = (status >> 8) & 0xFF
        if code == GATEWAY_WORKER_OUT_OF_MEMORY {
            return "\(WorkerProcess.limitReached) of \(memoryBytesMax >> 20) MiB"
        }
        return "exit \(code)"
    }

    /// User and system time of all its threads; nil once it has gone.
    var processorTime: Duration? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            // The name in brackets may hold anything; what follows it are numbers.
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else { return nil }
        return .milliseconds((user + system) * 1000 / Int(sysconf(Int32(_SC_CLK_TCK))))
    }

    /// Resident bytes; nil once it has gone.
    var memoryBytes: Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8) else { return nil }
        let fields = text.split(separator: " ")
        return fields.count > 1 ? Int(fields[1]).map { $0 * 4096 } : nil
    }
}
