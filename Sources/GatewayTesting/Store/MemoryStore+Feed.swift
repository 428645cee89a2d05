import Gateway

extension MemoryStore: FeedRepository {
    package func feedLanes() async throws(GatewayError) -> [Int] { [FeedReader.lane] }

    package func feed(lane: Int, after position: Int64, limit: Int) async throws(GatewayError) -> [FeedEntry] {
        try await read { tables in
            guard lane == FeedReader.lane else { return [] }
            return Array(tables.feed.lazy.filter { $0.position > position }.prefix(max(1, limit)))
        }
    }

    package func feed(
        lane: Int,
        of organization: OrganizationID,
        after position: Int64,
        limit: Int
    ) async throws(GatewayError) -> (entries: [FeedEntry], upTo: Int64) {
        try await read { tables in
            let found = Array(
                tables.feed.lazy.filter { $0.position > position && $0.event.organization == organization }
                    .prefix(max(1, limit))
            )
            if found.count == max(1, limit), let last = found.last { return (found, last.position) }
            return (found, max(position, tables.feed.last?.position ?? 0))
        }
    }

    package func feedFloor(lane: Int, keptFor days: Int?) async throws(GatewayError) -> Int64 {
        try await read { $0.floor(of: lane, keptFor: days) }
    }

    package func feedAges(lane: Int) async throws(GatewayError) -> Set<Int> {
        try await read { Set($0.cursors(of: lane).compactMap { FeedReader.age(of: $0.key) }) }
    }

    package func forgetFeed(
        lane: Int,
        _ age: FeedAge,
        exceptFor dead: Set<String>,
        limit: Int
    ) async throws(GatewayError) -> Int {
        try await write { tables in
            let cursors = tables.cursors(of: lane)
            let living = cursors.filter { FeedReader.age(of: $0.key) == nil && !dead.contains($0.key) }
            guard let slowest = living.values.min(), let newest = tables.feed.last?.position else { return 0 }
            let reader = FeedReader.forgotten(after: age.days)
            let done = cursors[reader] ?? 0
            let old = tables.feed.filter { $0.position > done }.prefix(max(1, limit))
                .prefix { entry in
                    entry.position <= slowest && entry.position < newest && entry.event.at < age.before
                }
            guard let last = old.last?.position else { return 0 }
            let keepers = tables.directory.organizations.values.filter { age.longer.contains($0.plan) }.map(\.id)
            tables.feed.removeAll { entry in
                entry.position > done && entry.position <= last && !keepers.contains(entry.event.organization)
            }
            _ = tables.move(reader, lane, from: done, to: last)
            return old.count
        }
    }

    package func feedEnd(lane: Int) async throws(GatewayError) -> Int64 {
        try await read { lane == FeedReader.lane ? $0.feed.last?.position ?? 0 : 0 }
    }

    package func cursor(of reader: String, lane: Int) async throws(GatewayError) -> Int64 {
        try await read { $0.cursors["\(reader) \(lane)"] ?? 0 }
    }

    package func moveCursor(
        of reader: String,
        lane: Int,
        from old: Int64,
        to new: Int64
    ) async throws(GatewayError) -> Bool { try await write { $0.move(reader, lane, from: old, to: new) } }
}

extension MemoryStore: RollupRepository {
    package func add(
        _ changes: [RollupPlace: RollupSum],
        lane: Int,
        from old: Int64,
        to new: Int64
    ) async throws(GatewayError) -> Bool {
        try await write { tables in
            guard tables.move(FeedReader.rollups, lane, from: old, to: new) else { return false }
            for (place, sum) in changes { tables.rollups[place, default: RollupSum()].add(sum) }
            return true
        }
    }

    package func rollups(
        organization: OrganizationID,
        environment: Environment,
        days: ClosedRange<Int64>
    ) async throws(GatewayError) -> [RollupPlace: RollupSum] {
        try await read { tables in
            tables.rollups.filter { place, sum in
                place.organization == organization && place.environment == environment && days.contains(place.day)
                    && sum != RollupSum()
            }
        }
    }

    package func beginRollupsAnew() async throws(GatewayError) {
        try await write { tables in
            guard tables.floor(of: FeedReader.lane, keptFor: nil) == 0 else {
                throw GatewayError(.conflict, "The feed no longer has its first events: nothing can be counted anew.")
            }
            tables.rollups = [:]
            tables.cursors["\(FeedReader.rollups) \(FeedReader.lane)"] = nil
        }
    }
}

extension MemoryTables {
    /// The cursors of a lane, by reader.
    fileprivate func cursors(of lane: Int) -> [String: Int64] {
        let suffix = " \(lane)"
        return cursors.reduce(into: [:]) { found, cursor in
            if cursor.key.hasSuffix(suffix) { found[String(cursor.key.dropLast(suffix.count))] = cursor.value }
        }
    }

    fileprivate func floor(of lane: Int, keptFor days: Int?) -> Int64 {
        let forgotten = cursors(of: lane)
            .filter { cursor in FeedReader.age(of: cursor.key).map { $0 >= days ?? 0 } ?? false }
        return max(0, (feed.first?.position ?? 1) - 1, forgotten.values.max() ?? 0)
    }

    fileprivate mutating func move(_ reader: String, _ lane: Int, from old: Int64, to new: Int64) -> Bool {
        let name = "\(reader) \(lane)"
        guard cursors[name] ?? 0 == old else { return false }
        cursors[name] = new
        return true
    }
}
