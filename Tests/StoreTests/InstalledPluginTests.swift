import Gateway
import OrderedJSON
import Testing

@testable import Store

struct `What was installed` {
    let library = [UInt8]((0..<100_000).map { UInt8(truncatingIfNeeded: $0) })

    func plugin(_ digests: [String]) -> InstalledPlugin {
        InstalledPlugin(
            id: "fixture",
            declared: "d",
            lastGeneration: digests.count,
            note: "it's \"new\"",
            versions: digests.enumerated()
                .map { index, digest in
                    InstalledVersion(
                        generation: index + 1,
                        role: index == 0 ? .live : .candidate,
                        digest: digest,
                        entry: ["id": "fixture", "config": ["a": 1]],
                        share: index,
                        organizations: index == 0 ? [] : [ours, theirs],
                        promotedAt: index == 0 ? Timestamp(milliseconds: 1_790_000_000_123) : nil
                    )
                }
        )
    }

    func news(_ change: PluginNews.Change) -> PluginNews {
        var news = PluginNews(change, of: "fixture", by: "host", at: moment)
        if change != .withdrawn { (news.version, news.generation, news.digest) = ("1.1.0", 2, "two") }
        (news.was, news.why) = ("1.0.0", String(repeating: "é", count: 1_000))
        return news
    }

    @Test func `is told to the organization that runs the gateway alone, in the commit that makes it true`()
        async throws
    {
        try await withStore { (store) async throws in
            let binaries = ["one": library, "two": [1]]
            try await store.save(plugin(["one"]), binaries: binaries, telling: news(.promoted))
            #expect(try await store.feedEnd(lane: 1) == 0, "there is nobody to tell")
            let plan = Plan(name: "p", tools: [], organizationLimits: [:], principalLimits: [:])
            try await store.save(plan)
            for (id, slug) in [(theirs, Organization.hostSlug), (ours, "shop")] {
                try await store.save(
                    Organization(id: id, slug: slug, name: slug, subscription: .active, plan: plan.name)
                )
            }

            try await store.save(plugin(["one", "two"]), binaries: binaries, telling: news(.promoted))
            try await store.save(plugin(["one", "two"]), binaries: binaries, telling: nil)
            try await store.save(plugin(["one"]), binaries: [:], telling: news(.rolledBack))
            for _ in 1...2 { try await store.removeInstalledPlugin("fixture", telling: news(.withdrawn)) }

            let events = try await store.feed(lane: 1, after: 0, limit: 10).map(\.event)
            try #require(events.map(\.kind) == [.pluginPromoted, .pluginRolledBack, .pluginWithdrawn])
            #expect(events.allSatisfy { $0.organization == theirs && $0.subject == "fixture" && $0.at == moment })
            #expect(events.allSatisfy { $0.payload.bytes.count <= FeedEvent.payloadMax })
            #expect(events[0].payload["version"] == "1.1.0" && events[0].payload["generation"] == 2)
            #expect(events[2].payload["version"] == nil && events[2].payload["was"] == "1.0.0")
        }
    }

    @Test func `is told nobody where it was not kept`() async throws {
        try await withStore { (store) async throws in
            try await store.save(Plan(name: "p", tools: [], organizationLimits: [:], principalLimits: [:]))
            try await store.save(
                Organization(
                    id: ours,
                    slug: Organization.hostSlug,
                    name: "host",
                    subscription: .active,
                    plan: "p"
                )
            )
            // Two rows of one generation cannot be kept.
            var twice = plugin(["one"])
            twice.versions += twice.versions
            await #expect(throws: GatewayError.self) {
                try await store.save(twice, binaries: ["one": library], telling: news(.promoted))
            }
            #expect(try await store.feedEnd(lane: 1) == 0)
            #expect(try await store.installedPlugins().isEmpty)
        }
    }

    @Test func `is read back as it was written, libraries too`() async throws {
        try await withStore { (store) async throws in
            try await store.save(plugin(["one", "two"]), binaries: ["one": library, "two": [1]])

            #expect(try await store.installedPlugins() == [plugin(["one", "two"])])
            #expect(try await store.pluginBinary("one") == library)
            #expect(try await store.pluginBinary("three") == nil)
            #expect(try await store.pluginBinaries() == ["one", "two"])
        }
    }

    @Test func `is forgotten with the last version that needs it`() async throws {
        try await withStore { (store) async throws in
            try await store.save(plugin(["one", "two"]), binaries: ["one": library, "two": [1]])
            try await store.save(plugin(["two"]), binaries: [:])
            #expect(try await store.pluginBinaries() == ["two"])

            try await store.removeInstalledPlugin("fixture", telling: news(.withdrawn))
            #expect(try await store.installedPlugins().isEmpty)
            #expect(try await store.pluginBinaries().isEmpty)
        }
    }

    @Test func `counts open records of every organization, by kind`() async throws {
        try await withStore { (store) async throws in
            for organization in [ours, theirs] {
                let records = (0..<2).map { _ in makeRecord(organization) }
                for record in records { _ = try await store.commit(NewRecord(record: record)) }
                _ = try await store.apply([advanced(records[0], to: .succeeded)])
            }

            #expect(try await store.openRecords(of: "stk-push") == ["stk_push": 2])
            #expect(try await store.openRecords(of: "b2c").isEmpty)
        }
    }
}
