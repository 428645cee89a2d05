/// Whether rules ask for at least as much as others, of every call that there may be.
///
/// Calls fall into few kinds: by caller, direction, each tool that is named and any other, each amount from which a
/// rule holds or an agent's confirmation no longer does, and whether the receiver is new. What a rule says of each of
/// these is a bit in a number, so that a kind of call is a few operations: the largest rules that there may be are
/// compared within milliseconds.
extension [ApprovalRule] {
    /// Whether these ask for at least as much as others.
    package func areAtLeast(_ others: [ApprovalRule]) -> Bool {
        RuleComparison(self, others).holds { caller in [(caller, caller)] }
    }

    /// Whether these rules ask of one kind of caller for at least as much as of another.
    func ask(of caller: CallerKind, atLeastAsOf other: CallerKind) -> Bool {
        caller == other || RuleComparison(self, self).holds { $0 == caller ? [(caller, other)] : [] }
    }
}

/// Two lists of rules, and what each says of each kind of call.
private struct RuleComparison {
    /// Which rules of the two lists are about something: a bit for each.
    private struct Pair: Hashable {
        var own: UInt32 = 0
        var other: UInt32 = 0

        func intersection(_ pair: Pair) -> Pair { Pair(own: own & pair.own, other: other & pair.other) }
    }

    private let own: [ApprovalRule]
    private let other: [ApprovalRule]
    private let callers: [CallerKind: Pair]
    private let directions: [Pair]
    private let tools: [Pair]
    private let amounts: [(shillings: Int64, pair: Pair)]
    private let receivers: [Pair]

    init(_ own: [ApprovalRule], _ other: [ApprovalRule]) {
        // What holds where no rule matches is the last of them.
        let lists = (own + [ApprovalRule.agents], other + [ApprovalRule.agents])
        (self.own, self.other) = lists
        func pair(_ isAbout: (ApprovalRule) -> Bool) -> Pair {
            func bits(_ rules: [ApprovalRule]) -> UInt32 {
                rules.prefix(32).enumerated().reduce(0) { isAbout($1.element) ? $0 | 1 << UInt32($1.offset) : $0 }
            }
            return Pair(own: bits(lists.0), other: bits(lists.1))
        }
        let all = own + other
        callers = CallerKind.allCases.reduce(into: [:]) { found, caller in
            found[caller] = pair { $0.callers.isEmpty || $0.callers.contains(caller) }
        }
        directions = [OperationDirection.incoming, .outgoing, .reverse]
            .map { direction in pair { $0.directions.isEmpty || $0.directions.contains(direction) } }
        // Tools that the same rules are about are one.
        let names = Set(all.flatMap(\.tools)).union(["*"])
        tools = Array(Set(names.map { name in pair { $0.tools.isEmpty || $0.tools.contains(name) } }))
        let confirmed = all.filter { $0.outcome == .confirm }.map { $0.agentMax + 1 }
        amounts = Set(all.compactMap(\.amountMin) + confirmed).union([1])
            .map { amount in (amount, pair { $0.amountMin.map { amount >= $0 } ?? true }) }
        receivers = [false, true].map { isNew in pair { !$0.isForNewReceivers || isNew } }
    }

    /// Whether the one list asks for at least as much as the other, of each pair of callers.
    func holds(_ pairs: (CallerKind) -> [(CallerKind, CallerKind)]) -> Bool {
        for (caller, counterpart) in CallerKind.allCases.flatMap(pairs) {
            let about = Pair(own: callers[caller]?.own ?? 0, other: callers[counterpart]?.other ?? 0)
            for direction in directions {
                for tool in tools {
                    let some = about.intersection(direction).intersection(tool)
                    for amount in amounts {
                        for receiver in receivers {
                            let both = some.intersection(amount.pair).intersection(receiver)
                            let ours = decision(both.own, own, caller, amount.shillings)
                            let theirs = decision(both.other, other, counterpart, amount.shillings)
                            guard ours.isAtLeast(theirs) else { return false }
                        }
                    }
                }
            }
        }
        return true
    }

    /// The first rule that matches decides.
    private func decision(
        _ bits: UInt32,
        _ rules: [ApprovalRule],
        _ caller: CallerKind,
        _ amount: Int64
    ) -> ApprovalDecision {
        let first = bits.trailingZeroBitCount
        return ApprovalDecision(
            first + 1,
            first < rules.count ? rules[first].settled(for: caller, amount) : nil
        )
    }
}
