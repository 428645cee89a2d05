import OrderedJSON

/// Who is away, and lets those who stand in for them decide.
extension ApprovalActions {
    var awayActions: [Action] { [setAway] }

    private var setAway: Action {
        Action(
            ActionRules("approvers.away", auditAction: "APPROVER_AWAY", isPersonal: true),
            title: "Say that you are away",
            summary: """
                Until then those may decide who stand in for you by a rule, and get the letters. Yourself alone, with a second \
                factor; without until_ms you are there again.
                """,
            route: Route("PUT", "/approvers/away"),
            arguments: ["until_ms": ["type": "integer", "minimum": 0, "description": "Within 90 days."]],
            output: .data([
                "type": "object",
                "properties": ["until_ms": ["type": "integer", "description": "Where you are away."]],
            ])
        ) { use throws(GatewayError) in
            guard case .user(let user) = use.principal.subject else {
                throw GatewayError(.permissionDenied, "This needs a person who logged in.")
            }
            let now = entropy.now()
            let until = use.arguments["until_ms"]?.integerValue.map { Timestamp(milliseconds: $0) }
            if let until, until <= now || until > now + Approvers.awayMax {
                throw GatewayError.wrong("until_ms", "expected a moment of the next 90 days.")
            }
            // Whoever comes back lets nobody decide who could not.
            if until != nil { try await checkMayAgree(use) }
            _ = try await change(use) { policy in
                policy.set(user, awayUntil: until, at: now)
                return true
            }
            var document = JSONObject()
            document["until_ms"] = until.map { .integer($0.milliseconds) }
            return .data(.object(document), message: until == nil ? "You are there again." : "You are away.")
        }
    }

    /// Whether rules name people who may decide by them.
    func checkPeople(of rules: [ApprovalRule], _ use: Action.Use) async throws(GatewayError) {
        for (number, rule) in rules.enumerated() {
            guard let people = rule.people, rule.outcome == .approve else { continue }
            let wrong = { (why: String) in GatewayError.wrong("rules/\(number)/approvers", why) }
            guard !people.named.isEmpty, people.named.count + people.substitutes.count >= rule.count else {
                throw wrong("rule \(number + 1) names fewer people than it asks for.")
            }
            guard people.substitutes.isEmpty || people.answerWithin <= rule.within * 3 / 4 else {
                throw wrong(
                    "answer_within_s of rule \(number + 1) leaves too little of within_s: three quarters at most."
                )
            }
            for id in people.named.union(people.substitutes).sorted(by: { $0.raw < $1.raw }) {
                let user = try await directory.user(id, organization: use.principal.organization)
                guard let user, user.isActive, user.role >= rule.role else {
                    throw wrong("\(id) of rule \(number + 1) is nobody of the role \(rule.role.rawValue) or higher.")
                }
            }
        }
    }
}
