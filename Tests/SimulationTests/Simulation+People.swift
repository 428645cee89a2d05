import Gateway
import GatewayTesting

/// Those who are asked: they look at what is held now and then, let some of it leave and withdraw some, twice and at the
/// same time as others, whatever it is by then.
extension Simulation {
    func people() async {
        while !world.isCalm, !Task.isCancelled {
            await world.wait(500...15_000)
            let held = world.disk.records.map(\.record).filter { $0.hold != nil && $0.state.isHeld }
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
        if isReleased { world.noteReleased(record.id) }
        do throws(GatewayError) {
            let drafts = host.gateway.drafts
            let found =
                if isReleased {
                    try await drafts.release(
                        record.id,
                        organization: record.organization,
                        environment: record.environment,
                        by: "user:1"
                    )
                } else {
                    try await drafts.withdraw(
                        record.id,
                        organization: record.organization,
                        environment: record.environment,
                        as: .declined,
                        by: "user:1",
                        because: "No."
                    )
                }
            guard !host.life.isOver else { return }
            world.note("a person: \(record.id) is \(found.state.rawValue)")
        } catch { world.note("a person: \(record.id) is not decided: \(error.code.rawValue)") }
    }
}
