/// The transaction core: what a record becomes when something happens to it, and what must follow.
///
/// Synchronous and pure: (record, happening, now) -> step. It knows no plugin and no I/O; a kind's profile reaches it
/// as the numbers it was made with. `Operations/` commits the step and performs its effects. So a simulation can run
/// it by the million from a seed.
///
///     created --sending--> sending --accepted--> accepted --evidence--> succeeded | failed | cancelled | expired
///        |                    |  \                  |   \__asked__> reconciling --horizon--> manual
///        |                    |   \--no proof--> unknown __/
///        '--not sent----------'--refused--> rejected
///
/// What is held stands before all of it: see `Hold`. Only an explicit verdict ends a transaction. Silence never does: at
/// the horizon it becomes a person's business.
package struct RecordMachine: Sendable {
    /// What the rules need besides the record: limits of the host and of the kind.
    package struct Rules: Sendable, Hashable {
        /// How long a request may take before a `sending` row is taken for lost.
        package var sendingMax: Duration
        /// How often the same request may be sent again once it was proven not processed.
        package var resendLimit: Int
        /// How long to wait before sending again.
        package var resendGrace: Duration
        /// How long a request may be sent again from its moment on.
        package var resendWindow: Duration
        /// When an exchange counts as unanswered.
        package var exchangeHorizon: Duration
        /// When a kind that cannot be asked about becomes a person's business.
        package var silenceHorizon: Duration
        /// How many questions M-Pesa must have answered before a person is called at the horizon.
        ///
        /// Default 3: a clock that jumps, or a day without M-Pesa, must not end the asking.
        package var answersMin: Int
        /// When a person is called whatever was answered, and the host stops asking.
        ///
        /// Default 30 days.
        package var askingMax: Duration
        /// How often the host goes on asking about what waits for a person.
        ///
        /// Default a day.
        package var manualEvery: Duration
        /// How long a request of money in, of which nothing came back, keeps its customer from being asked again.
        ///
        /// Default 10 minutes: longer than any prompt stays on a phone.
        package var unconfirmedMax: Duration
        /// From when to when after sending the same request may go out once more because M-Pesa knows none such.
        ///
        /// Default 30 minutes to 24 hours.
        package var notFoundWindow: ClosedRange<Duration>
        /// How long what was let go and did not leave waits before it is tried again: so long after the first time, and
        /// so much longer each further time.
        ///
        /// Default 5 s.
        package var unsentWait: Duration = .seconds(5)
        /// How far before a record's beginning, or ahead of now, the time may lie that M-Pesa states of it.
        ///
        /// Default 12 hours: M-Pesa's clock is another one.
        package var statedTimeSlack: Duration = .seconds(12 * 3_600)
        /// Whether that is allowed: the kind carries our id, and the organization has switched it on.
        package var resendsNotFound: Bool
        /// Whether an id of ours stands in the request, by which M-Pesa's answers name it.
        package var carriesOwnID: Bool
        /// Whether an exchange is answered by callback.
        package var awaitsCallback: Bool
        /// Whether it reverses the whole of its original, and no other reversal of that is known.
        package var isOnlyReversal = false

        /// States the rules: the host's durations, and what is true of the kind and the record at hand.
        package init(
            sendingMax: Duration = .seconds(90),
            resendLimit: Int = 0,
            resendGrace: Duration = .seconds(60),
            resendWindow: Duration = .seconds(60),
            exchangeHorizon: Duration = .seconds(600),
            silenceHorizon: Duration = .seconds(86_400),
            answersMin: Int = 3,
            askingMax: Duration = .seconds(30 * 86_400),
            manualEvery: Duration = .seconds(86_400),
            unconfirmedMax: Duration = .seconds(600),
            notFoundWindow: ClosedRange<Duration> = .seconds(1_800)...Duration.seconds(86_400),
            resendsNotFound: Bool = false,
            carriesOwnID: Bool = false,
            awaitsCallback: Bool = false
        ) {
            self.sendingMax = sendingMax
            self.resendLimit = resendLimit
            self.resendGrace = resendGrace
            self.resendWindow = resendWindow
            self.exchangeHorizon = exchangeHorizon
            self.silenceHorizon = silenceHorizon
            self.answersMin = answersMin
            self.askingMax = askingMax
            self.manualEvery = manualEvery
            self.unconfirmedMax = unconfirmedMax
            self.notFoundWindow = notFoundWindow
            self.resendsNotFound = resendsNotFound
            self.carriesOwnID = carriesOwnID
            self.awaitsCallback = awaitsCallback
        }
    }

    /// What can happen to a record.
    package enum Happening: Sendable, Equatable {
        /// The request is about to leave.
        case sending
        /// Somebody agrees to what is held leaving, beside these, and it is not enough yet.
        case approved(by: String, besides: [String])
        /// Somebody lets what is held leave, until then, with this request; these had agreed before, and there it is counted;
        /// or whoever asked for it has confirmed it.
        case released(
            by: String,
            until: Timestamp,
            as: RequestTemplate,
            besides: [String] = [],
            limited: LimitMark? = nil,
            confirmed: Hold.Confirmation? = nil
        )
        /// The request of what was let go is about to leave, made anew.
        case sendingReleased(ReleasedSending)
        /// What is held will never be sent, for this reason.
        case withdrawn(Hold.Withdrawal, by: String, because: String)
        /// No byte of the request left, for this reason.
        case notSent(String)
        /// It is not sent again, because whoever asked for it may not ask that any more.
        case notSentAgain(because: String)
        /// The request left, or may have, and nothing whole came back, for this reason.
        case noAnswer(String)
        /// Bytes came, and this is what they prove.
        case evidence(Evidence, Evidence.Source)
        /// Bytes came whose receipt is another record's already.
        case repeatedReceipt(Evidence, Evidence.Source, holder: RecordID)
        /// Bytes came that name an id of M-Pesa's which is another record's already.
        case sharedID(Evidence, Evidence.Source, id: String, holder: RecordID)
        /// M-Pesa has named this record's id to another one too.
        case idShared(String, with: RecordID)
        /// Another record for the same customer and amount may be the same payment.
        case possibleDouble(RecordID)
        /// Another record that might have been the same payment has never left.
        case noDouble(RecordID)
        /// A person says what became of it; these reversals of it have ended and moved nothing.
        case resolved(Resolution, besides: Set<RecordID> = [])
        /// M-Pesa has named for another record the receipt that a person had stated to be this one's.
        case receiptIsAnothers(String, RecordID)
        /// Its row of a batch is being paid by another try, which is that one.
        case triedAgain(as: RecordID)
        /// A question about the record is being asked.
        case asked
        /// Its plugin has nothing to ask by.
        case nothingToAsk
        /// The time of `nextActionAt` has come.
        case timePassed
        /// The process that was working on it is gone.
        case restarted
        /// A reversal of it, in whole or in part, is about to be sent; whoever asks says that some did not move, and
        /// some have ended so.
        case reversing(ReversalMark, besides: Set<RecordID>, ended: Set<RecordID> = [])
        /// M-Pesa contradicts itself about a reversal of it: nobody knows any more that it did not move.
        case doubting(ReversalMark)
        /// A reversal of it has succeeded.
        case reversed(by: ReversalMark)
        /// A reversal of it, which had succeeded, has not, as a person has seen.
        case restored(from: ReversalMark)
        /// More of its original has been given back than was paid, with this reversal.
        case reversedTooMuch(of: Record)
    }

    /// What must follow a step.
    package enum Effect: Sendable, Hashable {
        /// The transaction that this one reverses is reversed now: that is committed together with this step.
        case reverseOriginal
        /// The transaction that this one was said to have reversed is not: that is committed together with this step.
        case restoreOriginal
        /// A success came after the record had ended otherwise: tell the organization.
        case announceLateSuccess
        /// A success came when another payment may have been begun for the same: those name each other.
        case nameTwins
        /// Evidence contradicts the record: tell a person.
        case raiseDispute
        /// The record has ended: tell those who wait for it.
        case announceEnd
        /// The same request is to be sent again when `nextActionAt` comes.
        case sendAgain
        /// A person must look.
        case callPerson
        /// Those who are asked about what is held are told once more.
        case remind
        /// Success was stated without a receipt: nothing more may be asked of this customer for a while.
        case holdParty
        /// Nothing of it has left, so it is no double of this one: that one is told.
        case freeTwin(RecordID)
        /// Nothing contradicts it any more.
        case announceUndisputed
    }

    /// The next version of a record.
    package struct Step: Sendable, Equatable {
        /// With a version one higher.
        package var record: Record
        /// What led to it.
        package var event: RecordEvent
        /// What must follow.
        package var effects: Set<Effect>
        /// What has become true by it, for whoever reads the feed.
        package var told: [FeedEvent.Kind] = []
        /// What M-Pesa says that accounts hold, where it was asked that.
        package var balances: [Balance] = []
    }

    /// The rules in force.
    package let rules: Rules

    /// Makes a machine for a kind's rules.
    package init(rules: Rules) { self.rules = rules }

    /// What the record becomes; nil when the happening changes nothing.
    package func step(_ record: Record, _ happening: Happening, at now: Timestamp) -> Step? {
        var draft = Draft(record: record, at: now)
        switch happening {
        case .sending: beginSending(&draft)
        case .approved(let who, let others): approve(&draft, by: who, besides: others)
        case .released(let who, let until, let request, let others, let mark, let confirmation):
            draft.record.limited = mark ?? draft.record.limited
            release(&draft, by: who, until: until, as: request, besides: others, confirmation)
        case .sendingReleased(let sending): beginSending(&draft, of: sending)
        case .withdrawn(let why, let who, let reason): withdraw(&draft, as: why, by: who, because: reason)
        case .notSent(let reason): endUnsent(&draft, reason: reason)
        case .notSentAgain(let reason): endUnsent(&draft, reason: reason, isRefused: true)
        case .noAnswer(let reason): loseAnswer(&draft, source: "send", reason: reason)
        case .evidence(let evidence, let source): weigh(evidence, from: source, in: &draft)
        case .repeatedReceipt(let evidence, let source, let holder):
            takeRepeated(evidence, from: source, holder: holder, in: &draft)
        case .sharedID(let evidence, let source, let id, let holder):
            weigh(evidence, from: source, naming: id, of: holder, in: &draft)
        case .idShared(let id, let other): noteShared(id, with: other, in: &draft)
        case .possibleDouble(let other): name(other, in: &draft)
        case .noDouble(let other): freeTwin(other, in: &draft)
        case .resolved(let resolution, let ended): resolve(&draft, as: resolution, besides: ended)
        case .receiptIsAnothers(let receipt, let other): loseReceipt(receipt, to: other, in: &draft)
        case .triedAgain(let other): noteRetry(&draft, as: other)
        case .asked: countQuestion(&draft)
        case .nothingToAsk: noteNothingToAsk(&draft)
        case .timePassed: passTime(&draft)
        case .restarted: restart(&draft)
        case .reversing(let reversal, let unmoved, let ended):
            beginReversal(&draft, by: reversal, besides: unmoved, ended: ended)
        case .doubting(let reversal): doubt(reversal, in: &draft)
        case .reversed(let reversal): reverse(&draft, by: reversal)
        case .restored(let reversal): restore(&draft, from: reversal)
        case .reversedTooMuch(let original): noteExcess(&draft, of: original)
        }
        return draft.finish(rules: rules)
    }

    private func beginSending(_ draft: inout Draft) {
        guard draft.record.state == .created else { return }
        draft.record.attempts += 1
        if draft.record.attempts > 1 { draft.record.resentAt = draft.now }
        draft.record.sentAt = draft.record.sentAt ?? draft.now
        draft.move(to: .sending, source: "send")
    }

    /// Nothing left: of a first sending nothing has; of a second, what led to it holds.
    ///
    /// Where the organization itself has taken away what it was asked with, it is the organization's move.
    private func endUnsent(_ draft: inout Draft, source: String = "send", reason: String, isRefused: Bool = false) {
        switch draft.record.state {
        case .created, .sending:
            // M-Pesa has what was sent before, as it has said since.
            guard draft.record.resend == nil || !draft.record.hasArrived && draft.record.externalIDs.isEmpty else {
                return draft.move(to: .reconciling, source: source, meaning: reason)
            }
        // What is known only now holds all the same, of what M-Pesa knows nothing of.
        case .unknown, .reconciling, .manual:
            guard draft.record.externalIDs.isEmpty, !draft.record.hasArrived else { return }
        default: return
        }
        if draft.record.state != .created, waitAgain(&draft, source: source, reason: reason) { return }
        switch draft.record.resend {
        case .notFound: return draft.move(to: .reconciling, source: source, meaning: reason)
        case nil:
            draft.record.sentAt = nil
            draft.record.whoseMove = "organization"
        default:
            draft.record.releasedAt = draft.now
            draft.record.whoseMove = isRefused ? "organization" : "safaricom"
        }
        draft.record.meaning = reason
        draft.record.chargeAgain = "yes"
        closeDoublesOfUnsent(&draft)
        draft.move(to: .rejected, source: source, meaning: reason)
    }

    private func loseAnswer(_ draft: inout Draft, source: String, reason: String) {
        guard draft.record.state == .sending else { return }
        if draft.record.recordClass == .exchange, !rules.awaitsCallback {
            draft.move(to: .noAnswer, source: source, meaning: reason)
        } else {
            if draft.record.recordClass == .transaction { draft.record.chargeAgain = "check_first" }
            draft.move(to: .unknown, source: source, meaning: reason)
        }
    }

    private func countQuestion(_ draft: inout Draft) {
        let state = draft.record.state
        guard state == .accepted || state == .unknown || state == .reconciling || state == .manual else { return }
        draft.record.queries += 1
        draft.record.isUnaskable = false
        draft.move(to: state == .unknown ? .reconciling : state, source: "sweeper")
    }

    private func noteNothingToAsk(_ draft: inout Draft) {
        // Where there is an id to ask by, something else was missing, and may be there the next time.
        guard !draft.record.state.isEnded, !draft.record.isUnaskable, draft.record.externalIDs.isEmpty,
            !rules.carriesOwnID
        else { return }
        draft.record.isUnaskable = true
        draft.move(to: draft.record.state, source: "sweeper", meaning: "M-Pesa gave no id to ask by.")
    }

    private func passTime(_ draft: inout Draft) {
        let record = draft.record
        switch record.state {
        case .draft, .released: passTime(ofHeld: &draft)
        case .created where draft.now > record.sendBefore:
            let wasLookedAt = record.resend == nil ? "Never sent" : "Not sent again"
            endUnsent(&draft, source: "sweeper", reason: "\(wasLookedAt): the time in which it may be sent has passed.")
        case .sending where draft.now >= record.updatedAt + rules.sendingMax:
            loseAnswer(&draft, source: "sweeper", reason: "No answer was recorded.")
        case .accepted, .unknown, .reconciling:
            guard record.isSilent(at: draft.now, rules: rules) else { return noteOverdue(&draft) }
            if record.recordClass == .exchange {
                draft.move(to: .noAnswer, source: "sweeper", meaning: "M-Pesa did not answer.")
            } else {
                draft.effects.insert(.callPerson)
                draft.move(to: .manual, source: "sweeper", meaning: "M-Pesa stated no outcome. A person must look.")
            }
        default: return
        }
    }

    /// Says once that the time has passed in which M-Pesa says what became of it, where no step said so by the way.
    private func noteOverdue(_ draft: inout Draft) {
        let record = draft.record
        guard record.isOverdue(at: draft.now, rules: rules), !record.isOverdue(at: record.updatedAt, rules: rules)
        else { return }
        draft.move(to: record.state, source: "sweeper", meaning: "M-Pesa has not said in time what became of it.")
    }

    private func restart(_ draft: inout Draft) {
        switch draft.record.state {
        case .created where draft.record.attempts == 0:
            endUnsent(&draft, source: "restart", reason: "Never sent: the gateway stopped before it could.")
        case .sending: loseAnswer(&draft, source: "restart", reason: "The gateway stopped while this was being sent.")
        default: return
        }
    }
}

extension Record {
    /// When silence about the record becomes a person's business, or ends an exchange, if M-Pesa has answered often
    /// enough by then.
    package func horizon(rules: RecordMachine.Rules) -> Timestamp {
        if let query { return begunAt + query.horizon }
        return begunAt + (recordClass == .exchange ? rules.exchangeHorizon : rules.silenceHorizon)
    }

    /// Whether asking on is no longer of use: the horizon has come, and M-Pesa answered and stated no outcome, or there
    /// is nothing to ask by.
    package func isSilent(at now: Timestamp, rules: RecordMachine.Rules) -> Bool {
        if now >= begunAt + rules.askingMax { return true }
        guard now >= horizon(rules: rules) else { return false }
        return query == nil || isUnaskable || answers >= rules.answersMin
    }
}
