import Gateway

/// Answers as a model reads them: beside each moment, which is in milliseconds since 1970, the same as a clock in Nairobi shows it.
///
/// `"until_ms":1795863600000` is followed by `"until_at":"2026-11-28T14:00:00+03:00"`. That is so in the text of an answer, which
/// is held to no schema; its structured content stays as the schema has it.
enum ReadableTimes {
    private static let mark = Array("_ms\":".utf8)
    /// So many digits has a moment from 2001 to 2286; what lasts so many milliseconds has fewer.
    private static let digits = 13

    /// A document of JSON with the moments of its members beside them.
    ///
    /// A quote within a text is escaped, so the mark is found at a member's name and nowhere else.
    static func beside(_ json: [UInt8]) -> [UInt8] {
        var (shown, copied, place) = ([UInt8](), 0, 0)
        var taken: [[UInt8]: Bool] = [:]
        while let found = next(in: json, from: place) {
            place = found + mark.count
            guard let (name, end, text) = moment(in: json, at: found) else { continue }
            // What its tool says itself stays.
            let isTaken = taken[name] ?? json.contains(name + Array(":".utf8))
            taken[name] = isTaken
            guard !isTaken else { continue }
            shown += json[copied..<end]
            shown.append(UInt8(ascii: ","))
            shown += name
            shown += ":\"\(text)\"".utf8
            (copied, place) = (end, end)
        }
        return copied == 0 ? json : shown + json[copied...]
    }

    /// The next mark.
    private static func next(in json: [UInt8], from start: Int) -> Int? {
        json.withUnsafeBufferPointer { json in
            var place = start
            while place + mark.count <= json.count {
                if json[place] == mark[0], json[place..<place + mark.count].elementsEqual(mark) { return place }
                place += 1
            }
            return nil
        }
    }

    /// The moment behind a mark: the quoted name of the member that is to stand beside it, where its number ends, and its text.
    private static func moment(in json: [UInt8], at mark: Int) -> (name: [UInt8], end: Int, text: String)? {
        var start = mark
        while start > 0, isOfName(json[start - 1]) { start -= 1 }
        guard start < mark, start > 0, json[start - 1] == UInt8(ascii: "\"") else { return nil }
        var first = mark + Self.mark.count
        while first < json.count, json[first] == UInt8(ascii: " ") { first += 1 }
        let end = json[first...].firstIndex { !(48...57).contains($0) } ?? json.count
        guard end - first == digits, end == json.count || !".eE".utf8.contains(json[end]),
            let milliseconds = Int64(String(decoding: json[first..<end], as: UTF8.self))
        else { return nil }
        let stem = String(decoding: json[start..<mark], as: UTF8.self)
        let name = stem.hasSuffix("_at") ? stem : stem + "_at"
        return (Array("\"\(name)\"".utf8), end, NairobiTime.stamp(Timestamp(milliseconds: milliseconds)))
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte) || byte == UInt8(ascii: "_")
    }
}
