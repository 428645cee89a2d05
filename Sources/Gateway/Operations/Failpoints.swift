/// A place on the money path, or in a change of the master key, where a test may end the process, to see what a crash there leaves behind.
package enum Failpoint: String, Sendable, CaseIterable {
    /// The plan is made; nothing is written.
    case beforeCommit = "before_commit"
    /// The row is durable as `sending`; the request is about to leave.
    case beforeSend = "before_send"
    /// M-Pesa has answered; the answer is only in memory.
    case afterSend = "after_send"
    /// What the answer proved is durable; the caller has no reply.
    case afterReplyCommit = "after_reply_commit"
    /// A callback has arrived; it is only in memory.
    case callbackReceived = "callback_received"
    /// The callback is durable; M-Pesa has no acknowledgement.
    case callbackKept = "callback_kept"
    /// What the callback proved is about to be written.
    case beforeCallbackCommit = "before_callback_commit"
    /// It is durable; nobody was told.
    case afterCallbackCommit = "after_callback_commit"
    /// The sweeper has counted its question; it has not been asked.
    case beforeQuery = "before_query"
    /// The question is answered; the answer is only in memory.
    case afterQuery = "after_query"
    /// What that answer proved is durable.
    case afterQueryCommit = "after_query_commit"
    /// The next master key is a file; nothing says yet that it is used.
    case masterKeyNext = "master_key_next"
    /// The root is sealed by it; no data key is wrapped by it yet.
    case masterKeyRoot = "master_key_root"
    /// Some data keys are wrapped by it.
    case masterKeyWrapped = "master_key_wrapped"
    /// All are, and the key before is kept for backups.
    case masterKeyOld = "master_key_old"
    /// The root's file is that of the next key, the master key's is still the one before.
    case masterKeyTaken = "master_key_taken"
}

/// What happens at a failpoint: nothing, unless whoever started the process asked for it.
package struct Failpoints: Sendable {
    private let action: (@Sendable (Failpoint) -> Void)?

    /// No failpoint does anything.
    package static let none = Failpoints(action: nil)

    /// Runs `action` whenever a failpoint is reached.
    package init(action: (@Sendable (Failpoint) -> Void)?) { self.action = action }

    /// Says that the call has come to this point.
    package func reach(_ point: Failpoint) { action?(point) }
}
