/// Why a transaction stands where it does: what is waited for, until when, whose move it is, and what that one can do now.
///
/// It is read off the record and its circumstances, and decides nothing.
package struct Explanation: Sendable, Equatable {
    /// Whose move it is.
    package enum Owner: String, Sendable, CaseIterable {
        /// This gateway's, by itself.
        case gateway
        /// M-Pesa's, or its customer's.
        case mpesa
        /// The people whom a rule asks, or who hold it.
        case approvers
        /// Somebody of the role manager.
        case manager
        /// Somebody who administers the organization.
        case administrator
        /// Whoever runs this gateway.
        case `operator`
        /// Nobody's: it has ended.
        case nobody
    }

    /// What is around a record.
    package struct Circumstances: Sendable {
        /// Whether a plugin is loaded that understands it.
        package var hasPlugin = true
        /// Whether its account has secrets to speak to M-Pesa with.
        package var hasCredential = true
        /// Why its organization may make no calls; nil where it may.
        package var refusal: String?
        /// Why it is stopped; nil where it is not.
        package var stop: String?
        /// Which limit of the day it would be past now; nil for none.
        var limit: LimitPlace?
        /// The batch that it is of.
        var batch: Batch?
        /// What that waits for, where the places of its account are taken.
        var places: BatchWait?
        /// What tries it again in another batch.
        var retry: BatchRetry?
        /// Whether M-Pesa has let the time pass in which it says what became of it.
        var isOverdue = false
        /// The rules of time.
        package var rules = RecordMachine.Rules()
        /// Where whoever asked for it may confirm it.
        package var page = ConfirmationPage(base: "")

        /// Nothing is in the way.
        package init() {}
    }

    /// Where it stands, in sentences.
    package let why: String
    /// What is waited for; nil once nothing is.
    package let waitsFor: String?
    /// When that is over, whatever comes; nil where it is not bounded, or nothing is waited for.
    package let until: Timestamp?
    /// When the gateway comes back to it by itself; nil where it does not.
    package let next: Timestamp?
    /// Whose move it is.
    package let owner: Owner
    /// What whoever's move it is, or may be, can do now.
    package let can: [String]
    /// What is in the way, and who takes it away; none where nothing is.
    package let obstacles: [String]
}

extension Explanation {
    private struct Parts {
        var why: String
        var waitsFor: String?
        var until: Timestamp?
        var owner: Owner
        var can: [String]
    }

    /// Explains a record.
    package init(_ record: Record, _ circumstances: Circumstances) {
        var parts =
            record.state.isEnded
            ? Self.ended(record, circumstances)
            : record.state.isHeld ? Self.held(record, circumstances) : Self.open(record, circumstances)
        if record.isDamaged { parts = Self.damaged(record, parts) }
        let obstacles = Self.obstacles(to: record, circumstances)
        if let first = obstacles.first, record.state == .released || record.state == .created {
            // Nothing of it leaves before that is taken away.
            parts.owner = first.owner
        }
        if record.isDisputed {
            let said = record.disputes.map(\.text).joined(separator: " ")
            parts.can.removeAll { $0 == Self.nothing || $0 == Self.nothingElse }
            parts.can.append("A manager looks it up in the M-Pesa statement: \(said)")
            if record.isDamaged, record.state.isEnded {
                parts.owner = .operator
                parts.can.append("Whoever runs the gateway has a backup of what cannot be read here.")
            } else if record.state.isEnded {
                parts.owner = .manager
                parts.can.append(Self.resolve)
                if record.disputes.contains(where: { $0.kind == .amount }) { parts.can.append(Self.otherAmount) }
            } else if !record.state.isHeld {
                parts.can.append("Do not repeat it under another key.")
            }
        }
        self.init(
            why: parts.why,
            waitsFor: parts.waitsFor,
            until: parts.until,
            next: Self.next(of: record, parts),
            owner: parts.owner,
            can: parts.can,
            obstacles: obstacles.map(\.text)
        )
    }

    /// An item of a batch is looked at with the others, and the moment of its own is far behind its end.
    private static func next(of record: Record, _ parts: Parts) -> Timestamp? {
        guard !record.state.isEnded, let own = record.nextActionAt else { return nil }
        guard record.state.isHeld, record.batch != nil, let until = parts.until else { return own }
        return min(own, until)
    }

    // MARK: What has not left

    private static func damaged(_ record: Record, _ parts: Parts) -> Parts {
        var parts = parts
        parts.why = "Part of what the store holds of it can no longer be read. " + parts.why
        guard record.state.isHeld else { return parts }
        (parts.waitsFor, parts.owner) = ("Its withdrawal: it is never sent.", .gateway)
        return parts
    }

    private static func held(_ record: Record, _ circumstances: Circumstances) -> Parts {
        let until = record.hold?.until
        if let batch = circumstances.batch { return item(record, of: batch, circumstances.places) }
        guard record.state == .draft else {
            return Parts(
                why: "It was let go by \(record.hold?.decidedBy ?? "somebody"), and has not left yet.",
                waitsFor: "Its turn to be sent.",
                until: until,
                owner: .gateway,
                can: [
                    "Whoever may approve it may still withdraw it (approvals.decline).",
                    takeBack,
                ]
            )
        }
        let asked = record.hold?.asked
        if asked?.isConfirmation == true { return unconfirmed(record, circumstances.page) }
        let (count, agreed) = (asked?.count ?? 1, record.hold?.approvers.count ?? 0)
        return Parts(
            why: "Nothing of it was sent: \(record.hold?.reason ?? "it is held.")",
            waitsFor: asked == nil
                ? "Whoever holds it lets it leave."
                : "\(count - agreed) of \(count) people of the role \(asked?.role.rawValue ?? "") or higher approve it.",
            until: until,
            owner: .approvers,
            can: [
                "People of that role, who did not ask for it, approve or decline it (approvals.approve, .decline).",
                takeBack,
            ]
        )
    }

    private static let takeBack =
        "Whoever asked for it takes it back (transactions.withdraw), as the owner of a key that did may (approvals.decline)."

    private static func unconfirmed(_ record: Record, _ page: ConfirmationPage) -> Parts {
        Parts(
            why: "Nothing of it was sent: \(record.hold?.reason ?? "it is held.")",
            waitsFor: "Whoever asked for it confirms it.",
            until: record.hold?.until,
            owner: .approvers,
            can: [
                "Whoever asked for it, or the owner of the key that did, confirms it \(page.way(to: record.id)), or where their "
                    + "client asks them.",
                takeBack,
                "People of the role \(record.hold?.asked?.role.rawValue ?? "") or higher, who did not ask for it, approve or "
                    + "decline it (approvals.approve, .decline).",
            ]
        )
    }

    /// What failed in another batch has a guard against repeats, which holds for a moment behind its end.
    private static func turn(of record: Record) -> String {
        guard let place = record.batch, let failed = place.retryOf, !place.isTriedAgain, place.confirmedBy == nil else {
            return "Its turn to be sent."
        }
        return "Its turn to be sent, once the guard against repeats of \(failed), which it tries again, is over."
    }

    private static func item(_ record: Record, of batch: Batch, _ places: BatchWait?) -> Parts {
        if batch.state == .running, let places {
            return Parts(
                why: "Its batch \(batch.id), which was released by \(batch.releasedBy ?? "somebody"), waits. "
                    + places.words,
                waitsFor: "A place of its account, then its turn to be sent.",
                until: batch.until,
                owner: .gateway,
                can: [
                    "A manager who has looked one of those up in the M-Pesa statement says what became of it "
                        + "(transactions.resolve).",
                    "Whoever may release its batch pauses or cancels it (batches.pause, .cancel).",
                ]
            )
        }
        guard batch.isWaiting else {
            let isRunning = batch.state == .running
            return Parts(
                why: isRunning
                    ? "It leaves with its batch \(batch.id), which was released by \(batch.releasedBy ?? "somebody")."
                    : "Its batch \(batch.id) was stopped: \(batch.reason ?? "").",
                waitsFor: isRunning ? turn(of: record) : "Its withdrawal.",
                until: batch.until,
                owner: .gateway,
                can: [
                    isRunning
                        ? "Whoever may release its batch pauses or cancels it (batches.pause, .cancel)."
                        : "Nothing needs to be done: the gateway withdraws it in a moment."
                ]
            )
        }
        let why = (batch.state == .paused ? batch.reason : batch.heldBecause) ?? "a person must release it."
        return Parts(
            why:
                "Nothing of it was sent: its batch \(batch.id) \(batch.state == .paused ? "is paused" : "waits"): \(why)",
            waitsFor: "Somebody lets its batch go on.",
            until: batch.until,
            owner: .approvers,
            can: [
                "Whoever may release its batch does so, or cancels it "
                    + (batch.state == .paused ? "(batches.resume, .cancel)." : "(batches.release, .cancel).")
            ]
        )
    }

    // MARK: What may have left

    private static let nothing = "Nothing needs to be done."
    private static let nothingElse = "Nothing needs to be done; do not repeat it under another key."
    private static let resolve =
        "A manager who has looked it up in the M-Pesa statement says what became of it (transactions.resolve)."

    private static let otherAmount = "Where the statement too has another amount than was asked for, it stays disputed."

    private static func open(_ record: Record, _ circumstances: Circumstances) -> Parts {
        let rules = circumstances.rules
        let horizon = record.horizon(rules: rules)
        switch record.state {
        case .accepted where circumstances.isOverdue, .unknown where circumstances.isOverdue,
            .reconciling where circumstances.isOverdue:
            return overdue(record, rules)
        case .created:
            return Parts(
                why: "M-Pesa has not processed it, and the same request is sent again.",
                waitsFor: "The moment at which it may be sent again.",
                until: record.sendBefore,
                owner: .gateway,
                can: [nothing]
            )
        case .sending:
            return Parts(
                why: "The request is on its way to M-Pesa.",
                waitsFor: "M-Pesa's answer to it.",
                until: record.updatedAt + rules.sendingMax,
                owner: .mpesa,
                can: [nothingElse]
            )
        case .accepted:
            return Parts(
                why: "M-Pesa took the request, and has not said what came of it.",
                waitsFor: record.direction == .incoming
                    ? "The customer's answer on their phone, and M-Pesa's message." : "M-Pesa's message.",
                until: horizon,
                owner: .mpesa,
                can: [nothingElse]
            )
        case .manual:
            return Parts(
                why: "M-Pesa stated no outcome, and the gateway asks no more than once a day.",
                waitsFor: "Somebody who looks it up.",
                until: nil,
                owner: .manager,
                can: [resolve]
            )
        default:
            return Parts(
                why: "The request left, or may have, and nothing that came back proves what became of it.",
                waitsFor: record.query == nil
                    ? "A message of M-Pesa's." : "M-Pesa's answer to a question, or its message.",
                until: horizon,
                owner: .gateway,
                can: ["The gateway goes on asking; do not repeat it under another key."]
                    + (record.recordClass == .exchange ? [] : [resolve])
            )
        }
    }

    private static func overdue(_ record: Record, _ rules: RecordMachine.Rules) -> Parts {
        let asking = record.query == nil ? "" : ", and the gateway goes on asking"
        return Parts(
            why: (record.state == .accepted
                ? "M-Pesa took the request" : "The request left, or may have")
                + ", and the time has passed in which M-Pesa says what came of it\(asking).",
            waitsFor: "Somebody who looks it up, or M-Pesa's word.",
            until: record.begunAt + rules.askingMax,
            owner: .manager,
            can: [resolve, "Do not repeat it under another key before that is known."]
        )
    }

    // MARK: What has ended

    private static func ended(_ record: Record, _ circumstances: Circumstances) -> Parts {
        let said = record.meaning.map { " " + $0 } ?? ""
        let can = circumstances.retry.map(Self.retried) ?? after(record)
        return Parts(why: Self.end(record) + said, waitsFor: nil, until: nil, owner: .nobody, can: can)
    }

    private static func retried(_ retry: BatchRetry) -> [String] {
        ["It is tried again by \(retry.retry), of the batch \(retry.batch): look there, and do not ask for it again."]
    }

    private static func end(_ record: Record) -> String {
        let word =
            record.resolution.flatMap { said in
                record.hasEnded(as: said.outcome) ? said.isConfirmed ? "A person and M-Pesa" : "A person" : nil
            } ?? "M-Pesa"
        switch record.state {
        case .succeeded: return "\(word) said that the money moved."
        case .reversed: return "The money moved, and all of it moved back."
        case .failed: return "\(word) said that the money did not move."
        case .cancelled: return "The customer declined."
        case .expired: return "The customer did not answer in time."
        case .withdrawn:
            return "It was held and withdrawn by \(record.hold?.decidedBy ?? "the gateway"); nothing was sent."
        case .noAnswer: return "M-Pesa did not answer the question."
        default: return record.sentAt == nil ? "It was never sent." : "M-Pesa refused the request."
        }
    }

    private static func after(_ record: Record) -> [String] {
        if record.recordClass == .exchange { return ["Ask again."] }
        switch record.state {
        case .succeeded where record.direction == .incoming && !record.isDamaged:
            return ["It can be given back (a reversal)."]
        case .succeeded, .reversed: return [nothing]
        case .failed where record.direction == .reverse && !record.hasMovedNothing && !record.isDisputed:
            return ["Another reversal names this one as one that did not move (held_reversals)."]
        case .withdrawn where record.batch == nil:
            return ["What is wanted still is asked for as a new payment, with a new key."]
        case .withdrawn: return ["What is wanted still is paid by another batch (batches.retry, withdrawn)."]
        default:
            let again =
                record.batch == nil || record.isDisputed
                ? [] : ["Where it is wanted still, another batch pays it (batches.retry)."]
            return again + [
                record.advice == "yes"
                    ? "It may be asked for again, with a new key."
                    : "Before it is asked for again, look at what M-Pesa said (charge_again: \(record.advice ?? "check_first"))."
            ]
        }
    }

    // MARK: What is in the way

    private static func obstacles(
        to record: Record,
        _ circumstances: Circumstances
    ) -> [(owner: Owner, text: String)] {
        guard !record.state.isEnded else { return [] }
        var found: [(owner: Owner, text: String)] = []
        let hasToLeave = record.state.isHeld || record.state == .created
        if !circumstances.hasPlugin {
            let what = hasToLeave ? "it cannot be sent" : "M-Pesa cannot be asked, and messages wait"
            found.append(
                (.operator, "Its plugin \(record.plugin) is not loaded, so \(what): whoever runs the gateway loads it.")
            )
        }
        if !circumstances.hasCredential {
            let what = hasToLeave ? "it cannot be sent" : "M-Pesa cannot be asked; its messages are taken all the same"
            found.append((.administrator, "Its account has no credentials, so \(what): an administrator sets them."))
        }
        if hasToLeave, let refusal = circumstances.refusal {
            found.append((.administrator, "The organization may send nothing now: \(refusal)"))
        }
        if record.state.isHeld, let place = circumstances.limit {
            let whose = place.isOfReceiver ? "of its receiver" : "of a day"
            found.append(
                (
                    .administrator,
                    "A limit \(whose) is used up: it waits until another day, or an administrator sets other limits."
                )
            )
        }
        if hasToLeave, let stop = circumstances.stop {
            found.append((.administrator, "\(stop) An administrator lets it go on (payments.resume)."))
        }
        return found
    }
}
