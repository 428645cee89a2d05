/// What was used, and what is asked for it.
package protocol UsageRepository: Sendable {
    /// What an organization used, oldest first.
    ///
    /// - Throws: `limitExceeded` when there would be more rows than the question's limit.
    func usage(_ question: UsageQuestion) async throws(GatewayError) -> [UsageSum]

    /// What an organization's transactions of a time came to.
    func volume(_ question: VolumeQuestion) async throws(GatewayError) -> [VolumeSum]

    /// The lines of an organization's invoice, in order; none where none was issued.
    func invoice(_ month: Month, organization: OrganizationID) async throws(GatewayError) -> [InvoiceLine]
    /// The months of which an organization has an invoice, newest first, with what each comes to.
    func invoices(
        organization: OrganizationID,
        limit: Int
    ) async throws(GatewayError) -> [(month: Month, cents: Int64)]
    /// Adds lines to an invoice behind those that it has.
    ///
    /// - Parameter isNew: Whether there must be none yet.
    /// - Throws: `conflict` when there is one already, or none.
    func add(
        _ lines: [InvoiceLine],
        to month: Month,
        organization: OrganizationID,
        isNew: Bool
    ) async throws(GatewayError)
}

/// What of an organization's usage is asked.
package struct UsageQuestion: Sendable {
    /// By what it is told apart, besides by time.
    package enum Part: String, Sendable, CaseIterable {
        /// By tool or action.
        case tool
        /// By who called: a key or a user.
        case subject
        /// By what it counts as.
        case counted
        /// By what kind of caller: person, machine, agent.
        case caller
        /// By the account that it was for; what is for none has no account.
        case account
    }

    /// Into which times it is put together.
    package enum Period: String, Sendable, CaseIterable {
        /// Hours.
        case hour
        /// Days of Nairobi.
        case day
        /// Months of Nairobi.
        case month
    }

    /// Whose.
    package let organization: OrganizationID
    /// Which M-Pesa.
    package let environment: Environment
    /// From this hour on.
    package let from: Timestamp
    /// Up to this hour, without it.
    package let until: Timestamp
    /// Into which times it is put together.
    package let period: Period
    /// By what it is told apart.
    package let parts: Set<Part>
    /// How many rows there may be.
    package let rowsMax: Int

    /// Asks.
    package init(
        organization: OrganizationID,
        environment: Environment,
        from: Timestamp,
        until: Timestamp,
        period: Period,
        parts: Set<Part> = [],
        rowsMax: Int = 10_000
    ) {
        self.organization = organization
        self.environment = environment
        self.from = from
        self.until = until
        self.period = period
        self.parts = parts
        self.rowsMax = rowsMax
    }
}

/// One row of usage.
package struct UsageSum: Sendable, Equatable {
    /// Its first moment.
    package let start: Timestamp
    /// What it is told apart by, as far as that was asked, and there is something to say.
    package let parts: [UsageQuestion.Part: String]
    /// Calls that succeeded.
    package var succeeded: Int64
    /// Calls that did not.
    package var failed: Int64

    /// The tool or action; empty where it was not asked to be told apart.
    package var tool: String { parts[.tool] ?? "" }
    /// What it counts as; empty where it was not asked to be told apart.
    package var counted: String { parts[.counted] ?? "" }

    /// States a row.
    package init(start: Timestamp, parts: [UsageQuestion.Part: String], succeeded: Int64, failed: Int64) {
        self.start = start
        self.parts = parts
        self.succeeded = succeeded
        self.failed = failed
    }
}

/// Of which transactions the sums are asked.
package struct VolumeQuestion: Sendable {
    /// Whose.
    package let organization: OrganizationID
    /// Which M-Pesa.
    package let environment: Environment
    /// Begun then or later.
    package let from: Timestamp
    /// Begun before that.
    package let until: Timestamp
    /// How many are read at most.
    package let recordsMax: Int

    /// Asks.
    package init(
        organization: OrganizationID,
        environment: Environment,
        from: Timestamp,
        until: Timestamp,
        recordsMax: Int = 100_000
    ) {
        self.organization = organization
        self.environment = environment
        self.from = from
        self.until = until
        self.recordsMax = recordsMax
    }
}

/// What transactions of one direction and state came to.
package struct VolumeSum: Sendable, Equatable {
    /// Which way.
    package let direction: OperationDirection
    /// The state.
    package let state: RecordState
    /// How many.
    package let count: Int64
    /// Shillings.
    package let amount: Int64

    /// States a sum.
    package init(direction: OperationDirection, state: RecordState, count: Int64, amount: Int64) {
        self.direction = direction
        self.state = state
        self.count = count
        self.amount = amount
    }
}

/// One line of an invoice: never changed once it is there.
package struct InvoiceLine: Sendable, Equatable {
    /// What a line is for.
    package enum Kind: String, Sendable {
        /// The plan's price of a month.
        case subscription
        /// Calls of one tool.
        case calls
        /// What was wrong in a line before.
        case correction
    }

    /// What it is for.
    package let kind: Kind
    /// Of calls: the tool or action, which usage and audit know by the same name.
    package let tool: String?
    /// Of calls: what they count as.
    package let counted: String?
    /// In words.
    package let text: String
    /// How many.
    package let quantity: Int64
    /// Of one: hundredths of a shilling.
    package let unitCents: Int64
    /// Of all: hundredths of a shilling.
    package let amountCents: Int64
    /// Who made the line.
    package let madeBy: String
    /// When.
    package let madeAt: Timestamp

    /// States a line.
    package init(
        kind: Kind,
        tool: String? = nil,
        counted: String? = nil,
        text: String,
        quantity: Int64 = 1,
        unitCents: Int64,
        madeBy: String,
        madeAt: Timestamp
    ) {
        self.kind = kind
        self.tool = tool
        self.counted = counted
        self.text = text
        self.quantity = quantity
        self.unitCents = unitCents
        let (amount, isTooLarge) = quantity.multipliedReportingOverflow(by: unitCents)
        amountCents = isTooLarge ? .max : amount
        self.madeBy = madeBy
        self.madeAt = madeAt
    }
}
