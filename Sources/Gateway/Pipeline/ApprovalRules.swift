extension RequireApproval {
    /// The stage that goes by each organization's own rules.
    static func byRules(_ records: any RecordRepository, _ entropy: Entropy) -> RequireApproval {
        RequireApproval { asked throws(GatewayError) in
            let (policy, now) = (asked.membership.organization.approvals, entropy.now())
            let rules = policy.rules(at: now)
            let record = asked.record
            let isNew =
                rules.contains(where: \.isForNewReceivers) ? try await records.isNewReceiver(of: record) : false
            var call = ApprovalRule.Case(record, isNewReceiver: isNew)
            call.isOfAskingTool = asked.tool.needsApproval
            // A batch names nobody: it has many receivers.
            let isBatch = record.intent.party == nil && record.direction == .outgoing
            let decision =
                isBatch
                ? ApprovalDecision(aboutMany: call, by: rules) : ApprovalDecision(about: call, by: rules)
            switch decision.outcome {
            case .allow: return nil
            case .refuse:
                throw GatewayError(
                    .permissionDenied,
                    "This is refused by \(decision.name). Nothing was sent."
                )
            case .confirm:
                guard let rule = decision.rule else { return nil }
                return HoldOrder(
                    reason: "Whoever asked for it must confirm it: \(decision.name).",
                    until: record.createdAt + rule.within,
                    asked: Hold.Asked(
                        role: rule.role,
                        count: rule.count,
                        isNewReceiver: isNew,
                        people: rule.people,
                        isConfirmation: true
                    )
                )
            case .approve:
                guard let rule = decision.rule else { return nil }
                // What no rule asks about, a mandate may permit; batches it does not.
                if decision.isByDefault, !isBatch, policy.permits(record, at: now) { return nil }
                let people = rule.count == 1 ? "One person" : "\(rule.count) people"
                return HoldOrder(
                    reason: "\(people) of the role \(rule.role.rawValue) or higher must approve it: \(decision.name).",
                    until: record.createdAt + rule.within,
                    asked: Hold.Asked(
                        role: rule.role,
                        count: rule.count,
                        isNewReceiver: isNew,
                        people: rule.people,
                        isOfTool: decision.isOfTool
                    )
                )
            }
        }
    }
}

extension RecordRepository {
    /// Whether nothing has been paid to a record's other side, or by it, before.
    func isNewReceiver(of record: Record) async throws(GatewayError) -> Bool {
        // A batch has many: to a rule about new receivers it is as if one of them were.
        guard let party = record.intent.party else { return record.direction == .outgoing }
        var filter = RecordFilter(limit: 1)
        filter.recordClass = .transaction
        filter.status = RecordState.succeeded.status
        filter.party = party
        filter.direction = record.direction
        let found = try await records(
            matching: filter,
            organization: record.organization,
            environment: record.environment
        )
        return found.isEmpty
    }
}
