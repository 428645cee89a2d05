/// A place on the money path, or in a change of the master key, where a test may end the process, to see what a crash
/// there leaves behind.
///
/// Together they are all of its awaits: the store's are before each read and on both sides of each write, M-Pesa's on
/// both sides of each request; those with names of their own say which.
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
    /// The payment that waits for a person is durable; the caller has no answer.
    case afterHoldCommit = "after_hold_commit"
    /// Somebody's word that lets a draft leave is about to be written.
    case beforeRelease = "before_release"
    /// It is durable; nothing of it has been sent.
    case afterRelease = "after_release"
    /// What was let go is about to be written as `sending`.
    case beforeHeldSending = "before_held_sending"
    /// A batch is planned; nothing of it is written.
    case beforeBatchCommit = "before_batch_commit"
    /// It is durable with all of its items; the caller has no answer.
    case afterBatchCommit = "after_batch_commit"
    /// A release, pause, resumption or end of a batch is about to be written.
    case beforeBatchDecision = "before_batch_decision"
    /// It is durable; nothing follows from it yet.
    case afterBatchDecision = "after_batch_decision"
    /// A batch is about to be written as ended, or stopped by itself.
    case beforeBatchEnd = "before_batch_end"
    /// Anything is about to be read of the store.
    case beforeRead = "before_read"
    /// Anything is about to be written.
    case beforeWrite = "before_write"
    /// It is durable; whoever wrote it does not know.
    case afterWrite = "after_write"
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
