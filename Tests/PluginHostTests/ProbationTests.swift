import Gateway
import Testing

@testable import PluginHost

extension Bench {
    /// Crashes the live version's worker `count` times twice: a pure call is given to the next worker once.
    func crash(_ count: Int) async throws {
        let live = try #require(registry.snapshot.live("fixture"))
        for _ in 0..<count { _ = await live.preparing("do-segfault") }
        await host.takeBackWhatFails()
    }
}

struct `A version on probation` {
    @Test func `that fails while another one waits gives way, and the other one goes on waiting`() async throws {
        for share in [0, 1] {
            let bench = try Bench(.worker)
            defer { bench.remove() }
            try await bench.install("1.0.0")
            try await bench.install("1.1.0") { $0.promotes = true }
            try await bench.install("1.2.0") { $0.share = share }
            try await bench.crash(2)

            #expect(bench.version() == "1.0.0")
            let roles = bench.host.status(of: "fixture")?.generations.map { "\($0.version) \($0.role)" }
            #expect(roles?.contains(share == 0 ? "1.2.0 candidate" : "1.2.0 canary") ?? false, "\(roles ?? [])")
        }
    }

    @Test func `that fails after a restart gives way too, as long as its time has not passed`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        try await bench.install("1.1.0") { $0.promotes = true }
        let late = try bench.again(after: .seconds(300))
        defer { late.remove() }
        try await late.start()
        try await late.crash(2)
        #expect(late.version() == "1.1.0")

        let next = try bench.again(after: .milliseconds(299_999))
        defer { next.remove() }
        try await next.start()
        #expect(next.version() == "1.1.0")
        try await next.crash(2)
        #expect(next.version() == "1.0.0")
        #expect(next.host.status(of: "fixture")?.note?.hasSuffix("4 crashes") ?? false)

        // Who was called back is not on probation, whatever it does.
        let last = try bench.again(after: .milliseconds(299_999))
        defer { last.remove() }
        try await last.start()
        try await last.crash(2)
        #expect(last.version() == "1.0.0")
    }

    @Test func `that cannot be loaded again after a restart gives way, as long as its time has not passed`()
        async throws
    {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        let digest = try #require(try await bench.install("1.1.0") { $0.promotes = true }.live?.digest)
        await bench.repository.lose(digest)
        let late = try bench.again(after: .seconds(300))
        defer { late.remove() }
        try await late.start()
        #expect(late.version() == nil)
        #expect(late.host.status(of: "fixture")?.reason?.contains(digest) ?? false)

        let next = try bench.again()
        defer { next.remove() }
        try await next.start()
        #expect(next.version() == "1.0.0")
        #expect(next.host.status(of: "fixture")?.note?.contains(digest) ?? false)
        #expect(next.host.status(of: "fixture")?.reason == nil)
    }

    @Test func `is judged by each of its tools`() {
        let policy = PluginConfiguration.RollbackPolicy()
        func record(_ ended: Int, _ failed: Int) -> PluginGeneration.Record {
            var record = PluginGeneration.Record(ended: 1_000 + ended, failed: failed)
            record.tools = [.init(name: "busy", ended: 1_000), .init(name: "broken", ended: ended, failed: failed)]
            return record
        }

        #expect(record(120, 119).fault(since: record(100, 100), policy: policy) == "19 of 20 calls of broken failed")
        #expect(record(120, 110).fault(since: record(100, 100), policy: policy) == nil)
        #expect(record(119, 119).fault(since: record(100, 100), policy: policy) == nil)
        #expect(record(20, 20).fault(since: .init(), policy: policy) == "20 of 20 calls of broken failed")
    }
}
