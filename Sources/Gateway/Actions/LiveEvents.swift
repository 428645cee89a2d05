import OrderedJSON

/// Events that are handed on as they come: none of them waits anywhere but the piece that is being read.
package struct LiveEvents: Sendable {
    /// A part of what is told.
    package enum Part: Sendable, Equatable {
        /// An event, and the cursor behind it.
        case event(JSON, cursor: String)
        /// A word of the stream's own, such as that it ends; and the cursor to go on from.
        case note(String, JSON, cursor: String)
        /// A sign of life, with the cursor to go on from.
        case life(cursor: String)
    }

    /// Hands parts to the reader; returns once the reader has taken them.
    ///
    /// - Throws: `unavailable` when there is no reader any more.
    package typealias Write = @Sendable (_ parts: [Part]) async throws(GatewayError) -> Void

    /// Tells for as long as there is somebody to be told, once.
    package let run: @Sendable (_ write: @escaping Write) async throws(GatewayError) -> Void

    /// Describes them.
    package init(run: @escaping @Sendable (_ write: @escaping Write) async throws(GatewayError) -> Void) {
        self.run = run
    }
}
