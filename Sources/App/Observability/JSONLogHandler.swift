import Foundation
import Gateway
import Logging
import OrderedJSON
import Threads

/// Log lines as JSON on standard error.
///
/// Queued: a call is on an event loop when it logs, and standard error may be a pipe that nobody reads.
struct JSONLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    let label: String

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var writer = JSONWriter(capacity: 256)
        writer.beginObject()
        writer.key("time")
        writer.string(Timestamp.now.description)
        writer.key("level")
        writer.string(event.level.rawValue)
        writer.key("message")
        writer.string(event.message.description)
        let merged = metadata.merging(event.metadata ?? [:]) { _, new in new }
        for name in merged.keys.sorted() { writer.optional(name, merged[name]?.description) }
        writer.endObject()
        JSONLogHandler.output.write(writer.bytes + [UInt8(ascii: "\n")])
    }

    /// Where all lines of the process go; what is queued is written before it ends.
    private static let output: LineWriter = {
        let output = LineWriter(descriptor: 2, name: "log") { lost in
            let notice: JSON = [
                "time": .string(Timestamp.now.description), "level": "warning",
                "message": "log lines were left out", "count": .integer(Int64(lost)),
            ]
            return notice.bytes + [UInt8(ascii: "\n")]
        }
        JSONLogHandler.beforeExit = output
        atexit { JSONLogHandler.beforeExit?.flush() }
        return output
    }()

    /// What the exit handler, which can hold nothing itself, flushes; set once, before the handler is there.
    nonisolated(unsafe) private static var beforeExit: LineWriter?
}

extension Timestamp {
    /// The wall clock's time.
    static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

extension Uptime {
    /// The time since the machine was started, which nobody can set; what it sleeps through passes too.
    static var now: Uptime {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Uptime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}
