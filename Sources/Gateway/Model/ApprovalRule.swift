import OrderedJSON

/// What an organization says of calls that would move money: the first rule that matches decides.
package struct ApprovalRule: Sendable, Equatable {
    /// What becomes of a call.
    package enum Outcome: String, Sendable, CaseIterable {
        /// It is sent.
        case allow
        /// It is not done.
        case refuse
        /// It is held until whoever asked has said once more that it is wanted: in the conversation, or by a session of
        /// their own.
        ///
        /// No approval: it never counts as one.
        case confirm
        /// It is held until others have let it leave.
        case approve
    }

    /// A call, as far as rules look at it.
    package struct Case: Sendable, Equatable {
        /// What kind of caller it is; nil for what the host does of itself.
        package let caller: CallerKind?
        /// Which way the money goes.
        package let direction: OperationDirection
        /// What was called.
        package let tool: String
        /// Whole shillings.
        package let amount: Int64
        /// Whether nothing has been paid to the receiver before, or by the customer; asked only where a rule does.
        package var isNewReceiver: Bool
        /// Whether its tool says itself that somebody else must agree: rules ask for more, and never for less.
        package var isOfAskingTool = false

        /// States a call.
        package init(
            caller: CallerKind?,
            direction: OperationDirection,
            tool: String,
            amount: Int64,
            isNewReceiver: Bool
        ) {
            self.caller = caller
            self.direction = direction
            self.tool = tool
            self.amount = amount
            self.isNewReceiver = isNewReceiver
        }

        /// The call behind a record.
        package init(_ record: Record, isNewReceiver: Bool) {
            self.init(
                caller: record.caller,
                direction: record.direction,
                tool: record.tool,
                amount: record.intent.amount?.amount ?? 0,
                isNewReceiver: isNewReceiver
            )
        }
    }

    /// Whom it is about; nobody named is everybody.
    package var callers: Set<CallerKind>
    /// Which way the money goes; none named is any.
    package var directions: Set<OperationDirection>
    /// Which tools; none named is any.
    package var tools: Set<String>
    /// From how many shillings on; nil for any amount.
    package var amountMin: Int64?
    /// Whether it is about receivers alone who have not been paid before.
    package var isForNewReceivers: Bool
    /// What becomes of the call.
    package var outcome: Outcome
    /// The least role of whoever lets it leave.
    package var role: Role
    /// How many people must.
    package var count: Int
    /// For how long it waits for them.
    package var within: Duration
    /// Who they are; nil for everybody of that role.
    package var people: Approvers?
    /// Up to how many shillings a program that decides for itself may have its own client confirm; what is more must be
    /// approved.
    package var agentMax: Int64

    /// How long it waits: from a minute to a week.
    package static let waits = Duration.seconds(60)...Duration.seconds(7 * 86_400)
    /// How many people may be asked for at most.
    package static let countMax = 5
    /// How many rules an organization has at most.
    package static let rulesMax = 20
    /// What a program's own client may confirm at most, in shillings, whatever an organization says.
    package static let agentMaxMost: Int64 = 1_000_000_000
    /// How many tools a rule names at most.
    package static let toolsMax = 20

    /// Makes a rule.
    package init(
        callers: Set<CallerKind> = [],
        directions: Set<OperationDirection> = [],
        tools: Set<String> = [],
        amountMin: Int64? = nil,
        isForNewReceivers: Bool = false,
        outcome: Outcome,
        role: Role = .manager,
        count: Int = 1,
        within: Duration = .seconds(86_400),
        people: Approvers? = nil,
        agentMax: Int64 = 0
    ) {
        self.callers = callers
        self.directions = directions
        self.tools = tools
        self.amountMin = amountMin
        self.isForNewReceivers = isForNewReceivers
        self.outcome = outcome
        self.role = role
        self.count = min(max(1, count), Self.countMax)
        self.within = min(max(Self.waits.lowerBound, within), Self.waits.upperBound)
        self.people = people
        self.agentMax = min(max(0, agentMax), Self.agentMaxMost)
    }

    /// What holds where no rule matches: a program that decides for itself pays out and gives back nothing alone.
    package static let agents = ApprovalRule(callers: [.agent], directions: [.outgoing, .reverse], outcome: .approve)

    /// The least that holds for a tool that says itself that somebody else must agree to what it moves.
    package static let floor = ApprovalRule(outcome: .approve)

    /// As it is of a call of so much by such a caller.
    ///
    /// A form is answered by the client: of a program that decides for itself it proves little, and past what the organization
    /// says others must agree.
    func settled(for caller: CallerKind?, _ amount: Int64) -> ApprovalRule {
        // Of what nobody knows how much it is, nobody knows that it is little.
        guard outcome == .confirm, caller == .agent, amount < 1 || amount > agentMax else { return self }
        var settled = self
        settled.outcome = .approve
        return settled
    }

    /// Whether it is about a call.
    func matches(_ call: Case) -> Bool {
        (callers.isEmpty || call.caller.map { callers.contains($0) } ?? false)
            && (directions.isEmpty || directions.contains(call.direction))
            && (tools.isEmpty || tools.contains(call.tool))
            && amountMin.map { call.amount >= $0 } ?? true && (!isForNewReceivers || call.isNewReceiver)
    }
}

/// What rules make of a call.
package struct ApprovalDecision: Sendable, Equatable {
    /// The rule's place, from 1 on; 0 for what holds where none matches, and for what the tool itself asks.
    package let number: Int
    /// The rule; nil where everything is allowed.
    package let rule: ApprovalRule?
    /// Whether the tool itself asks for it, because rules ask for less.
    package let isOfTool: Bool

    /// Whether neither a rule nor the tool says anything of such a call: then a mandate may permit it.
    package var isByDefault: Bool { number == 0 && !isOfTool }

    /// What becomes of the call.
    package var outcome: ApprovalRule.Outcome { rule?.outcome ?? .allow }

    /// Its name, for people.
    package var name: String {
        if isOfTool { return "the tool has others agree to what it moves" }
        return number == 0
            ? "programs that decide for themselves pay nothing out alone" : "rule \(number) of your organization"
    }

    /// Decides about a call.
    package init(about call: ApprovalRule.Case, by rules: [ApprovalRule]) {
        let decided: ApprovalDecision
        if let index = rules.firstIndex(where: { $0.matches(call) }) {
            decided = ApprovalDecision(index + 1, rules[index].settled(for: call.caller, call.amount))
        } else {
            decided = ApprovalDecision(0, ApprovalRule.agents.matches(call) ? ApprovalRule.agents : nil)
        }
        self = call.isOfAskingTool ? decided.raised : decided
    }

    /// As it is of a tool that asks for somebody else itself: at least that.
    private var raised: ApprovalDecision {
        if outcome == .refuse { return self }
        guard number > 0, outcome == .approve, var rule else {
            return ApprovalDecision(0, ApprovalRule.floor, isOfTool: true)
        }
        rule.role = max(rule.role, ApprovalRule.floor.role)
        return ApprovalDecision(number, rule)
    }

    /// Decides about many payments in one call: as strictly as about any of them, whether its receiver is new or not.
    ///
    /// Else a mild rule about new receivers would hide a strict one behind it, or the other way round.
    package init(aboutMany call: ApprovalRule.Case, by rules: [ApprovalRule]) {
        var (known, new) = (call, call)
        (known.isNewReceiver, new.isNewReceiver) = (false, true)
        let decisions = [ApprovalDecision(about: known, by: rules), ApprovalDecision(about: new, by: rules)]
        let strictest = decisions.first { one in decisions.allSatisfy { one.isAtLeast($0) } }
        guard strictest == nil, let one = decisions[0].rule, var both = decisions[1].rule else {
            self = strictest ?? decisions[1]
            return
        }
        // One asks for a higher role, the other for more people: both.
        both.role = max(both.role, one.role)
        both.count = max(both.count, one.count)
        both.within = min(both.within, one.within)
        both.people = Approvers.common(one.people, both.people)
        self.init(decisions[1].number, both)
    }

    /// What becomes of a call that a rule has matched, or none.
    init(_ number: Int, _ rule: ApprovalRule?, isOfTool: Bool = false) {
        (self.number, self.rule, self.isOfTool) = (number, rule, isOfTool)
    }

    /// Whether it asks for at least as much as another.
    func isAtLeast(_ other: ApprovalDecision) -> Bool {
        switch (outcome, other.outcome) {
        case (.refuse, _), (_, .allow), (.approve, .confirm): true
        // Of a confirmation this is what is asked for where a form is worth too little.
        case (.approve, .approve), (.confirm, .confirm):
            (rule?.role ?? .user) >= (other.rule?.role ?? .user) && (rule?.count ?? 1) >= (other.rule?.count ?? 1)
                && (rule?.people).isAtLeast(other.rule?.people)
        default: false
        }
    }
}

extension ApprovalRule {
    /// Reads what is shown and kept; what is left out has its default.
    package init(_ json: JSON) {
        func words<Word: RawRepresentable & Hashable>(_ name: String, _: Word.Type) -> Set<Word>
        where Word.RawValue == String {
            Set((json[name]?.arrayValue ?? []).compactMap { $0.stringValue.flatMap(Word.init(rawValue:)) })
        }
        self.init(
            callers: words("who", CallerKind.self),
            directions: words("direction", OperationDirection.self),
            tools: Set((json["tools"]?.arrayValue ?? []).compactMap(\.stringValue)),
            amountMin: json["amount_min"]?.integerValue,
            isForNewReceivers: json["new_receiver"] == true,
            // What cannot be read must not let money out.
            outcome: json["then"]?.stringValue.flatMap(Outcome.init(rawValue:)) ?? .refuse,
            role: json["role"]?.stringValue.flatMap(Role.init(rawValue:)) ?? .manager,
            count: Int(json["count"]?.integerValue ?? 1),
            within: json["within_s"]?.integerValue.map { .seconds($0) } ?? .seconds(86_400),
            agentMax: json["agent_max"]?.integerValue ?? 0
        )
        people = Approvers(json, within: within)
    }

    /// As it is shown and kept.
    package var json: JSON {
        let words = { (words: [String]) in JSON.array(words.sorted().map { .string($0) }) }
        var object: JSONObject = [
            "who": words(callers.map(\.rawValue)), "direction": words(directions.map(\.rawValue)),
            "tools": words(Array(tools)), "new_receiver": .bool(isForNewReceivers), "then": .string(outcome.rawValue),
        ]
        object["amount_min"] = amountMin.map { .integer($0) }
        if outcome == .confirm { object["agent_max"] = .integer(agentMax) }
        if outcome == .approve || outcome == .confirm {
            object["role"] = .string(role.rawValue)
            object["count"] = .integer(Int64(count))
            object["within_s"] = .integer(within.components.seconds)
            for (name, value) in people?.json ?? [:] { object[name] = value }
        }
        return .object(object)
    }
}
