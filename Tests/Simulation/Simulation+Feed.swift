import Gateway
import GatewayTesting

/// What must hold of the feed and of what is summed up of it, whenever hosts died and stores failed.
extension Simulation {
    /// Lets the reader come to its end; the host of the end does what it has to do.
    func catchUp(_ host: SimulatedHost) async {
        for _ in 0..<20 {
            do throws(GatewayError) { return try await host.gateway.rollups.catchUp() } catch {
                await world.wait(100...1_000)
            }
        }
    }

    func judgeFeed() {
        let feed = world.disk.feed
        if feed.map(\.position) != (0..<feed.count).map({ Int64($0 + 1) }) { world.accuse("the feed has a gap") }
        if Set(feed.map(\.event.id)).count != feed.count { world.accuse("an event stands in the feed twice") }
        for (record, events) in world.disk.records where record.recordClass == .transaction {
            let told = feed.map(\.event).filter { $0.subject == record.id.description }
            let ends = events.filter { $0.from != $0.to && $0.to.isEnded }.map(\.sequence)
            let toldEnds = told.filter { $0.kind.isEnd }.map(\.version)
            if ends != toldEnds { world.accuse("\(record.id) ended at \(ends), and the feed tells of \(toldEnds)") }
        }
        judgeRollups(feed.map(\.event))
    }

    /// What was counted on is what counting from the beginning gives, and what the records say.
    private func judgeRollups(_ events: [FeedEvent]) {
        let live = world.disk.rollups.filter { $0.value != RollupSum() }
        if live != Rollups.changes(by: events) { world.accuse("the rollups are not what the feed adds up to") }
        // Place by place, as `reports.verify` compares them.
        var known: [RollupPlace: RollupSum] = [:]
        for (record, _) in world.disk.records {
            guard let place = RollupPlace(of: record) else { continue }
            known[place, default: RollupSum()].add(RollupSum(of: record))
        }
        if live != known { world.accuse("the rollups are not what is true") }
    }
}
