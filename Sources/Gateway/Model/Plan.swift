/// So many units in a period, evenly spread, with a burst: the parameters of a GCRA limiter.
package struct RateLimit: Sendable, Hashable {
    /// Units allowed per period.
    ///
    /// At least 1.
    package let units: Int
    /// The period.
    ///
    /// At least one millisecond.
    package let period: Duration
    /// The same in milliseconds: a `Duration` is 128 bits wide, and dividing it costs every call.
    package let periodMilliseconds: Int64
    /// Units that may come at once.
    ///
    /// At least 1.
    package let burst: Int
    /// Limits of other periods that hold beside it, such as by the hour and by the day; they have none themselves.
    package let besides: [RateLimit]

    /// How many may hold beside one.
    package static let besidesMax = 2
    /// The longest period: a year.
    private static let periodMax = Duration.seconds(366 * 86_400)

    /// Makes a limit; values below the least are raised to it, and those that a limiter could not count are lowered.
    package init(units: Int, per period: Duration, burst: Int? = nil, besides: [RateLimit] = []) {
        self.besides = Array(besides.prefix(RateLimit.besidesMax))
        self.units = max(1, units)
        self.period = min(max(.milliseconds(1), period), RateLimit.periodMax)
        periodMilliseconds = self.period.wholeMilliseconds
        // A burst lasts at most a thousand years, so that no sum of microseconds overflows.
        let interval = max(1, periodMilliseconds * 1000 / Int64(self.units))
        let most = Int64(1000 * 366 * 86_400) * 1_000_000 / interval
        self.burst = Int(min(Int64(max(1, burst ?? units)), max(1, most)))
    }

    /// It and those beside it.
    package var all: [RateLimit] { [self] + besides }
}

/// Which tools, which limits.
package struct Plan: Sendable, Equatable {
    /// Names it.
    package let name: String
    /// The tools it has, by name; `mpesa_*` style prefixes end in `*` and never cover money tools.
    package var tools: [String]
    /// Limits for the organization as a whole, by bucket (`read`, `money`).
    package var organizationLimits: [String: RateLimit]
    /// Limits for each key or user, by bucket.
    package var principalLimits: [String: RateLimit]
    /// What its organizations may have and use up at most.
    package var ceilings: Ceilings
    /// What its organizations have besides tools, by name (`Feature`); nil for all that the gateway does.
    package var features: Set<String>?
    /// What it costs.
    package var price: Price
    /// For how many days its organizations' events are kept, where that is longer than everybody's are; nil for as long.
    package var eventDays: Int?
    /// Counts up with each change; the store's.
    package var version: Int

    /// How long a plan may keep events, in days.
    package static let eventDaysRange = 31...3_650

    /// What a plan costs: hundredths of a shilling.
    package struct Price: Sendable, Equatable {
        /// A month.
        package var monthCents: Int64
        /// Each call that succeeded, by what is counted (`Ceilings.quotas`).
        package var callCents: [String: Int64]

        /// States a price; nothing by default.
        package init(monthCents: Int64 = 0, callCents: [String: Int64] = [:]) {
            self.monthCents = monthCents
            self.callCents = callCents
        }
    }

    /// Makes a plan.
    package init(
        name: String,
        tools: [String],
        organizationLimits: [String: RateLimit],
        principalLimits: [String: RateLimit],
        ceilings: Ceilings = Ceilings(),
        features: Set<String>? = nil,
        price: Price = Price(),
        eventDays: Int? = nil,
        version: Int = 1
    ) {
        self.name = name
        self.tools = tools
        self.organizationLimits = organizationLimits
        self.principalLimits = principalLimits
        self.ceilings = ceilings
        self.features = features
        self.price = price
        self.eventDays = eventDays
        self.version = version
    }

    /// Whether the plan has a tool.
    ///
    /// A tool that moves money must be named in full: a prefix never switches it on. The one exception is `**`, every
    /// tool there is, which is for development, where tools come that nobody could have named before.
    package func has(tool name: String, movingMoney: Bool) -> Bool {
        tools.contains { entry in
            if entry == name || entry == "**" { return true }
            guard !movingMoney, entry.hasSuffix("*") else { return false }
            return name.utf8.starts(with: entry.utf8.dropLast())
        }
    }
}
