// What a batch that was let go is held to until it has left: the rules as they are now, and those who agreed.
extension BatchRunner {
    /// Whom rules ask of a batch now, and what they refuse.
    private func asked(of batch: Batch) async throws(GatewayError) -> (
        asked: Hold.Asked?, name: String, refusal: String?
    ) {
        let membership = try await calls.operations.directory.membership(of: batch.organization)
        let entry = calls.registry.snapshot.entry(
            batch.tool,
            organization: batch.organization,
            call: CallID(entropy.identifier())
        )
        let rules = membership.organization.approvals.rules(at: entropy.now())
        let decision = batch.decision(by: rules, entry)
        let asked = decision.outcome == .approve ? decision.rule : nil
        let people = ([batch.releasedBy].compactMap { $0 } + batch.approvers).filter { $0.hasPrefix("user:") }
        let refusal: String? =
            switch decision.outcome {
            case .refuse: "By now this is refused by \(decision.name)."
            // A person's own session is as good as a confirmation, and a key's word is none.
            case .confirm where people.isEmpty: "By now a person must let it leave: \(decision.name)."
            case .allow, .confirm, .approve: nil
            }
        return (
            asked.map { Hold.Asked(role: $0.role, count: $0.count, people: $0.people) }, decision.name, refusal
        )
    }

    /// Why the rules as they are now ask for more than a batch has, whoever has agreed to it; nil where they do not.
    func lack(of batch: Batch) async throws(GatewayError) -> String? {
        let (asked, name, refusal) = try await asked(of: batch)
        if let refusal { return refusal }
        guard let asked else { return nil }
        let agreed = batch.approvers.filter { asked.people?.includes($0) ?? true }
        guard agreed.count < asked.count else { return nil }
        return BatchRunner.lack(asked, name)
    }

    /// Why a batch may not go on as its rules and those who agreed are now; nil where it may.
    ///
    /// Each who agreed is still of the role that is asked for, with a second factor, and not behind whoever made it.
    func doubt(about batch: Batch) async throws(GatewayError) -> String? {
        let (asked, name, refusal) = try await asked(of: batch)
        if let refusal { return refusal }
        guard let asked else { return nil }
        let maker = try await authenticate.inForce(batch.madeBy, of: batch.organization, in: batch.environment)
        let own = Set((maker?.holders ?? []).map { "user:\($0)" } + [batch.madeBy])
        var count = 0
        for who in Set(batch.approvers).subtracting(own).sorted() {
            let found = try await authenticate.inForce(who, of: batch.organization, in: batch.environment)
            guard let found, asked.people?.includes(who) ?? true else { continue }
            if found.role >= asked.role, found.hasSecondFactor { count += 1 }
        }
        return count < asked.count ? BatchRunner.lack(asked, name) : nil
    }

    private static func lack(_ asked: Hold.Asked, _ name: String) -> String {
        let people = asked.count == 1 ? "one person" : "\(asked.count) people"
        return "By now \(people) of the role \(asked.role.rawValue) or higher must agree to it: \(name)."
    }
}

extension BatchRunner {
    /// Pauses what is due to leave of an organization that may ask for nothing now: once it may again, a person decides
    /// whether it is wanted still.
    ///
    /// What is before its moment waits for that; where nothing is left to be sent there is nothing to decide.
    func pauseForSuspension(_ batch: Batch) async throws(GatewayError) -> Bool {
        let organization = try await calls.operations.directory.membership(of: batch.organization).organization
        guard let refusal = organization.refusal(at: entropy.now()), try await !isOver(batch) else { return false }
        try await pause(batch, because: refusal.message)
        return true
    }

    /// Tells those who may let a batch go on once more that it waits, when most of its time is over.
    func remind(_ batch: Batch) async throws(GatewayError) {
        let now = entropy.now()
        guard let due = batch.remindAt, now >= due else { return }
        var batch = batch
        batch.version += 1
        batch.remindAt = nil
        let told = FeedEvent.about(batch, .batchDue, at: now, id: entropy.identifier())
        _ = try await batches.apply(BatchChange(batch: batch, told: [told]))
    }
}
