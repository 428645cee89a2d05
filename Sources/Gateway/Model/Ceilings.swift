/// What an organization may have and use up at most: the plan's, or its own in their place.
package struct Ceilings: Sendable, Equatable {
    /// The words that quotas and prices go by, beside the buckets of tools that only read.
    package enum Counted {
        /// Calls of tools that move money: counted in the commit of their transaction.
        package static let money = "money"
        /// Changes by actions of the host's own: counted in the commit of the line that says that they begin.
        package static let administration = "administration"
        /// What only reads, unless its tool names another bucket; a repeat of a payment or a change is no more.
        package static let read = "read"
    }

    /// Uses in a calendar month of Nairobi, by what is counted: `money`, `administration`, or a bucket such as `read`.
    package var quotas: [String: Int]
    /// The largest amount of one call, by direction.
    package var amounts: [OperationDirection: Shillings]
    /// The largest sum of a day in Nairobi, by direction: whatever limits the organization sets itself, no more moves.
    package var dayAmounts: [OperationDirection: Int64]
    /// How many people may be active.
    package var usersMax: Int?
    /// How many keys may be in force.
    package var keysMax: Int?
    /// How many batches may be open.
    package var batchesMax: Int?
    /// How many calls of tools may run at once.
    package var callsMax: Int?
    /// How many webhook endpoints there may be of an environment.
    package var webhooksMax: Int?

    /// States ceilings; none by default.
    package init(
        quotas: [String: Int] = [:],
        amounts: [OperationDirection: Shillings] = [:],
        dayAmounts: [OperationDirection: Int64] = [:],
        usersMax: Int? = nil,
        keysMax: Int? = nil,
        batchesMax: Int? = nil,
        callsMax: Int? = nil,
        webhooksMax: Int? = nil
    ) {
        self.quotas = quotas
        self.amounts = amounts
        self.dayAmounts = dayAmounts
        self.usersMax = usersMax
        self.keysMax = keysMax
        self.batchesMax = batchesMax
        self.callsMax = callsMax
        self.webhooksMax = webhooksMax
    }

    /// These, with those of an organization in their place where it has its own.
    package func replaced(by own: Ceilings) -> Ceilings {
        Ceilings(
            quotas: quotas.merging(own.quotas) { _, own in own },
            amounts: amounts.merging(own.amounts) { _, own in own },
            dayAmounts: dayAmounts.merging(own.dayAmounts) { _, own in own },
            usersMax: own.usersMax ?? usersMax,
            keysMax: own.keysMax ?? keysMax,
            batchesMax: own.batchesMax ?? batchesMax,
            callsMax: own.callsMax ?? callsMax,
            webhooksMax: own.webhooksMax ?? webhooksMax
        )
    }

    /// What they limit of a day, as limits that an organization would set itself.
    var limits: [MoneyLimit] {
        dayAmounts.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { MoneyLimit(directions: [$0.key], dayMax: $0.value) }
    }

    /// Refuses an amount that is above what the organization, or the key that asks, may move in one call.
    ///
    /// - Throws: `limitExceeded`, with the limit and whose it is.
    package func check(
        _ amount: Shillings?,
        _ direction: OperationDirection,
        _ principal: Principal
    ) throws(GatewayError) {
        guard let amount, direction != .none else { return }
        if let most = principal.rules?.amountMax, amount > most {
            throw GatewayError(
                .limitExceeded,
                "This key moves at most \(most) shillings in one call. Use another key, or ask an administrator."
            )
        }
        if let most = amounts[direction], amount > most {
            throw GatewayError(
                .limitExceeded,
                "The organization's plan moves at most \(most) shillings in one call of this direction."
            )
        }
    }
}
