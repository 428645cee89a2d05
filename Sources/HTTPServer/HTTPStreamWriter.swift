import NIOCore

/// Writes an answer piece by piece, each once the one before it has left; lets go of the work behind it when the client
/// has gone.
struct HTTPStreamWriter: Sendable {
    let channel: any Channel
    let stream: Response.Stream

    /// Writes header and pieces; `head` is called on the connection's event loop.
    ///
    /// What does not come whole does not end as if it had: the connection is closed.
    /// - Returns: Whether the answer is whole, and the connection may be used again.
    func write(head: @escaping @Sendable () -> ByteBuffer) async -> Bool {
        let work = Task { () async -> Bool in
            do {
                try await channel.eventLoop
                    .flatSubmit { channel.writeAndFlush(head()) }
                    .get()
                try await stream { piece in
                    try Task.checkCancellation()
                    if !piece.isEmpty { try await channel.writeAndFlush(chunk(piece)) }
                }
                try Task.checkCancellation()
                try await channel.writeAndFlush(ByteBuffer(string: "0\r\n\r\n"))
                return true
            } catch {
                channel.close(promise: nil)
                return false
            }
        }
        channel.closeFuture.whenComplete { _ in work.cancel() }
        return await work.value
    }

    private func chunk(_ piece: [UInt8]) -> ByteBuffer {
        var buffer = channel.allocator.buffer(capacity: piece.count + 16)
        buffer.writeString(String(piece.count, radix: 16))
        buffer.writeStaticString("\r\n")
        buffer.writeBytes(piece)
        buffer.writeStaticString("\r\n")
        return buffer
    }
}
