import Foundation
import Gateway
import Logging
import OrderedJSON

/// Log lines as JSON on standard error, one `write` a line, so that lines of several threads never mix.
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
        let line = writer.bytes + [UInt8(ascii: "\n")]
        // A log that cannot be written must not stop the gateway.
        _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    }
}

extension Timestamp {
    /// The wall clock's time.
    static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}
