import Foundation
import Gateway
import OrderedJSON
import Testing

@testable import PluginHost

extension PluginNews {
    /// Who did what, which version serves, and which was before.
    fileprivate var line: String { "\(by) \(change) \(version ?? "-") \(was ?? "-")" }
}

struct `What happens to plugins` {
    @Test func `is in the host's own audit, with who did it`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        try await bench.install("1.1.0")
        _ = try await bench.host.promote("fixture", share: 1_000)
        _ = try await bench.host.promote("fixture")
        _ = try await bench.host.rollBack("fixture")
        await #expect(throws: GatewayError.self) { try await bench.install("2.0.0", ["-DFAIL_SELFTEST"]) }
        try await bench.install("1.2.0") { $0.promotes = true }
        try await bench.crash(2)
        try await bench.host.remove("fixture")

        #expect(
            await bench.repository.told.map(\.line) == [
                "operator promoted 1.0.0 -", "operator promoted 1.1.0 1.0.0", "operator rolledBack 1.0.0 1.1.0",
                "operator promoted 1.2.0 1.0.0", "host rolledBack 1.0.0 1.2.0", "operator withdrawn - 1.0.0",
            ]
        )
        #expect(await bench.repository.told.dropFirst(4).first?.why?.contains("4 crashes") == true)
        #expect(
            await bench.audit.told("version") == [
                "operator PLUGIN_PROMOTED 1.0.0", "operator PLUGIN_INSTALLED 1.1.0", "operator PLUGIN_CANARY 1.1.0",
                "operator PLUGIN_PROMOTED 1.1.0", "operator PLUGIN_ROLLED_BACK 1.1.0", "operator PLUGIN_REFUSED -",
                "operator PLUGIN_PROMOTED 1.2.0", "host PLUGIN_TAKEN_BACK 1.2.0", "operator PLUGIN_REMOVED -",
            ]
        )
        let lines = await bench.audit.lines
        #expect(lines.allSatisfy { $0.organization == nil && $0.detail?.contains("\"plugin\":\"fixture\"") == true })
        #expect(lines[5].outcome == .failed && lines[5].detail?.contains("self-test failed") == true)
        #expect(lines[7].detail?.contains("4 crashes") == true && lines[7].door == "host")
        let counts = bench.host.journal.counts
        #expect(counts[PluginJournal.Count(plugin: "fixture", what: "promoted")] == 3)
        #expect(counts[PluginJournal.Count(plugin: "fixture", what: "taken_back")] == 1)
    }

    @Test func `is told of a plugin's own doing once, and then once a minute with the number`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        let live = try #require(bench.registry.snapshot.live("fixture"))
        let start = ContinuousClock.now
        func look(after seconds: Int) async {
            bench.host.observe(at: start + .seconds(seconds))
            await bench.host.journal.flush()
        }
        func told() async -> [String] { await bench.audit.told("number").filter { $0.contains("CRASHED") } }
        await look(after: 0)
        #expect(await told() == [])
        _ = await live.preparing("do-segfault")
        await look(after: 1)
        _ = await live.preparing("do-segfault")
        await look(after: 2)
        _ = await live.preparing("do-abort")
        await look(after: 60)
        #expect(await told() == ["host PLUGIN_CRASHED 2"])

        await look(after: 61)
        #expect(await told() == ["host PLUGIN_CRASHED 2", "host PLUGIN_CRASHED 4"])
        #expect(await bench.audit.lines.last { $0.action == "PLUGIN_CRASHED" }?.detail?.contains("signal 6") == true)
        // A quiet minute later the next one is a first one again.
        await look(after: 121)
        _ = await live.preparing("do-abort")
        await look(after: 122)
        #expect(await told().last == "host PLUGIN_CRASHED 2")
        try await bench.waitForWorker()
        await look(after: 300)
        let counts = bench.host.journal.counts
        #expect(counts[PluginJournal.Count(plugin: "fixture", what: "crashed")] == 8)
        #expect(counts[PluginJournal.Count(plugin: "fixture", what: "restarted")] == 8)
        let restarts = await bench.audit.told("number").filter { $0.contains("RESTARTED") }
        #expect(restarts.count <= 4 && !restarts.isEmpty)
    }

    @Test func `is counted on when a version is replaced, broken rules too`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        for (number, version) in ["1.0.0", "1.1.0"].enumerated() {
            try await bench.install(version, ["-DTWICE"]) { $0.promotes = true }
            let live = try #require(bench.registry.snapshot.live("fixture"))
            _ = await bench.echo(live, .seconds(20))
            try await bench.watch(until: "the violation") { bench.host.violations(of: "fixture") > number }
            bench.host.observe(at: .now + .seconds(number))
        }
        bench.host.retireDrained()
        bench.host.observe(at: .now)

        let counts = bench.host.journal.counts
        #expect(counts[PluginJournal.Count(plugin: "fixture", what: "violated")] == 2)
        #expect(counts[PluginJournal.Count(plugin: "fixture", what: "calls")] == 2)
    }

    @Test func `waits for an audit that is away, within a bound`() async throws {
        let bench = try Bench()
        defer { bench.remove() }
        let journal = PluginJournal(
            audit: bench.audit,
            entropy: bench.host.entropy,
            logger: bench.host.logger,
            waitingMax: 3
        )
        await bench.audit.setAway(true)
        for number in 1...5 {
            journal.note(.removed, "plugin-\(number)", by: .host)
            await journal.flush()
        }
        await bench.audit.setAway(false)
        await journal.flush()
        await journal.flush()

        #expect(await bench.audit.told("plugin") == (3...5).map { "host PLUGIN_REMOVED plugin-\($0)" })
        #expect(Set(await bench.audit.lines.map(\.id)).count == 3)
    }
}
