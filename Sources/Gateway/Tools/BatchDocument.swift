import OrderedJSON

/// A batch as everybody is shown it: the host's own words, for plugins know nothing of batches.
package enum BatchDocument {
    private static let text: JSON = ["type": "string"]
    private static let count: JSON = ["type": "integer", "minimum": 0]
    private static func counting(_ description: String) -> JSON {
        ["type": "integer", "minimum": 0, "description": .string(description)]
    }
    private static let milliseconds: JSON = ["type": "integer", "description": "Milliseconds since 1970."]

    /// What its items are counted by.
    private enum Part: String, CaseIterable {
        case waiting
        case undecided
        case overdue
        case needsPerson = "needs_person"
        case succeeded
        case failed
        case withdrawn

        var schema: JSON {
            switch self {
            case .overdue: BatchDocument.counting("Sent, and M-Pesa has not said in time what became of them.")
            case .needsPerson: BatchDocument.counting("M-Pesa stated no outcome: a person must look.")
            case .waiting, .undecided, .succeeded, .failed, .withdrawn: count
            }
        }

        init(_ state: RecordState) {
            switch state {
            case .draft, .released: self = .waiting
            case .created, .sending, .accepted, .unknown, .reconciling: self = .undecided
            case .manual: self = .needsPerson
            case .succeeded, .reversed: self = .succeeded
            case .failed, .cancelled, .expired, .rejected, .noAnswer: self = .failed
            case .withdrawn: self = .withdrawn
            }
        }
    }

    /// Of a batch.
    package static let schema: JSON = [
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["status", "state", "total_payments", "total_amount", "next"],
        "properties": [
            "batch_id": ["type": "string", "description": "Names it; ask for its progress by it."],
            "batch_name": text, "tool": text, "account": text,
            "status": [
                "enum": [
                    "PENDING", "PROCESSING", "COMPLETED", "PARTIALLY_COMPLETED", "FAILED", "CANCELLED", "CHECKED",
                ],
                "description": "In the words of reports. COMPLETED only when every payment was made.",
            ],
            "state": [
                "enum": .array(BatchState.allCases.map { .string($0.rawValue) } + ["checked"]),
                "description": "Exactly where it stands.",
            ],
            "version": count, "total_payments": count,
            "total_amount": [
                "type": "integer",
                "description": "Whole Kenyan shillings; never more is paid. Of validate_only: of good rows.",
            ],
            "successful_payments": count,
            "paid_amount": ["type": "integer", "description": "Whole Kenyan shillings."],
            "counts": [
                "type": "object", "description": "Payments by where they stand; one that is tried again counts twice.",
                "properties": .object(Part.allCases.reduce(into: [:]) { $0[$1.rawValue] = $1.schema }),
            ],
            "releaser": [
                "enum": .array(BatchReleaser.allCases.map { .string($0.rawValue) }),
                "description": "Who may release it: a person, or another person than its maker.",
            ],
            "held_because": ["type": "string", "description": "Why it waits for a person."],
            "approvals_needed": [
                "type": "integer", "description": "How many people a rule asked for when it was made.",
            ],
            "approved_by": ["type": "array", "items": text, "description": "Who has agreed to its leaving so far."],
            "is_earlier": [
                "type": "boolean",
                "description":
                    "Whether this call made nothing: the batch was there already, for the same id, key or payments.",
            ],
            "made_by": text, "released_by": text, "decided_by": text,
            "reason": ["type": "string", "description": "Why it was paused or stopped, or waits."],
            "confirmed_rows": ["type": "integer", "description": "Rows that repeat a payment, as somebody confirmed."],
            "repeats": ["type": "string", "description": "The batch that it repeats, as somebody confirmed."],
            "struck": [
                "type": "array", "description": "Rows taken out of it while it waited; the totals are without them.",
                "items": [
                    "type": "object", "required": ["by", "at_ms", "reason", "rows", "amount"],
                    "properties": ["by": text, "at_ms": milliseconds, "reason": text, "rows": count, "amount": count],
                ],
            ],
            "sha256": ["type": "string", "description": "Of what people agree to; another once rows are struck."],
            "retry_of": ["type": "string", "description": "The batch whose unpaid payments it tries again."],
            "retried_by": [
                "type": "array", "items": text,
                "description": "Batches that try again what ended unpaid; of batches.show.",
            ],
            "created_ms": milliseconds, "not_before_ms": milliseconds, "ended_ms": milliseconds,
            "until_ms": ["type": "integer", "description": "When what has not left is withdrawn by itself."],
            "errors": [
                "type": "array", "description": "What is wrong, each with its row; of validate_only.",
                "items": [
                    "type": "object", "required": ["row", "pointer", "message"],
                    "properties": ["row": count, "pointer": text, "message": text],
                ],
            ],
            "file": [
                "type": "object", "description": "What was read of the file that this call sent.",
                "properties": [
                    "sheet": ["type": "string", "description": "The sheet of an XLSX."],
                    "columns": [
                        "type": "object", "additionalProperties": text,
                        "description": "Which header was read as which member.",
                    ],
                ],
            ],
            "notes": [
                "type": "array", "items": text,
                "description": "What may keep it from being paid whole: a limit of one payment or a day, the float.",
            ],
            "next": ["type": "string", "description": "What to do now."],
        ],
        "additionalProperties": false,
    ]

    /// Writes a batch, as the sums of its items have it.
    ///
    /// - Parameters:
    ///   - overdue: How many of those that are undecided M-Pesa has let its time pass of.
    ///   - isEarlier: Whether it is shown to somebody who asked for a new one.
    ///   - wait: What it waits for though it runs.
    ///   - stop: What stops it though it runs, in words.
    ///   - retries: The batches that try its unpaid payments again.
    package static func write(
        _ batch: Batch,
        _ sums: [RecordState: RollupSum],
        overdue: Int64 = 0,
        isEarlier: Bool = false,
        waiting wait: BatchWait? = nil,
        stoppedBy stop: String? = nil,
        retriedBy retries: [BatchID] = [],
        to writer: inout JSONWriter
    ) {
        var counts: [Part: Int64] = [:]
        for (state, sum) in sums { counts[Part(state), default: 0] += sum.transactions }
        let overdue = min(overdue, counts[.undecided] ?? 0)
        counts[.undecided] = (counts[.undecided] ?? 0) - overdue
        counts[.overdue] = overdue
        let paid = sums[.succeeded]?.amount ?? 0
        writer.beginObject()
        writer.optional("batch_id", batch.id.description)
        if !batch.name.isEmpty { writer.optional("batch_name", batch.name) }
        writer.optional("tool", batch.tool)
        writer.optional("account", batch.accountName.description)
        writer.optional("status", status(batch, counts[.succeeded] ?? 0, counts))
        writer.optional("state", batch.state.rawValue)
        writer.optional("version", Int64(batch.version))
        writer.optional("total_payments", Int64(batch.items))
        writer.optional("total_amount", batch.total)
        writer.optional("successful_payments", counts[.succeeded] ?? 0)
        writer.optional("paid_amount", paid)
        writer.key("counts")
        writer.beginObject()
        for part in Part.allCases { writer.optional(part.rawValue, counts[part] ?? 0) }
        writer.endObject()
        if batch.state == .draft { writer.optional("releaser", batch.releaser.rawValue) }
        writer.optional("held_because", batch.state == .draft ? batch.heldBecause : nil)
        writeApprovals(batch, to: &writer)
        if isEarlier {
            writer.key("is_earlier")
            writer.bool(true)
        }
        writer.optional("made_by", batch.madeBy)
        writer.optional("released_by", batch.releasedBy)
        writer.optional("decided_by", batch.decidedBy)
        writer.optional("reason", stop ?? wait?.words ?? batch.reason)
        if batch.confirmedRows > 0 { writer.optional("confirmed_rows", Int64(batch.confirmedRows)) }
        writer.optional("repeats", batch.repeats?.description)
        if !batch.strikes.isEmpty {
            writer.key("struck")
            writer.value(.array(batch.strikes.map(document)))
        }
        writer.optional("sha256", batch.agreed)
        writer.optional("retry_of", batch.retryOf?.description)
        if !retries.isEmpty {
            writer.key("retried_by")
            writer.value(.array(retries.map { .string($0.description) }))
        }
        writer.optional("created_ms", batch.createdAt.milliseconds)
        writer.optional("not_before_ms", batch.notBefore?.milliseconds)
        writer.optional("ended_ms", batch.endedAt?.milliseconds)
        if batch.endedAt == nil { writer.optional("until_ms", batch.until.milliseconds) }
        writer.optional("next", (isEarlier ? earlier(batch) : "") + next(batch, wait, stop, counts) + late(overdue))
        writer.endObject()
    }

    private static func document(_ strike: Batch.Strike) -> JSON {
        [
            "by": .string(strike.by), "at_ms": .integer(strike.at.milliseconds), "reason": .string(strike.reason),
            "rows": .integer(Int64(strike.rows)), "amount": .integer(strike.amount),
        ]
    }

    private static func writeApprovals(_ batch: Batch, to writer: inout JSONWriter) {
        guard batch.isWaiting else { return }
        writer.optional("approvals_needed", batch.asked.map { Int64($0.count) })
        guard !batch.approvers.isEmpty else { return }
        writer.key("approved_by")
        writer.value(.array(batch.approvers.map { .string($0) }))
    }

    /// Said to whoever may have meant another one.
    private static func earlier(_ batch: Batch) -> String {
        """
        This is the batch that was made at \(batch.createdAt); nothing new was made. If the same payments are meant once more, \
        a person sends them with a batch_id of their own and "repeats": "\(batch.id)". 
        """
    }

    /// What checking found of payments that are not kept.
    package static func write(_ checked: BatchChecked) -> JSON {
        let listed = checked.errors.map { error -> JSON in
            [
                "row": .integer(Int64(error.row)), "pointer": .string(error.pointer),
                "message": .string(error.message),
            ]
        }
        return [
            "status": "CHECKED", "state": "checked", "total_payments": .integer(Int64(checked.items)),
            "total_amount": .integer(checked.total), "errors": .array(listed), "next": .string(next(checked)),
        ]
    }

    private static func next(_ checked: BatchChecked) -> String {
        guard !checked.errors.isEmpty else { return "Every row is good. Nothing was kept or sent." }
        let (read, items) = (checked.read, checked.items)
        let of = read == items ? "" : " total_amount is of the \(read) of \(items) that are good."
        return "Correct these rows.\(of) Nothing was kept or sent."
    }

    private static func status(_ batch: Batch, _ paid: Int64, _ counts: [Part: Int64]) -> String {
        guard batch.endedAt != nil else { return batch.state == .draft ? "PENDING" : "PROCESSING" }
        if paid >= Int64(batch.items) { return "COMPLETED" }
        if paid > 0 { return "PARTIALLY_COMPLETED" }
        return batch.state == .cancelled && (counts[.failed] ?? 0) == 0 ? "CANCELLED" : "FAILED"
    }

    private static func next(
        _ batch: Batch,
        _ wait: BatchWait?,
        _ stop: String?,
        _ counts: [Part: Int64]
    ) -> String {
        if batch.endedAt != nil { return "It has ended. Its result lists every payment." }
        switch batch.state {
        case .draft:
            let who = batch.releaser == .another ? "another person than its maker" : "a person"
            return "Nothing was sent. " + (agreed(batch, "released") ?? "It waits until \(who) releases it.")
        case .running where stop != nil:
            return "Nothing of it leaves while it is stopped; reason says by what. Do not repeat it."
        case .running where wait != nil:
            return
                "It waits for a place of its account, and nothing of it leaves meanwhile; reason says why. Do not repeat it."
        case .running where counts[.waiting, default: 0] == 0:
            return "All of it has left; what M-Pesa has not decided is waited for. Do not send it again."
        case .running where batch.notBefore != nil && counts[.waiting] == Int64(batch.items):
            return "Its payments leave from not_before_ms on, one after another; do not send it again."
        case .running:
            return "Its payments are being sent, one after another. Ask for its progress; do not send it again."
        case .paused:
            let agreed = agreed(batch, "resumed").map { $0 + " " } ?? ""
            return "\(agreed)Nothing more is sent until a person resumes or cancels it: \(batch.reason ?? "")"
        case .cancelled, .broken: return "Nothing more is sent; what has left is waited for."
        case .completed: return "It has ended. Its result lists every payment."
        }
    }
}

extension BatchDocument {
    private static func late(_ overdue: Int64) -> String {
        guard overdue > 0 else { return "" }
        let (of, have) = overdue == 1 ? ("One of its payments", "has") : ("\(overdue) of its payments", "have")
        return " \(of) \(have) not been decided in time: GET /unknowns says what can be done about it."
    }

    /// How many of those whom a rule asks have let it go on; nil where nobody has.
    private static func agreed(_ batch: Batch, _ done: String) -> String? {
        let agreed = batch.approvers.count
        guard agreed > 0 else { return nil }
        guard let asked = batch.asked?.count, asked > agreed else {
            let people = agreed == 1 ? "person has" : "people have"
            return "\(agreed) \(people) \(done) it, and the rules ask for more by now."
        }
        let have = agreed == 1 ? "has" : "have"
        return "\(agreed) of \(asked) people \(have) \(done) it: it waits for \(asked - agreed) more."
    }
}

/// What checking found of payments that are not kept.
package struct BatchChecked: Sendable, Equatable {
    /// How many payments there are.
    package let items: Int
    /// How many of them nothing is wrong with, doubts apart.
    package let read: Int
    /// What those sum to, in whole shillings.
    package let total: Int64
    /// What is wrong.
    package let errors: [BatchError]

    init(items: Int, read: Int, _ total: Int64, _ errors: [BatchError]) {
        self.items = items
        self.read = read
        self.total = total
        self.errors = errors
    }
}

/// What is wrong with a row.
package struct BatchError: Sendable, Equatable {
    /// From 1.
    package let row: Int
    /// Into the arguments of the call.
    package let pointer: String
    /// What was expected, and what to do.
    package let message: String
    /// Whether it is only asked whether it is meant.
    package let isDoubt: Bool

    /// States it.
    package init(row: Int, pointer: String, message: String, isDoubt: Bool = false) {
        self.row = row
        self.pointer = pointer
        self.message = message
        self.isDoubt = isDoubt
    }
}
