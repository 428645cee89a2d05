import Gateway
import Glibc
import PluginAPI
import Synchronization

/// What a worker writes to its standard output and error: into the log, line by line, so much a second.
///
/// Above that it is not read until the second is over, so whoever prints without end waits for it in its own process.
final class WorkerOutput: WorkerSource {
    private let descriptor: Int32
    private let services: HostServices
    private let linesMax = 20
    private let bytesMax = 1024
    /// How much is read a second; 1 MiB.
    private let readMax = 1 << 20
    private struct State {
        var second = ContinuousClock.now
        var lines = 0
        var read = 0
        var isResting = false
        var hasEnded = false
    }
    private let state = Mutex(State())

    init(descriptor: Int32, services: HostServices) {
        self.descriptor = descriptor
        self.services = services
    }

    func ready(_ descriptor: Int32, canWrite: Bool) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let got = read(descriptor, &buffer, buffer.count)
        guard got > 0 else {
            if got == 0 { end() }
            return
        }
        count(got)
        for line in buffer[..<got].split(separator: UInt8(ascii: "\n")) where mayTell() {
            services.log(0, level: GATEWAY_LOG_INFO, String(decoding: line.prefix(bytesMax), as: UTF8.self), values: "")
        }
    }

    /// Before its descriptor is closed.
    func end() {
        state.withLock { $0.hasEnded = true }
        WorkerLoop.shared.remove(descriptor)
    }

    func tick(now: ContinuousClock.Instant) {
        state.withLock { state in
            guard !state.hasEnded, now - state.second > .seconds(1) else { return }
            if state.isResting { WorkerLoop.shared.watch(descriptor, writes: false) }
            state = State(second: now)
        }
    }

    private func count(_ bytes: Int) {
        state.withLock { state in
            state.read += bytes
            guard state.read > readMax, !state.isResting, !state.hasEnded else { return }
            state.isResting = true
            WorkerLoop.shared.rest(descriptor)
        }
    }

    private func mayTell() -> Bool {
        state.withLock { state in
            state.lines += 1
            return state.lines <= linesMax
        }
    }
}
