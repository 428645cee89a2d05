// What is held: let go, sent as it is made anew, or withdrawn.
extension RecordMachine {
    /// Keeps who has agreed, of several who must; not once its time is over.
    func approve(_ draft: inout Draft, by who: String, besides others: [String]) {
        guard draft.record.state == .draft, let hold = draft.record.hold, draft.now < hold.until else { return }
        draft.record.hold?.approvers = others + [who]
        draft.move(to: .draft, source: Self.source(who), meaning: "Approved by \(who).")
    }

    /// Lets a draft leave, in the form that its request has now; not one whose time is over.
    ///
    /// What is confirmed was to be confirmed, and nobody has approved it by that.
    func release(
        _ draft: inout Draft,
        by who: String,
        until: Timestamp,
        as request: RequestTemplate,
        besides others: [String],
        _ confirmation: Hold.Confirmation? = nil
    ) {
        guard draft.record.state == .draft, draft.record.batch == nil, let hold = draft.record.hold,
            draft.now < hold.until
        else { return }
        if let confirmation {
            guard hold.asked?.isConfirmation == true else { return }
            draft.record.hold?.confirmation = confirmation
        } else if hold.asked != nil {
            draft.record.hold?.approvers = others + [who]
        }
        draft.record.hold?.until = until
        draft.record.hold?.decidedBy = who
        draft.record.request = request
        draft.record.nextActionAt = draft.now
        let word = confirmation == nil ? "Released" : "Confirmed"
        draft.move(to: .released, source: Self.source(who), meaning: "\(word) by \(who).")
    }

    /// Begins a sending of what was let go.
    ///
    /// Each has a moment of its own, by which it is told from every other.
    func beginSending(_ draft: inout Draft, of sending: ReleasedSending) {
        // A batch is let go as a whole: whoever commits this asks whether it runs.
        let mayLeave = draft.record.state == .released || draft.record.state == .draft && draft.record.batch != nil
        guard mayLeave, let hold = draft.record.hold, draft.now < hold.until else { return }
        draft.record.attempts += 1
        draft.record.resentAt = sending.begunAt
        draft.record.sentAt = draft.now
        draft.record.sendBefore = sending.before
        draft.record.request = sending.request
        draft.record.limited = sending.limited ?? draft.record.limited
        draft.move(to: .sending, source: "send")
    }

    /// Ends what has not left, for good.
    func withdraw(_ draft: inout Draft, as why: Hold.Withdrawal, by who: String, because reason: String) {
        guard draft.record.state.isHeld else { return }
        draft.record.hold?.withdrawal = why
        draft.record.hold?.decidedBy = who
        draft.record.meaning = reason
        draft.record.whoseMove = "organization"
        draft.record.chargeAgain = "no"
        closeDoublesOfUnsent(&draft)
        draft.move(to: .withdrawn, source: Self.source(who), meaning: reason)
    }

    /// What was let go and did not leave waits again, a little longer each time, until its time is over.
    ///
    /// - Returns: Whether it was so.
    func waitAgain(_ draft: inout Draft, source: String, reason: String, atLeast wait: Duration = .zero) -> Bool {
        guard draft.record.hold != nil, draft.record.resend == nil, draft.record.sendings == 1 else { return false }
        draft.record.hold?.unsent += 1
        draft.record.sentAt = nil
        draft.record.chargeAgain = nil
        draft.record.nextActionAt = draft.now + max(wait, rules.unsentWait * draft.record.attempts)
        draft.move(to: .released, source: source, meaning: reason)
        return true
    }

    /// The time of what is held is over.
    func passTime(ofHeld draft: inout Draft) {
        guard let hold = draft.record.hold, draft.now >= hold.until else { return remind(&draft) }
        if draft.record.state == .draft {
            withdraw(&draft, as: .expired, by: "host", because: "Never sent: nobody released it in time.")
        } else {
            withdraw(&draft, as: .unsent, by: "host", because: "Never sent: it could not leave in time.")
        }
    }

    /// Those who are asked are told once more, before its time is over.
    private func remind(_ draft: inout Draft) {
        let record = draft.record
        guard record.state == .draft, record.hold?.remindAt != nil, let due = record.nextActionAt, draft.now >= due
        else {
            return
        }
        draft.record.hold?.remindAt = nil
        draft.effects.insert(.remind)
        draft.move(to: .draft, source: "host", meaning: "Those who are asked were told once more.")
    }

    /// Another try is about to be sent for its row: what became of it must be what it was when that was decided.
    func noteRetry(_ draft: inout Draft, as other: RecordID) {
        draft.move(to: draft.record.state, source: "host", meaning: "Tried again as \(other).")
    }

    private static func source(_ who: String) -> String { who.hasPrefix("user:") ? "person" : "host" }
}

extension RecordMachine {
    /// One sending of what was let go.
    package struct ReleasedSending: Sendable, Equatable {
        /// The request, made anew.
        package let request: RequestTemplate
        /// Names the sending.
        package let begunAt: Timestamp
        /// Never sent after this.
        package let before: Timestamp
        /// What it is counted against from then on; nil where it was counted before, or against nothing.
        package let limited: LimitMark?

        /// States a sending.
        package init(request: RequestTemplate, begunAt: Timestamp, before: Timestamp, limited: LimitMark? = nil) {
            self.request = request
            self.begunAt = begunAt
            self.before = before
            self.limited = limited
        }
    }
}
