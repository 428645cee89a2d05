import Gateway
import GatewayTesting

/// Those who are asked: they look at what is held now and then, let some of it leave and withdraw some, twice and at the
/// same time as others, whatever it is by then.
extension Simulation {
    func people() async {
        while !world.isCalm, !Task.isCancelled {
            await world.wait(500...15_000)
            if world.chance(0.02) { await dismiss() }
            let held = world.disk.records.map(\.record).filter { $0.hold != nil && $0.batch == nil && $0.state.isHeld }
            for record in held where world.chance(0.5) {
                world.begin { await self.decide(about: record) }
                if world.chance(0.2) { world.begin { await self.decide(about: record) } }
            }
        }
    }

    private func decide(about record: Record) async {
        await world.wait(0...2_000)
        guard let host = world.host else { return }
        let isReleased = world.chance(0.7)
        let who = Self.people(of: record.organization)[world.pick(0...3)]
        if isReleased {
            world.noteApproved(record.id, by: who)
            world.noteReleased(record.id)
        }
        do throws(GatewayError) {
            let found =
                if isReleased {
                    try await letLeave(record, who, host)
                } else {
                    try await host.gateway.drafts.withdraw(
                        record.id,
                        organization: record.organization,
                        environment: record.environment,
                        as: .declined,
                        by: who,
                        because: "No."
                    )
                }
            guard !host.life.isOver else { return }
            world.note("a person: \(record.id) is \(found.state.rawValue)")
        } catch { world.note("a person: \(record.id) is not decided: \(error.code.rawValue)") }
    }

    /// What a rule asks about leaves with the last who must approve it; whatever else, at once.
    private func letLeave(
        _ record: Record,
        _ who: String,
        _ host: SimulatedHost
    ) async throws(GatewayError) -> Record {
        guard record.hold?.asked != nil else {
            return try await host.gateway.drafts.release(
                record.id,
                organization: record.organization,
                environment: record.environment,
                by: who
            )
        }
        return try await host.gateway.drafts.approve(
            record.id,
            organization: record.organization,
            environment: record.environment,
            by: who
        )
    }

    // MARK: Who they are

    private static func ids(of organization: OrganizationID) -> [UserID] {
        (0..<4).map { UserID(Identifier(high: 3, low: organization.raw.low * 10 + $0)) }
    }

    /// Those who may approve, as approvals name them.
    static func people(of organization: OrganizationID) -> [String] { ids(of: organization).map { "user:\($0)" } }

    /// Makes them.
    func settlePeople(of organization: OrganizationID) async throws(GatewayError) {
        for (number, id) in Self.ids(of: organization).enumerated() {
            try await world.plainStore.save(
                User(
                    id: id,
                    organization: organization,
                    username: "u\(number)",
                    email: "u\(number)@x.example",
                    passwordHash: "!",
                    role: .manager,
                    hasSecondFactor: true
                )
            )
        }
    }

    /// One of them leaves.
    private func dismiss() async {
        let organization = keys[world.pick(0...1)].organization
        let id = Self.ids(of: organization)[world.pick(0...3)]
        let store = world.plainStore
        let changed = try? await store.change(id, organization: organization) { $0.isActive = false }
        if changed != nil {
            world.note("user:\(id) leaves")
            world.noteDismissed("user:\(id)")
        }
    }
}
