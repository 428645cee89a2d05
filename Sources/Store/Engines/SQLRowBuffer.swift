import Gateway

/// One row's values in one buffer, for statements that run with every call: a field names the part of the buffer that
/// is its value, so nothing is allocated for it, nor copied for the engine.
///
/// What is bound is simply the values. What is appended is written as the audit's hash wants it: a byte for its kind, a
/// length, the bytes; what is not hashed is placed after all of that.
struct SQLRowBuffer {
    /// A value, as a part of the buffer.
    enum Field {
        case null
        case integer(Int64)
        case text(Range<Int>)
        case bytes(Range<Int>)
    }

    private(set) var bytes: [UInt8] = []
    private(set) var fields: [Field] = []

    // MARK: Values

    mutating func bind(_ text: String) {
        let start = bytes.count
        bytes.append(contentsOf: text.utf8)
        fields.append(.text(start..<bytes.count))
    }

    mutating func bind(_ text: String?) {
        if let text { bind(text) } else { fields.append(.null) }
    }

    mutating func bind(_ id: some TypedIdentifier) {
        let start = bytes.count
        id.raw.append(to: &bytes)
        fields.append(.text(start..<bytes.count))
    }

    mutating func bind(_ integer: Int64) { fields.append(.integer(integer)) }

    mutating func bind(_ integer: Int64?) { fields.append(integer.map { .integer($0) } ?? .null) }

    mutating func bind(bytes raw: [UInt8]) {
        let start = bytes.count
        bytes.append(contentsOf: raw)
        fields.append(.bytes(start..<bytes.count))
    }

    /// Binds text that is UTF-8 already.
    mutating func bind(text utf8: [UInt8]) {
        let start = bytes.count
        bytes.append(contentsOf: utf8)
        fields.append(.text(start..<bytes.count))
    }

    // MARK: Values that are hashed

    /// Starts a row; `prefix` is hashed before it.
    mutating func begin(with prefix: [UInt8] = []) {
        bytes.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: prefix)
    }

    /// Leaves room for a value that is placed later and is not hashed.
    mutating func skip() { fields.append(.null) }

    /// Puts a value in a place that was left for it.
    mutating func place(_ text: String, at index: Int) {
        let start = bytes.count
        bytes.append(contentsOf: text.utf8)
        fields[index] = .text(start..<bytes.count)
    }

    /// Puts a value in a place that was left for it.
    mutating func place(_ raw: [UInt8], at index: Int) {
        let start = bytes.count
        bytes.append(contentsOf: raw)
        fields[index] = .bytes(start..<bytes.count)
    }

    mutating func appendNull() {
        bytes.append(0)
        fields.append(.null)
    }

    mutating func append(_ integer: Int64) {
        bytes.append(1)
        appendDigits(integer)
        bytes.append(UInt8(ascii: ";"))
        fields.append(.integer(integer))
    }

    mutating func append(_ id: Identifier) {
        appendLength(36)
        let start = bytes.count
        id.append(to: &bytes)
        fields.append(.text(start..<bytes.count))
    }

    mutating func append(_ text: String?) {
        guard let text else { return appendNull() }
        let utf8 = text.utf8
        appendLength(utf8.count)
        let start = bytes.count
        bytes.append(contentsOf: utf8)
        // Neither engine keeps U+0000, and what is hashed, the audit, must not be refused for what strangers write.
        for index in start..<bytes.count where bytes[index] == 0 { bytes[index] = UInt8(ascii: "?") }
        fields.append(.text(start..<bytes.count))
    }

    /// The values, each on its own, for engines that take them so.
    var values: [SQLValue] {
        fields.map { field in
            switch field {
            case .null: .null
            case .integer(let integer): .integer(integer)
            case .text(let range): .text(String(decoding: bytes[range], as: UTF8.self))
            case .bytes(let range): .bytes(Array(bytes[range]))
            }
        }
    }

    private mutating func appendLength(_ length: Int) {
        bytes.append(2)
        appendDigits(Int64(length))
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func appendDigits(_ integer: Int64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { buffer in
            var rest = integer.magnitude
            var start = buffer.count
            repeat {
                start -= 1
                buffer[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if integer < 0 {
                start -= 1
                buffer[start] = UInt8(ascii: "-")
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[start...]))
        }
    }
}

/// A thread's row buffer, used again by statement after statement.
final class SQLRowScratch {
    var row = SQLRowBuffer()
}
