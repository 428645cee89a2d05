import NIOCore
import NIOHTTP1

/// What a request is answered with.
package struct Response: Sendable {
    /// The status, with its usual phrase.
    package var status: HTTPResponseStatus
    /// The header's fields as they go out, without those that the connection itself writes.
    private(set) var fields = HeaderFields()
    /// The body; its length is written by the connection.
    package var body: [UInt8]
    /// Writes pieces one by one, in the body's place.
    package var stream: Stream?

    /// What writes an answer's pieces: each call of `write` ends once the piece has left, so that nothing piles up for a
    /// client that reads slowly.
    ///
    /// It ends with its task when the client has gone. Where it throws, the connection is closed without the end that a
    /// whole answer has.
    package typealias Stream =
        @Sendable (_ write: @escaping @Sendable ([UInt8]) async throws -> Void) async throws -> Void

    /// Makes an answer.
    package init(_ status: HTTPResponseStatus, headers: [(name: HeaderName, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.body = body
        for field in headers { fields.append(field.name, field.value) }
    }

    /// Adds a field to the header.
    package mutating func add(_ name: HeaderName, _ value: String) { fields.append(name, value) }

    /// Adds a field whose value needs no look.
    package mutating func add(_ name: HeaderName, _ value: StaticString) { fields.append(name, value) }

    /// Adds a field whose value is put together in place.
    package mutating func add(_ name: HeaderName, _ write: (inout HeaderFields) -> Void) {
        fields.begin(name)
        write(&fields)
    }

    /// Adds to the value of a field that is there, and does nothing where there is none.
    package mutating func extend(_ name: HeaderName, with more: String) { fields.extend(name, with: more) }

    /// The bytes of it, header and body in one buffer, so that they leave by one system call.
    func serialized(into buffer: inout ByteBuffer, date: [UInt8], closes: Bool, withoutBody: Bool) {
        buffer.reserveCapacity(minimumWritableBytes: 192 + fields.bytes.count + body.count)
        if status == .ok {
            buffer.writeStaticString("HTTP/1.1 200 OK")
        } else {
            buffer.writeStaticString("HTTP/1.1 ")
            buffer.writeString(String(status.code))
            buffer.writeStaticString(" ")
            buffer.writeString(status.reasonPhrase)
        }
        buffer.writeBytes(fields.bytes)
        if stream == nil {
            buffer.writeStaticString("\r\nContent-Length: ")
            buffer.writeString(String(body.count))
        } else {
            buffer.writeStaticString("\r\nTransfer-Encoding: chunked")
        }
        buffer.writeStaticString("\r\nServer: mpesa-gateway\r\nDate: ")
        buffer.writeBytes(date)
        if closes { buffer.writeStaticString("\r\nConnection: close") }
        buffer.writeStaticString("\r\n\r\n")
        if !withoutBody { buffer.writeBytes(body) }
    }
}

/// A header's fields, each as `CRLF Name: value`: put together once, copied once.
package struct HeaderFields: Sendable {
    private(set) var bytes: [UInt8] = []

    /// Writes a name; its value comes next.
    mutating func begin(_ name: HeaderName) {
        if bytes.isEmpty { bytes.reserveCapacity(256) }
        bytes.append(0x0D)
        bytes.append(0x0A)
        bytes.append(contentsOf: name.text.utf8)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(UInt8(ascii: " "))
    }

    /// Writes a whole field; a value that would break the header is left empty.
    mutating func append(_ name: HeaderName, _ value: String) {
        begin(name)
        if !value.utf8.contains(where: { $0 < 0x20 }) { bytes.append(contentsOf: value.utf8) }
    }

    /// Writes a whole field of the house's own.
    mutating func append(_ name: HeaderName, _ value: StaticString) {
        begin(name)
        write(value)
    }

    /// Adds to the first field of a name; what would break the header is left out.
    mutating func extend(_ name: HeaderName, with more: String) {
        guard let found = bytes.firstRange(of: Array("\r\n\(name.text): ".utf8)),
            !more.utf8.contains(where: { $0 < 0x20 })
        else { return }
        let end = bytes[found.upperBound...].firstIndex(of: 0x0D) ?? bytes.endIndex
        bytes.insert(contentsOf: more.utf8, at: end)
    }

    /// Writes a part of a value in place; what is written is visible ASCII.
    package mutating func write(_ body: (inout [UInt8]) -> Void) { body(&bytes) }

    /// Writes a part of a value.
    package mutating func write(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Writes a part of a value that is a name of the house's own.
    package mutating func write(name: String) { bytes.append(contentsOf: name.utf8) }

    /// Writes a number as a part of a value.
    package mutating func write(_ number: Int64) { bytes.append(contentsOf: String(number).utf8) }
}
