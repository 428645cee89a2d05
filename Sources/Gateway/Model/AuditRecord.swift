import OrderedJSON

/// One line of the audit: who did what, when, by which door, and what came of it.
///
/// Never changed, never deleted.
///
/// Arguments are masked before they get here; no secret ever does.
package struct AuditRecord: Sendable, Equatable {
    /// What stands in an organization's place in the chain of lines that belong to none: the host's own.
    package static let nobody = OrganizationID(Identifier(high: 0, low: 0))

    /// What came of it.
    package enum Outcome: String, Sendable {
        /// Begun; a crash leaves it so.
        case begun
        /// Done.
        case success = "SUCCESS"
        /// Refused, or M-Pesa refused.
        case failed = "FAILED"
        /// The house failed.
        case error = "ERROR"
    }

    /// Names the line; sorts by time.
    package let id: Identifier
    /// Whose line; nil for what belongs to no organization, such as a login with an unknown name.
    package let organization: OrganizationID?
    /// When.
    package let at: Timestamp
    /// The call it belongs to.
    package let call: CallID
    /// `user:<id>`, `key:<id>`, `operator`, `host`, `mpesa` or `anonymous`.
    package let subject: String
    /// What was done, such as `STK_PUSH_INITIATED` or `LOGIN_FAILED`.
    package let action: String
    /// The tool, when it was one.
    package let tool: String?
    /// `rest`, `mcp`, `callback`, `management`, `cli` or `host`.
    package let door: String
    /// What came of it.
    package let outcome: Outcome
    /// The error's code, when it failed.
    package let code: String?
    /// The record it made or touched.
    package let record: RecordID?
    /// Which M-Pesa, when that matters.
    package let environment: Environment?
    /// The caller's address as the door saw it.
    package let address: String?
    /// Masked arguments or other facts, as JSON text; at most a few KiB.
    package let detail: String?

    /// Makes a line.
    package init(
        id: Identifier,
        organization: OrganizationID?,
        at: Timestamp,
        call: CallID,
        subject: String,
        action: String,
        tool: String? = nil,
        door: String,
        outcome: Outcome,
        code: String? = nil,
        record: RecordID? = nil,
        environment: Environment? = nil,
        address: String? = nil,
        detail: String? = nil
    ) {
        self.id = id
        self.organization = organization
        self.at = at
        self.call = call
        self.subject = subject
        self.action = action
        self.tool = tool
        self.door = door
        self.outcome = outcome
        self.code = code
        self.record = record
        self.environment = environment
        self.address = address
        self.detail = detail
    }
}

/// What one call adds to the organization's usage.
package struct UsageRecord: Sendable, Hashable {
    /// Whose usage.
    package let organization: OrganizationID
    /// Which M-Pesa.
    package let environment: Environment
    /// The tool.
    package let tool: String
    /// What it counts as for quotas and prices: `money`, `administration` or a bucket; empty for what was counted before
    /// that was told apart.
    package let counted: String
    /// Who called, as audit shows subjects.
    package let subject: String
    /// What kind of caller; nil for what was counted before that was told apart.
    package let caller: CallerKind?
    /// For which of the organization's accounts; nil where it is for none.
    package let account: AccountName?
    /// The hour it counts for: milliseconds since 1970, a multiple of 3,600,000.
    package let hour: Timestamp
    /// Whether the call succeeded.
    package let succeeded: Bool
    /// Whether this takes back what was counted, instead of counting it.
    package var isTakenBack = false

    /// Makes a usage record for the hour of a moment.
    package init(
        organization: OrganizationID,
        environment: Environment,
        tool: String,
        counted: String = "",
        subject: String = "",
        caller: CallerKind? = nil,
        account: AccountName? = nil,
        at: Timestamp,
        succeeded: Bool
    ) {
        self.organization = organization
        self.environment = environment
        self.tool = tool
        self.counted = counted
        self.subject = subject
        self.caller = caller
        self.account = account
        self.hour = Timestamp(milliseconds: at.milliseconds - at.milliseconds % 3_600_000)
        self.succeeded = succeeded
    }

    /// By what tells most of them apart: every call looks one up, and all of it is many texts.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(organization)
        hasher.combine(tool)
        hasher.combine(subject)
    }

    /// The line that takes this one back.
    package var takenBack: UsageRecord {
        var line = self
        line.isTakenBack = true
        return line
    }
}
