import Gateway

/// The way out to receivers on the internet: a client of its own, which goes nowhere else.
package protocol WebhookSender: Sendable {
    /// Posts a body, once.
    ///
    /// - Parameters:
    ///   - url: As the endpoint names it; refused where it may not be sent to.
    ///   - environment: Whose rules for addresses apply.
    func post(
        _ body: [UInt8],
        _ headers: [(String, String)],
        to url: String,
        in environment: Environment
    ) async -> WebhookOutcome
}

/// What came of a request to a receiver.
package enum WebhookOutcome: Sendable, Equatable {
    /// A status, the first bytes of what came with it, and for how long the receiver wants to be left alone.
    case answered(status: Int, beginning: [UInt8], retryAfter: Duration?)
    /// No answer, and why: a word and a sentence that name no address.
    case failed(fault: String)
    /// Nothing left, because too much is being sent.
    case busy
}
