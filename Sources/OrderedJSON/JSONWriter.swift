/// Writes JSON straight into bytes; commas and colons come by themselves.
///
/// For hot paths that know what they say. Nesting is the caller's to get right: it is written once and tested.
public struct JSONWriter: Sendable {
    /// What has been written.
    public private(set) var bytes: [UInt8]
    /// Whether the next value needs a comma before it.
    private var needsComma = false

    /// Makes a writer; `capacity` is a guess of the final size.
    public init(capacity: Int = 512) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Opens an object.
    public mutating func beginObject() { open(UInt8(ascii: "{")) }
    /// Closes it.
    public mutating func endObject() { close(UInt8(ascii: "}")) }
    /// Opens a list.
    public mutating func beginArray() { open(UInt8(ascii: "[")) }
    /// Closes it.
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    /// Writes a member's name; its value comes next.
    public mutating func key(_ name: String) {
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes text.
    public mutating func string(_ value: String) {
        separate()
        quote(value)
    }

    /// Writes a whole number.
    public mutating func integer(_ value: Int64) {
        separate()
        append(value)
    }

    /// Writes a number in the shortest form that reads back the same.
    ///
    /// There is no infinity in JSON: it becomes null.
    public mutating func number(_ value: Double) {
        separate()
        guard value.isFinite else { return bytes.append(contentsOf: "null".utf8) }
        if let whole = Int64(exactly: value), abs(whole) < 1 << 53 {
            append(whole)
            bytes.append(contentsOf: ".0".utf8)
        } else {
            bytes.append(contentsOf: value.description.utf8)
        }
    }

    /// Writes a truth value.
    public mutating func bool(_ value: Bool) {
        separate()
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    /// Writes null.
    public mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
    }

    /// Writes bytes that are a JSON value already.
    public mutating func raw(_ json: [UInt8]) {
        separate()
        bytes.append(contentsOf: json)
    }

    /// Writes any value.
    public mutating func value(_ value: JSON) {
        switch value {
        case .null: null()
        case .bool(let value): bool(value)
        case .integer(let value): integer(value)
        case .number(let value): number(value)
        case .string(let value): string(value)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let object):
            beginObject()
            for (name, value) in object {
                key(name)
                self.value(value)
            }
            endObject()
        }
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func append(_ value: Int64) {
        var rest = value.magnitude
        var digits = 1
        var limit: UInt64 = 10
        // The magnitude has at most 19 digits, and ten to the nineteenth is below 2^64.
        while rest >= limit {
            digits += 1
            limit *= 10
        }
        bytes.append(addingCapacity: 20) { span in
            if value < 0 { span.append(UInt8(ascii: "-")) }
            span.withUnsafeMutableBufferPointer { buffer, count in
                for place in (count..<count + digits).reversed() {
                    buffer.initializeElement(at: place, to: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
                    rest /= 10
                }
                count += digits
            }
        }
    }

    private mutating func quote(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            guard JSONWriter.standsForItself(utf8) else { return quoteEscaping(utf8) }
            bytes.append(addingCapacity: utf8.count + 2) { span in
                span.append(UInt8(ascii: "\""))
                span.withUnsafeMutableBufferPointer { buffer, count in
                    count = buffer[count...].initialize(fromContentsOf: utf8)
                }
                span.append(UInt8(ascii: "\""))
            }
        }
    }

    private static func standsForItself(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        let raw = UnsafeRawBufferPointer(text)
        var index = 0
        while index + 8 <= raw.count, JSONBytes.arePlainASCII(raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
        {
            index += 8
        }
        while index < raw.count {
            if needsEscape(raw[index]) { return false }
            index += 1
        }
        return true
    }

    private mutating func quoteEscaping(_ utf8: UnsafeBufferPointer<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        var start = 0
        for index in 0..<utf8.count where JSONWriter.needsEscape(utf8[index]) {
            bytes.append(contentsOf: utf8[start..<index])
            escape(utf8[index])
            start = index + 1
        }
        bytes.append(contentsOf: utf8[start...])
        bytes.append(UInt8(ascii: "\""))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        default:
            let digits = Array("0123456789abcdef".utf8)
            bytes.append(contentsOf: "u00".utf8)
            bytes.append(digits[Int(byte >> 4)])
            bytes.append(digits[Int(byte & 15)])
        }
    }
}

extension JSON {
    /// The value as JSON text in UTF-8, without spaces.
    public var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }

    /// The value as JSON text, without spaces.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The same text for all equal values: members sorted by their names' UTF-16 units, whole numbers without a
    /// fraction.
    ///
    /// In the manner of RFC 8785; what is hashed is this.
    public var canonicalBytes: [UInt8] {
        var writer = JSONWriter()
        writer.canonical(self)
        return writer.bytes
    }
}

extension JSONWriter {
    fileprivate mutating func canonical(_ value: JSON) {
        switch value {
        case .number(let number):
            if let whole = Int64(exactly: number) { integer(whole) } else { self.number(number) }
        case .array(let elements):
            beginArray()
            for element in elements { canonical(element) }
            endArray()
        case .object(let object):
            beginObject()
            for (name, value) in object.sorted(by: { JSONWriter.precedes($0.key, $1.key) }) {
                key(name)
                canonical(value)
            }
            endObject()
        default: self.value(value)
        }
    }

    private static func precedes(_ left: String, _ right: String) -> Bool {
        // Bytes and UTF-16 units sort ASCII alike, and up to U+FFFF everything; beyond it they do not.
        let isWide = left.utf8.contains { $0 >= 0xEE } || right.utf8.contains { $0 >= 0xEE }
        return isWide
            ? left.utf16.lexicographicallyPrecedes(right.utf16) : left.utf8.lexicographicallyPrecedes(right.utf8)
    }
}
