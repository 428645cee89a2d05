/// Letting a draft leave that a rule asks several people about.
extension Drafts {
    /// How often it is looked at again when others decide about it at the same time.
    private static var attemptsMax: Int { 8 }

    /// Agrees to a draft's leaving in somebody's name; it leaves with the last of those who must.
    ///
    /// Who agreed before and may not any more is not counted. Each counts once.
    /// - Throws: As `release`; `conflict` for somebody who has agreed already.
    package func approve(
        _ id: RecordID,
        organization: OrganizationID,
        environment: Environment,
        by who: String,
        with lines: ChangeLines? = nil
    ) async throws(GatewayError) -> Record {
        for _ in 0..<Self.attemptsMax {
            let record = try await draft(id, organization, environment)
            guard let hold = record.hold, !hold.approvers.contains(who) else {
                throw GatewayError(.conflict, "You have approved this already; others must too.", record: id)
            }
            var others: [String] = []
            for other in hold.approvers where try await calls.authenticate.mayApprove(other, record) {
                others.append(other)
            }
            if others.count + 1 >= hold.asked?.count ?? 1 {
                do throws(GatewayError) {
                    return try await release(record, by: who, besides: others, with: lines)
                } catch {
                    // Somebody else may have moved it on meanwhile, and it waits still.
                    let now = try await find(id, organization, environment)
                    guard error.code == .conflict, now.state == .draft, now.version != record.version else {
                        throw error
                    }
                    continue
                }
            }
            let settled = try await settlement.settle(record, with: lines) { [others] current in
                current.version == record.version ? .approved(by: who, besides: others) : nil
            }
            if settled.hasChanged { return settled.record }
        }
        throw GatewayError(.conflict, "Others are deciding about this. Look at it again.", record: id)
    }
}
