extension Record {
    /// The step that every life begins with.
    package var firstEvent: RecordEvent {
        RecordEvent(sequence: version, at: createdAt, source: "commit", from: state, to: state)
    }
}

/// One step in a record's life.
package struct RecordEvent: Sendable, Equatable {
    /// 1, 2, 3 … within the record: the version of the record that the step led to.
    package let sequence: Int
    /// When.
    package let at: Timestamp
    /// What told us: `commit`, `send`, `reply`, `callback:result`, `query`, `sweeper`, `restart`, `reversal`,
    /// `host`, `person`, `statement`.
    package let source: String
    /// What it said, when it was evidence.
    package let verdict: String?
    /// M-Pesa's code, when there was one.
    package let code: String?
    /// For people.
    package let meaning: String?
    /// The state before.
    package let from: RecordState
    /// The state after.
    package let to: RecordState

    /// Makes an event.
    package init(
        sequence: Int,
        at: Timestamp,
        source: String,
        verdict: String? = nil,
        code: String? = nil,
        meaning: String? = nil,
        from: RecordState,
        to: RecordState
    ) {
        self.sequence = sequence
        self.at = at
        self.source = source
        self.verdict = verdict
        self.code = code
        self.meaning = meaning
        self.from = from
        self.to = to
    }
}
