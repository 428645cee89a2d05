import NIOCore
import NIOHTTP1

/// What a request is answered with.
package struct Response: Sendable {
    /// The status, with its usual phrase.
    var status: HTTPResponseStatus
    /// The header's fields, without those that the connection itself writes.
    var headers: [(name: HeaderName, value: String)]
    /// The body; its length is written by the connection.
    var body: [UInt8]
    /// Pieces that come one by one, in the body's place; who iterates it no more has let go of the work behind it.
    var stream: AsyncStream<[UInt8]>?

    init(_ status: HTTPResponseStatus, headers: [(name: HeaderName, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A JSON document that nobody may keep.
    static func json(_ bytes: [UInt8], status: HTTPResponseStatus = .ok, call: String) -> Response {
        Response(
            status,
            headers: [(.contentType, "application/json"), (.cacheControl, "no-store"), (.requestID, call)],
            body: bytes
        )
    }

    /// The bytes of it, header and body in one buffer, so that they leave by one system call.
    func serialized(into buffer: inout ByteBuffer, date: String, closes: Bool, withoutBody: Bool) {
        buffer.reserveCapacity(minimumWritableBytes: 320 + body.count)
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(String(status.code))
        buffer.writeStaticString(" ")
        buffer.writeString(status.reasonPhrase)
        for field in headers {
            buffer.writeStaticString("\r\n")
            buffer.writeString(field.name.text)
            buffer.writeStaticString(": ")
            buffer.writeString(field.value.utf8.contains { $0 < 0x20 } ? "" : field.value)
        }
        if stream == nil {
            buffer.writeStaticString("\r\nContent-Length: ")
            buffer.writeString(String(body.count))
        } else {
            buffer.writeStaticString("\r\nTransfer-Encoding: chunked")
        }
        buffer.writeStaticString("\r\nDate: ")
        buffer.writeString(date)
        buffer.writeStaticString("\r\nServer: mpesa-gateway\r\n")
        if closes { buffer.writeStaticString("Connection: close\r\n") }
        buffer.writeStaticString("\r\n")
        if !withoutBody { buffer.writeBytes(body) }
    }
}
