/// A report as it was made: it never changes.
package struct StoredReport: Sendable, Equatable {
    /// Names it.
    package let id: Identifier
    /// Such as `DAILY`.
    package let kind: String
    /// What it is about.
    package let question: ReportQuestion
    /// Who had it made: `user:<id>` or `key:<id>`.
    package let madeBy: String
    /// When.
    package let madeAt: Timestamp
    /// When it is forgotten.
    package let expiresAt: Timestamp
    /// Up to which event it knows what became true.
    package let position: Int64
    /// Up to which event its corrections of earlier reports were looked for: the next report goes on there.
    package let correctedTo: Int64
    /// By what it is kept once; nil where it is kept as often as it is asked for.
    package let key: String?
    /// JSON, as it was answered; empty where it is left out or forgotten.
    package let document: [UInt8]

    /// Gathers them.
    package init(
        id: Identifier,
        kind: String,
        question: ReportQuestion,
        madeBy: String,
        madeAt: Timestamp,
        expiresAt: Timestamp,
        position: Int64,
        correctedTo: Int64,
        key: String? = nil,
        document: [UInt8]
    ) {
        self.id = id
        self.kind = kind
        self.question = question
        self.madeBy = madeBy
        self.madeAt = madeAt
        self.expiresAt = expiresAt
        self.position = position
        self.correctedTo = correctedTo
        self.key = key
        self.document = document
    }

    /// Whether somebody may see it now: whoever made it, it tells of nothing that they may not see.
    package func isSeen(by principal: Principal) -> Bool {
        Purview(maker: question.madeBy, accounts: question.accounts).isSeen(by: principal)
    }
}
