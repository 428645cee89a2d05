import Foundation
import Gateway
import OrderedJSON
import Testing

@testable import PluginHost

extension Bench {
    /// Versions and roles of what is loaded.
    var roles: [String] { host.status(of: "fixture")?.generations.map { "\($0.version) \($0.role)" } ?? [] }

    /// Looks after the plugins, as the watcher does, until something has become so.
    func watch(until what: String, _ isSo: () throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while try !isSo() {
            try #require(ContinuousClock.now < end, "\(what) did not come")
            await host.takeBackWhatFails()
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

struct `What a rollback returns to` {
    @Test func `is the last version that passed its probation, whatever was promoted since`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        try await bench.install("1.9.0") { $0.promotes = true }
        let told = try await bench.install("1.2.0") { $0.promotes = true }
        #expect(bench.roles.filter { !$0.hasSuffix("draining") } == ["1.2.0 live", "1.0.0 standby"])
        #expect(
            told.note?.hasSuffix("1.9.0 had not passed its probation, so a rollback returns to version 1.0.0") ?? false
        )
        #expect(told.live?.isOnProbation == true)
        try await bench.crash(2)

        #expect(bench.version() == "1.0.0")
        #expect(bench.host.status(of: "fixture")?.note == "rolled back from version 1.2.0 to version 1.0.0: 4 crashes")
    }

    @Test func `is the newer one, once that has passed`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        try await bench.install("1.9.0") { $0.promotes = true }
        let later = try bench.again(after: .seconds(300))
        defer { later.remove() }
        try await later.start()
        #expect(later.host.status(of: "fixture")?.live?.isOnProbation == false)
        try await later.install("1.2.0") { $0.promotes = true }

        #expect(try await later.host.rollBack("fixture").live?.version == "1.9.0")
    }

    @Test func `goes on with its own probation, across a restart too`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        try await bench.install("1.1.0") { $0.promotes = true }
        let next = try bench.again(after: .seconds(299))
        defer { next.remove() }
        try await next.start()
        _ = try await next.host.rollBack("fixture")
        let slot = try #require(next.host.slots.withLock { $0["fixture"] })
        #expect(slot.isOnProbation(at: Timestamp(milliseconds: 1) + .milliseconds(299_999)))
        #expect(!slot.isOnProbation(at: Timestamp(milliseconds: 1) + .seconds(300)))
        // With nothing behind it, it is kept whatever it has shown.
        try await next.install("1.2.0") { $0.promotes = true }
        #expect(next.roles.filter { !$0.hasSuffix("draining") } == ["1.2.0 live", "1.0.0 standby"])
    }
}

struct `A version that never completes a call` {
    @Test func `is judged by few of them, at their deadline`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        try await bench.install("1.1.0", ["-DNEVER"]) { $0.promotes = true }
        let live = try #require(bench.registry.snapshot.live("fixture"))
        for _ in 0..<3 { _ = await bench.echo(live, .milliseconds(20)) }
        try await bench.watch(until: "the rollback") { bench.version() == "1.0.0" }

        let note = bench.host.status(of: "fixture")?.note
        #expect(note?.hasSuffix(": 3 of 3 calls were not completed in time (rule F1)") ?? false, "\(note ?? "")")
    }

    @Test func `is judged before their deadline when none has ended for a while`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        var entry = bench.entry.objectValue ?? [:]
        entry["rollback"] = ["silence_s": 1]
        try await bench.install("1.1.0", ["-DNEVER"]) { [entry] in
            $0.entry = .object(entry)
            $0.promotes = true
        }
        let live = try #require(bench.registry.snapshot.live("fixture"))
        let calls = Task { [bench] in
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<3 { group.addTask { _ = await bench.echo(live, .seconds(300)) } }
            }
        }
        try await bench.watch(until: "the rollback") { bench.version() == "1.0.0" }

        #expect(
            bench.host.status(of: "fixture")?.note?.hasSuffix(": none of its 3 calls has ended within 1 s") ?? false
        )
        // Their worker goes, and they with it.
        for generation in bench.host.draining.withLock({ $0.map(\.generation) }) { generation.library.retire() }
        await calls.value
    }

    @Test func `is told from one that is slow now and then`() {
        let policy = PluginConfiguration.RollbackPolicy()
        func record(_ ended: Int, late: Int) -> PluginGeneration.Record {
            var record = PluginGeneration.Record(ended: 100 + ended, failed: late, late: late)
            record.tools = [
                .init(name: "busy", ended: 100), .init(name: "stuck", ended: ended, failed: late, late: late),
            ]
            return record
        }
        let before = record(0, late: 0)

        #expect(record(2, late: 2).fault(since: before, policy: policy) == nil)
        #expect(record(6, late: 3).fault(since: before, policy: policy) == nil)
        let reason = record(5, late: 3).fault(since: before, policy: policy)
        #expect(reason == "3 of 5 calls were not completed in time (rule F1)")
        var others = record(5, late: 3)
        others.ended += 200
        #expect(
            others.fault(since: before, policy: policy)
                == "3 of 5 calls of stuck were not completed in time (rule F1)"
        )
        func silent(_ calls: Int, _ duration: Duration, ended: Int = 0) -> String? {
            record(ended, late: 0).silence(of: calls, for: duration, since: before, policy: policy)
        }
        #expect(silent(3, .seconds(10)) != nil)
        #expect(silent(2, .seconds(10)) == nil)
        #expect(silent(3, .milliseconds(9_999)) == nil)
        #expect(silent(3, .seconds(10), ended: 1) == nil)
    }
}

extension Bench {
    /// A call of the echo tool, counted in and out as the pipeline does.
    func echo(_ plugin: LoadedPlugin, _ timeout: Duration) async -> Int32 {
        guard plugin.calls.begin() else { return -9 }
        let completion = await plugin.asynchronous.invoke?(1, Array("{\"how\":\"inline\"}".utf8), .ofATest(timeout))
        plugin.calls.end(hasFailed: completion?.status != 0, tool: 1)
        return completion?.status ?? -9
    }
}

struct `A worker that has nothing left to allocate` {
    @Test(arguments: ["do-leak", "do-hoard"], [Bench.Isolation.worker, .sandbox])
    func `is told as its memory limit, not as the signal that it ends by`(
        how: String,
        isolation: Bench.Isolation
    ) async throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let plugin = try bench.load {
            $0.memoryMiB = 256
            $0.restart.backoff = .milliseconds(1)
        }

        let told = await plugin.preparing(how)
        #expect(told == "its worker ended (it reached its memory limit of 256 MiB), twice")
        #expect(try bench.health.lastCrash == "it reached its memory limit of 256 MiB")
        // What was refused an allocation and lived is not blamed for it when it dies of something else.
        #expect(await plugin.preparing("do-allocate") == "no memory")
        #expect(await plugin.preparing("do-segfault") == "its worker ended (signal 11), twice")
    }

    @Test func `is what the note of a rollback names`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        try await bench.install("1.1.0") { $0.promotes = true }
        let live = try #require(bench.registry.snapshot.live("fixture"))
        for _ in 0..<2 { _ = await live.preparing("do-leak") }
        await bench.host.takeBackWhatFails()

        let note = bench.host.status(of: "fixture")?.note
        #expect(note?.hasSuffix(": it reached its memory limit of 512 MiB: 4 crashes") ?? false, "\(note ?? "")")
    }
}
