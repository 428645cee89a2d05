/// Lets what was held leave, or withdraws it: what approvals, batches and people ask.
///
/// It commits, and `Releases` sends. Who may ask is decided before; what is looked at here is the payment itself.
package struct Drafts: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How long what was let go may wait for its sending; after that it is withdrawn.
        ///
        /// Default 15 min.
        package var sendWithin: Duration = .seconds(900)

        /// The defaults.
        package init() {}
    }

    let records: any RecordRepository
    let calls: HeldCalls
    let settlement: Settlement
    let releases: Releases
    let entropy: Entropy
    let settings: Settings

    /// Lets a draft leave; it is sent soon, and not by this call.
    ///
    /// - Parameter who: The person who lets it leave, as `user:<id>`, or `host`.
    /// - Throws: `notFound`; `conflict` when it is not held, or what it guards is another's, which leaves it a draft;
    ///   `approvalExpired` or `withdrawn` when it never will; whatever else keeps it for now leaves it a draft too.
    @discardableResult
    package func release(
        _ id: RecordID,
        organization: OrganizationID,
        environment: Environment,
        by who: String
    ) async throws(GatewayError) -> Record {
        let record = try await draft(id, organization, environment)
        return try await release(record, by: who, besides: [])
    }

    /// The same of a version of it that was looked at, to whose leaving others have agreed before, or which whoever asked has
    /// confirmed.
    func release(
        _ record: Record,
        by who: String,
        besides others: [String],
        with lines: ChangeLines? = nil,
        _ confirmation: Hold.Confirmation? = nil
    ) async throws(GatewayError) -> Record {
        let settled: Settlement.Settled
        do throws(HeldCalls.Obstacle) {
            settled = try await calls.ready(record) { ready throws(GatewayError) in
                let now = entropy.now()
                let policy = ready.work.membership.organization.approvals
                let limits = try policy.claims(
                    of: record,
                    by: ready.work.principal,
                    within: ready.work.membership.ceilings,
                    at: now
                )
                // Money out has held its guards since it was a draft.
                let claims = ready.planned.claims(at: now, guarding: record.direction == .incoming, limits)
                calls.operations.failpoints.reach(.beforeRelease)
                let settled = try await settlement.settle(record, claiming: claims, with: lines) { current in
                    guard current.version == record.version else { return nil }
                    return .released(
                        by: who,
                        until: now + settings.sendWithin,
                        as: ready.planned.plan.request,
                        besides: others,
                        limited: LimitMark(limits),
                        confirmed: confirmation
                    )
                }
                if let refusal = settled.refusal {
                    _ = try calls.operations.earlierRecord(refusal, ready.planned.plan, ready.work)
                }
                return settled
            }
        } catch {
            switch error {
            case .notNow(let error): throw error
            case .never(let reason):
                let withdrawn = try await settlement.settle(record) { _ in
                    .withdrawn(.obsolete, by: "host", because: reason)
                }
                throw withdrawn.record.withdrawn ?? Self.notHeld(withdrawn.record)
            }
        }
        guard settled.hasChanged else { throw settled.record.withdrawn ?? Self.notHeld(settled.record) }
        calls.operations.failpoints.reach(.afterRelease)
        releases.call()
        return settled.record
    }

    /// Withdraws what has not left.
    ///
    /// - Throws: `notFound`; `conflict` when it is not held any more.
    @discardableResult
    package func withdraw(
        _ id: RecordID,
        organization: OrganizationID,
        environment: Environment,
        as why: Hold.Withdrawal,
        by who: String,
        because reason: String,
        with lines: ChangeLines? = nil
    ) async throws(GatewayError) -> Record {
        let record = try await find(id, organization, environment)
        guard record.state.isHeld else { throw Self.notHeld(record) }
        if let batch = record.batch?.batch { throw Self.isAnItem(record, of: batch) }
        let settled = try await settlement.settle(record, with: lines) { _ in .withdrawn(why, by: who, because: reason)
        }
        guard settled.hasChanged else { throw Self.notHeld(settled.record) }
        return settled.record
    }

    /// What is held, or was.
    ///
    /// - Throws: `notFound`.
    func find(
        _ id: RecordID,
        _ organization: OrganizationID,
        _ environment: Environment
    ) async throws(GatewayError) -> Record {
        let found = try await records.record(id, organization: organization, environment: environment)
        guard let found else { throw GatewayError(.notFound, "There is no transaction with this id.") }
        return found
    }

    /// A draft whose time is not over.
    func draft(
        _ id: RecordID,
        _ organization: OrganizationID,
        _ environment: Environment
    ) async throws(GatewayError) -> Record {
        let found = try await find(id, organization, environment)
        guard found.state == .draft else { throw found.withdrawn ?? Self.notHeld(found) }
        if let batch = found.batch?.batch { throw Self.isAnItem(found, of: batch) }
        let settled = try await settlement.settle(found) { _ in .timePassed }
        if let withdrawn = settled.record.withdrawn { throw withdrawn }
        return settled.record
    }

    private static func isAnItem(_ record: Record, of batch: BatchID) -> GatewayError {
        GatewayError(.conflict, "This leaves with its batch \(batch), or not at all.", record: record.id)
    }

    private static func notHeld(_ record: Record) -> GatewayError {
        GatewayError(
            .conflict,
            "This is not waiting to be released: it is \(record.state.rawValue) by now.",
            record: record.id
        )
    }
}

extension Operations.Planned {
    /// What a held record claims when it leaves.
    func claims(at now: Timestamp) -> LateClaims { LateClaims(guards: guards, unique: unique, at: now) }

    /// What it claims when it is let go; nil for nothing.
    func claims(at now: Timestamp, guarding isGuarding: Bool, _ limits: [LimitClaim]) -> LateClaims? {
        guard isGuarding || !limits.isEmpty else { return nil }
        return LateClaims(guards: isGuarding ? guards : [], unique: isGuarding ? unique : [], limits: limits, at: now)
    }
}
