package import Logging
import Synchronization

/// What was logged, line by line.
package final class LogLines: Sendable {
    private struct Handler: LogHandler {
        let told: @Sendable (String) -> Void
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) { told("\(event.level) \(event.message) \(event.metadata ?? [:])") }
    }

    private let lines = Mutex<[String]>([])

    /// Nothing yet.
    package init() {}

    /// Its lines, each with its level.
    package var all: [String] { lines.withLock { $0 } }
    /// What logs into it.
    package var logger: Logger {
        Logger(label: "test") { _ in Handler(told: { line in self.lines.withLock { $0.append(line) } }) }
    }
}
