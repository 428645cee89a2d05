/// A file that is made while it is read: none of it waits anywhere but the piece that is being read.
package struct FileStream: Sendable {
    /// Hands a piece to the reader; returns once the reader has taken it.
    ///
    /// - Throws: `unavailable` when there is no reader any more.
    package typealias Write = @Sendable (_ piece: [UInt8]) async throws(GatewayError) -> Void

    /// What it is saved as.
    package let name: String
    /// What it is.
    package let mediaType: String
    /// Writes all of it, once.
    ///
    /// A file whose writing throws is not whole, and does not look as if it were.
    package let write: @Sendable (_ write: @escaping Write) async throws(GatewayError) -> Void

    /// Describes it.
    package init(
        name: String,
        mediaType: String,
        write: @escaping @Sendable (_ write: @escaping Write) async throws(GatewayError) -> Void
    ) {
        self.name = name
        self.mediaType = mediaType
        self.write = write
    }
}
