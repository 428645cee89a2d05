import Gateway
import Glibc
import PluginAPI
import Synchronization

/// What a worker writes to its standard output and error: into the log, line by line, so much a second.
final class WorkerOutput: WorkerSource {
    private let descriptor: Int32
    private let services: HostServices
    private let linesMax = 20
    private let bytesMax = 1024
    private let said = Mutex((second: ContinuousClock.now, lines: 0))

    init(descriptor: Int32, services: HostServices) {
        self.descriptor = descriptor
        self.services = services
    }

    func ready(_ descriptor: Int32, canWrite: Bool) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let got = read(descriptor, &buffer, buffer.count)
        guard got > 0 else {
            if got == 0 { WorkerLoop.shared.remove(descriptor) }
            return
        }
        for line in buffer[..<got].split(separator: UInt8(ascii: "\n")) where mayTell() {
            services.log(0, level: GATEWAY_LOG_INFO, String(decoding: line.prefix(bytesMax), as: UTF8.self), values: "")
        }
    }

    func tick(now: ContinuousClock.Instant) {}

    private func mayTell() -> Bool {
        said.withLock { said in
            if ContinuousClock.now - said.second > .seconds(1) { said = (.now, 0) }
            said.lines += 1
            return said.lines <= linesMax
        }
    }
}
