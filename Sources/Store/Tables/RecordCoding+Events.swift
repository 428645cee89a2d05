import Gateway
import OrderedJSON

// A record's life, in its row.
extension RecordCoding {
    /// Events as they stand in a row: a JSON list each, a line each, so that a step is appended without reading what
    /// came before: sequence, time, source, state afterwards, and, where M-Pesa said something, verdict, code, meaning.
    static func lines(_ events: [RecordEvent]) -> [UInt8] {
        var lines: [UInt8] = []
        for event in events {
            var writer = JSONWriter(capacity: 96)
            writer.beginArray()
            writer.integer(Int64(event.sequence))
            writer.integer(event.at.milliseconds)
            writer.string(event.source)
            writer.string(event.to.rawValue)
            let said = [event.verdict, event.code, event.meaning]
            if said.contains(where: { $0 != nil }) {
                for text in said { if let text { writer.string(text) } else { writer.null() } }
            }
            writer.endArray()
            lines.append(contentsOf: writer.bytes)
            lines.append(UInt8(ascii: "\n"))
        }
        return lines
    }

    /// The newest events of a row's lines, first to last.
    package static func events(_ lines: String, newest limit: Int) throws -> [RecordEvent] {
        var events: [RecordEvent] = []
        // A step begins where the one before it ended, which therefore is read too.
        for line in lines.utf8.split(separator: UInt8(ascii: "\n")).suffix(limit + 1) {
            try events.append(event(JSON(parsing: Array(line)), after: events.last?.to))
        }
        return Array(events.suffix(limit))
    }

    private static func event(_ line: JSON, after before: RecordState?) throws -> RecordEvent {
        let fields = line.arrayValue ?? []
        // Lines of before 2026-11-27 have eight: what M-Pesa said, then the states before and afterwards.
        let (state, said) = fields.count == 8 ? (7, 3) : (3, 4)
        guard fields.count > state, let to = fields[state].stringValue.flatMap(RecordState.init(rawValue:)) else {
            throw SQLError(message: "a record's event is damaged")
        }
        func text(_ place: Int) -> String? { place < fields.count ? fields[place].stringValue : nil }
        return RecordEvent(
            sequence: Int(fields[0].integerValue ?? 0),
            at: Timestamp(milliseconds: fields[1].integerValue ?? 0),
            source: text(2) ?? "",
            verdict: text(said),
            code: text(said + 1),
            meaning: text(said + 2),
            from: before ?? to,
            to: to
        )
    }
}
