import OrderedJSON
import Synchronization

/// Reads what a gateway answers by HTTP: one JSON document, or a stream of events with a message in each.
///
/// The first byte that is no space tells which: a document begins with a bracket, and no event does.
final class EventReader: Sendable {
    private struct State {
        var isStream: Bool?
        var document: [UInt8] = []
        /// Whether some message was longer than it may be: it is not kept.
        var isTooLong = false
        var lines: LineSplitter
        var reply: JSON?
    }

    private let state: Mutex<State>
    private let bytesMax: Int
    private let tell: @Sendable ([UInt8]) -> Void

    /// Makes a reader of messages of at most so many bytes; `tell` hears notifications as they come.
    init(bytesMax: Int, tell: @escaping @Sendable ([UInt8]) -> Void) {
        state = Mutex(State(lines: LineSplitter(bytesMax: bytesMax)))
        self.bytesMax = bytesMax
        self.tell = tell
    }

    /// Takes a piece of the body.
    func take(_ piece: [UInt8]) {
        let told = state.withLock { state -> [[UInt8]] in
            if state.isStream == nil {
                guard let first = piece.first(where: { !" \r\n\t".utf8.contains($0) }) else { return [] }
                state.isStream = first != UInt8(ascii: "{") && first != UInt8(ascii: "[")
            }
            guard state.isStream == true else {
                state.isTooLong = state.isTooLong || state.document.count + piece.count > bytesMax
                if state.isTooLong { state.document = [] } else { state.document += piece }
                return []
            }
            return EventReader.events(piece, &state)
        }
        for message in told { tell(message) }
    }

    /// The message that answers, once the body has ended; nil where there was none.
    func reply() -> JSON? {
        state.withLock { state in
            if let reply = state.reply { return reply }
            do { return try JSON(parsing: state.document) } catch { return nil }
        }
    }

    /// Whether the answer, or something that was told before it, was too long to be kept.
    var isTooLong: Bool { state.withLock { $0.isTooLong } }

    /// The notifications in a piece; a reply is kept.
    private static func events(_ piece: [UInt8], _ state: inout State) -> [[UInt8]] {
        var told: [[UInt8]] = []
        for line in state.lines.take(piece) {
            if line == .tooLong { state.isTooLong = true }
            // An event's one message is one line: the gateway breaks none.
            guard case .whole(let line) = line, line.starts(with: "data:".utf8) else { continue }
            do {
                let message = try JSON(parsing: Array(line.dropFirst(5)))
                if message["method"] != nil { told.append(message.bytes) } else { state.reply = message }
            } catch { continue }
        }
        return told
    }
}
