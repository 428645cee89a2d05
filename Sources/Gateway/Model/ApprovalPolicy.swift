import OrderedJSON

/// What an organization says of its own money: which calls wait for people, and what is stopped altogether.
package struct ApprovalPolicy: Sendable, Equatable {
    /// Rules that are to take the place of those in force.
    package struct Pending: Sendable, Equatable {
        /// All of them.
        package let rules: [ApprovalRule]
        /// The limits that come with them.
        package let limits: [MoneyLimit]
        /// Who set them, as `user:<id>`.
        package let by: String
        /// From when on they hold, unless somebody else agrees before.
        package let from: Timestamp

        /// States them.
        package init(rules: [ApprovalRule], limits: [MoneyLimit], by: String, from: Timestamp) {
            self.rules = rules
            self.limits = limits
            self.by = by
            self.from = from
        }
    }

    /// The rules that were set last and asked for no more time.
    package var rules: [ApprovalRule]
    /// How much may move, likewise.
    package var limits: [MoneyLimit]
    /// Those that ask for less than others do, and wait.
    package var pending: Pending?
    /// What is stopped.
    package var stops: Set<PaymentStop>
    /// What programs that decide for themselves may move alone.
    package var mandates: [Mandate]
    /// Who has said that they decide about nothing for a while, and until when.
    package var away: [UserID: Timestamp] = [:]

    /// How long rules wait that ask for less, and people before they may let money leave, unless somebody else agrees.
    package static let settling: Duration = .seconds(86_400)

    /// Asks for nothing of its own.
    package init(
        rules: [ApprovalRule] = [],
        limits: [MoneyLimit] = [],
        pending: Pending? = nil,
        stops: Set<PaymentStop> = [],
        mandates: [Mandate] = []
    ) {
        self.rules = rules
        self.limits = limits
        self.pending = pending
        self.stops = stops
        self.mandates = mandates
    }

    /// The rules in force.
    package func rules(at now: Timestamp) -> [ApprovalRule] {
        pending.flatMap { $0.from <= now ? $0.rules : nil } ?? rules
    }

    /// The limits in force.
    package func limits(at now: Timestamp) -> [MoneyLimit] {
        pending.flatMap { $0.from <= now ? $0.limits : nil } ?? limits
    }

    /// What a call counts against when it leaves: the organization's own limits, and those of its plan.
    ///
    /// - Parameter principal: Who makes it: a key's calls count as those of everybody too whose it is.
    /// - Throws: `limitExceeded` for what may not be made now, whatever else was.
    func claims(
        of record: Record,
        by principal: Principal,
        within ceilings: Ceilings,
        at now: Timestamp
    ) throws(GatewayError) -> [LimitClaim] {
        guard record.recordClass == .transaction else { return [] }
        let limits = bounds(at: now) + ceilings.limits
        return limits.isEmpty ? [] : try limits.claims(of: record, by: principal.holders, at: now)
    }

    /// What a call counts against that was let go before, and leaves only now.
    ///
    /// It counts on the day on which it leaves, and no more on another on which it was counted: M-Pesa has said that nothing
    /// moved then, or it never left.
    /// - Returns: Nothing where it was counted today.
    func claims(
        ofWaiting record: Record,
        by principal: Principal,
        within ceilings: Ceilings,
        at now: Timestamp
    ) throws(GatewayError) -> [LimitClaim] {
        guard record.limited?.day != RollupPlace.day(of: now) else { return [] }
        return try claims(of: record, by: principal, within: ceilings, at: now)
    }

    /// Why a payment may not be made at any time, by the limits in force: for its own amount or receiver.
    func refusal(
        of record: Record,
        by principal: Principal,
        within ceilings: Ceilings,
        at now: Timestamp
    ) -> GatewayError? {
        reason(against: record, by: principal, within: ceilings, at: now).map(MoneyLimit.refused)
    }

    /// The same as a part of a sentence.
    func reason(
        against record: Record,
        by principal: Principal,
        within ceilings: Ceilings,
        at now: Timestamp
    ) -> String? {
        guard record.recordClass == .transaction else { return nil }
        return (bounds(at: now) + ceilings.limits).reason(against: record, by: principal.holders)
    }

    /// Puts rules and limits in the place of those in force: at once where they let nothing pass that those would not, else
    /// after a while.
    ///
    /// - Parameter newLimits: Nil for those in force.
    /// - Returns: Whether they hold at once.
    package mutating func set(
        _ new: [ApprovalRule],
        _ newLimits: [MoneyLimit]? = nil,
        by who: String,
        at now: Timestamp
    ) -> Bool {
        (rules, limits) = (rules(at: now), limits(at: now))
        pending = nil
        let newLimits = newLimits ?? limits
        guard new.areAtLeast(rules), newLimits.areAtLeast(limits) else {
            pending = Pending(rules: new, limits: newLimits, by: who, from: now + Self.settling)
            return false
        }
        (rules, limits) = (new, newLimits)
        return true
    }

    /// Lets what waits hold at once.
    package mutating func agree(at now: Timestamp) {
        guard let pending else { return }
        (rules, limits) = (pending.rules, pending.limits)
        self.pending = nil
    }
}

/// Calls that are stopped at once, without any rule being changed.
package enum PaymentStop: Sendable, Hashable {
    /// All that move money.
    case all
    /// Those of programs that decide for themselves.
    case agents
    /// Those of a tool.
    case tool(String)
    /// Those of a key.
    case key(APIKeyID)

    /// Reads what `text` wrote; nil for anything else.
    package init?(_ text: String) {
        switch text {
        case "all": self = .all
        case "agents": self = .agents
        case _ where text.hasPrefix("tool:") && text.utf8.count > 5: self = .tool(String(text.dropFirst(5)))
        case _ where text.hasPrefix("key:"):
            guard let id = APIKeyID(String(text.dropFirst(4))) else { return nil }
            self = .key(id)
        default: return nil
        }
    }

    /// As it is shown and kept.
    package var text: String {
        switch self {
        case .all: "all"
        case .agents: "agents"
        case .tool(let name): "tool:" + name
        case .key(let id): "key:\(id)"
        }
    }

    /// How many there may be.
    package static let countMax = 200

    /// What a call is refused that it is about.
    var refusal: GatewayError {
        GatewayError(
            .permissionDenied,
            "Your organization has stopped this (\(text)). Nothing was sent; what is under way goes on."
        )
    }

    /// Whether it is about a call.
    func stops(tool name: String, madeBy subject: String, _ caller: CallerKind?) -> Bool {
        switch self {
        case .all: true
        case .agents: caller == .agent
        case .tool(let stopped): stopped == name
        case .key(let id): subject == "key:\(id)"
        }
    }
}

extension ApprovalPolicy {
    /// What a call is stopped by; nil for any other.
    package func stop(tool name: String, madeBy subject: String, _ caller: CallerKind?) -> PaymentStop? {
        guard !stops.isEmpty else { return nil }
        return stops.sorted { $0.text < $1.text }.first { $0.stops(tool: name, madeBy: subject, caller) }
    }

    /// Reads what is kept.
    package init(_ json: JSON?) {
        let rules = { (list: JSON?) in (list?.arrayValue ?? []).map { ApprovalRule($0) } }
        let limits = { (list: JSON?) in (list?.arrayValue ?? []).map { MoneyLimit($0) } }
        self.init(
            rules: rules(json?["rules"]),
            limits: limits(json?["limits"]),
            pending: json?["pending"]
                .map { pending in
                    Pending(
                        rules: rules(pending["rules"]),
                        limits: limits(pending["limits"]),
                        by: pending["by"]?.stringValue ?? "",
                        from: Timestamp(milliseconds: pending["from_ms"]?.integerValue ?? .max)
                    )
                },
            stops: Set((json?["stops"]?.arrayValue ?? []).compactMap { $0.stringValue.flatMap { PaymentStop($0) } }),
            mandates: (json?["mandates"]?.arrayValue ?? []).compactMap { Mandate($0) }
        )
        for (name, until) in json?["away"]?.objectValue ?? [:] {
            guard let user = UserID(name), let until = until.integerValue else { continue }
            away[user] = Timestamp(milliseconds: until)
        }
    }

    private var awayMilliseconds: JSONObject {
        away.map { ("\($0)", $1.milliseconds) }.sorted { $0.0 < $1.0 }
            .reduce(into: JSONObject()) { $0[$1.0] = .integer($1.1) }
    }

    /// As it is kept; nil where there is nothing.
    package var json: JSON? {
        if self == ApprovalPolicy() { return nil }
        var object: JSONObject = ["rules": .array(rules.map(\.json)), "limits": .array(limits.map(\.json))]
        if let pending {
            object["pending"] = [
                "rules": .array(pending.rules.map(\.json)), "limits": .array(pending.limits.map(\.json)),
                "by": .string(pending.by),
                "from_ms": .integer(pending.from.milliseconds),
            ]
        }
        object["stops"] = .array(stops.map(\.text).sorted().map { .string($0) })
        if !mandates.isEmpty { object["mandates"] = .array(mandates.map(\.json)) }
        if !away.isEmpty { object["away"] = .object(awayMilliseconds) }
        return .object(object)
    }
}
