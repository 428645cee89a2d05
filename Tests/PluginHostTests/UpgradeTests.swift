import Foundation
import Gateway
import OrderedJSON
import Testing

@testable import PluginHost

extension Bench {
    /// The configuration that the fixture is installed with, as an operator would write it.
    var entry: JSON {
        [
            "id": "fixture", "source": "x", "isolation": .string(isolation.rawValue),
            "grants": ["upstreams": ["daraja": ["/collect"]], "secrets": ["stk_password"]],
            "restart": ["backoff_ms": 1],
        ]
    }

    @discardableResult
    func install(
        _ version: String,
        _ flags: [String] = [],
        change: (inout InstallRequest) -> Void = { _ in }
    ) async throws -> PluginStatus {
        let path = try compile(["-DFIXTURE_VERSION=\"\(version)\""] + flags)
        var request = InstallRequest()
        request.entry = entry
        change(&request)
        return try await host.install(Array(Data(contentsOf: URL(filePath: path))), request)
    }

    /// The version that serves a call of an organization's now.
    func version(for organization: OrganizationID = .ofATest, call: CallID = .random) -> String? {
        registry.snapshot.entry("fixture_echo", organization: organization, call: call)?.plugin.version
    }

    /// Another host on the same repository, as after a restart.
    func again(after time: Duration = .zero) throws -> Bench {
        try Bench(isolation, repository: repository, now: Timestamp(milliseconds: 1) + time)
    }

    /// Starts with a plugins.json that declares nothing.
    func start() async throws {
        let file = folder + "/plugins.json"
        try Data("{\"plugins\":[]}".utf8).write(to: URL(filePath: file))
        try await host.start(pluginsFile: file, folder: folder)
    }
}

extension OrganizationID {
    static let ofATest = OrganizationID(Identifier(high: 1, low: 1))
    static let other = OrganizationID(Identifier(high: 2, low: 2))
}

extension CallID {
    static var random: CallID { CallID(Identifier(high: .random(in: 0 ... .max), low: .random(in: 0 ... .max))) }
}

struct `A running host` {
    @Test(arguments: Bench.Isolation.allCases)
    func `serves the first version of a plugin at once, and the next when it is promoted`(
        isolation: Bench.Isolation
    ) async throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }

        #expect(try await bench.install("1.0.0").live?.version == "1.0.0")
        let installed = try await bench.install("1.1.0")
        #expect(installed.live?.version == "1.0.0")
        #expect(installed.generations.map(\.role) == ["live", "candidate"])
        let promoted = try await bench.host.promote("fixture")
        #expect(promoted.live?.version == "1.1.0")
        #expect(promoted.live?.number == 2)
        let rolledBack = try await bench.host.rollBack("fixture")
        #expect(rolledBack.live?.version == "1.0.0")
        #expect(rolledBack.note == "rolled back from version 1.1.0 to version 1.0.0")
        // What was rolled back from never had a call, so it goes at once.
        bench.host.retireDrained()
        #expect(bench.host.status(of: "fixture")?.generations.count == 1)
    }

    @Test func `has nothing to roll back to at first`() async throws {
        let bench = try Bench()
        defer { bench.remove() }
        try await bench.install("1.0.0")

        await #expect(throws: GatewayError.self) { try await bench.host.rollBack("fixture") }
        await #expect(throws: GatewayError.self) { try await bench.host.promote("fixture") }
        await #expect(throws: GatewayError.self) { try await bench.host.promote("nobody") }
    }

    @Test func `goes on with what was installed after a restart`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        try await bench.install("1.1.0") { $0.promotes = true }
        try await bench.install("1.2.0") { $0.organizations = [.other] }
        let next = try bench.again()
        defer { next.remove() }
        try await next.start()

        #expect(next.version() == "1.1.0")
        #expect(next.version(for: .other) == "1.2.0")
        #expect(try await next.host.rollBack("fixture").live?.version == "1.1.0")
        #expect(try await next.host.rollBack("fixture").live?.version == "1.0.0")
        let newest = try await next.install("1.3.0").generations.first { $0.role == "candidate" }
        #expect(newest?.number == 4)
    }

    @Test func `follows plugins.json when it changes`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let file = bench.folder + "/plugins.json"
        func declare(_ library: String?, enabled: Bool = true) throws {
            var object = bench.entry.objectValue ?? [:]
            object["source"] = .string(library ?? "")
            object["enabled"] = .bool(enabled)
            let list: [JSON] = library == nil ? [] : [.object(object)]
            try Data((["plugins": .array(list)] as JSON).bytes).write(to: URL(filePath: file))
        }
        let first = try bench.compile(["-DFIXTURE_VERSION=\"1.0.0\""])
        let second = try bench.compile(["-DFIXTURE_VERSION=\"2.0.0\""])
        try declare(first)
        try await bench.host.start(pluginsFile: file, folder: bench.folder)
        #expect(bench.version() == "1.0.0")

        try declare(second)
        await bench.host.followFile()
        #expect(bench.version() == "2.0.0")
        #expect(try await bench.host.rollBack("fixture").live?.version == "1.0.0")

        try Data("rubbish".utf8).write(to: URL(filePath: file))
        await bench.host.followFile()
        #expect(bench.version() == "1.0.0")

        try declare(second, enabled: false)
        await bench.host.followFile()
        #expect(bench.version() == nil)
        #expect(bench.host.status(of: "fixture")?.state == "disabled")

        try declare(first)
        await bench.host.followFile()
        #expect(bench.version() == "1.0.0")
        try declare(nil)
        await bench.host.followFile()
        #expect(bench.host.statuses.isEmpty)
    }

    @Test func `lets plugins.json overrule what was installed, once it says something new`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let file = bench.folder + "/plugins.json"
        func declare(_ version: String) throws {
            var object = bench.entry.objectValue ?? [:]
            object["source"] = .string(try bench.compile(["-DFIXTURE_VERSION=\"\(version)\""]))
            try Data((["plugins": [.object(object)]] as JSON).bytes).write(to: URL(filePath: file))
        }
        try declare("1.0.0")
        try await bench.host.start(pluginsFile: file, folder: bench.folder)
        try await bench.install("1.5.0") { $0.promotes = true }
        let second = try bench.again()
        try await second.host.start(pluginsFile: file, folder: bench.folder)
        #expect(second.version() == "1.5.0")

        try declare("2.0.0")
        let third = try bench.again()
        try await third.host.start(pluginsFile: file, folder: bench.folder)
        #expect(third.version() == "2.0.0")
    }
}

struct `A canary` {
    @Test func `serves its share of the calls, and its organizations`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        try await bench.install("1.1.0") {
            $0.share = 250_000
            $0.organizations = [.other]
        }
        let served = (0..<4_000).filter { _ in bench.version() == "1.1.0" }.count

        #expect((800...1_200).contains(served))
        #expect((0..<100).allSatisfy { _ in bench.version(for: .other) == "1.1.0" })
        #expect(bench.registry.snapshot.entries(for: .other).first?.plugin.version == "1.1.0")
        #expect(bench.registry.snapshot.entries(for: .ofATest).first?.plugin.version == "1.0.0")
    }

    @Test func `is taken back when its workers crash`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        try await bench.install("1.1.0") { $0.organizations = [.other] }
        let plugin = try #require(
            bench.registry.snapshot.entry("fixture_echo", organization: .other, call: .random)?.plugin
        )
        for _ in 0..<2 { _ = await plugin.preparing("do-abort") }
        await bench.host.takeBackWhatFails()

        #expect(bench.version(for: .other) == "1.0.0")
        #expect(bench.host.status(of: "fixture")?.note == "version 1.1.0 was taken back: 4 crashes")
    }
}

struct `A version` {
    @Test func `that fails after its promotion gives way to the one before`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        try await bench.install("1.1.0") { $0.promotes = true }
        let live = try #require(bench.registry.snapshot.live("fixture"))
        await bench.host.takeBackWhatFails()
        #expect(bench.version() == "1.1.0")
        for _ in 0..<2 { _ = await live.preparing("do-segfault") }
        await bench.host.takeBackWhatFails()

        #expect(bench.version() == "1.0.0")
        #expect(bench.host.status(of: "fixture")?.note?.hasSuffix("4 crashes") ?? false)
    }

    @Test func `is judged by how many of its calls fail`() {
        let policy = PluginConfiguration.RollbackPolicy()
        let before = PluginGeneration.Record(ended: 100, failed: 50, crashes: 7)

        #expect(PluginGeneration.Record(ended: 119, failed: 69, crashes: 9).fault(since: before, policy: policy) == nil)
        #expect(PluginGeneration.Record(ended: 120, failed: 60, crashes: 9).fault(since: before, policy: policy) == nil)
        #expect(
            PluginGeneration.Record(ended: 120, failed: 61, crashes: 9).fault(since: before, policy: policy)
                == "11 of 20 calls failed"
        )
        #expect(
            PluginGeneration.Record(ended: 100, failed: 50, crashes: 10).fault(since: before, policy: policy)
                == "3 crashes"
        )
    }

    @Test func `that takes away what callers rely on needs their consent`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let schema = "-DFIXTURE_SCHEMA=\"{\\\"type\\\":\\\"object\\\",\\\"additionalProperties\\\":false}\""
        let breaking = [schema, "-DFIXTURE_EXAMPLE=\"{}\""]
        try await bench.install("1.0.0")
        let told = await #expect(throws: GatewayError.self) { try await bench.install("2.0.0", breaking) }

        #expect(told?.message.contains("fixture_collect: input/phone is gone") ?? false, "\(told?.message ?? "")")
        #expect(bench.host.status(of: "fixture")?.generations.count == 1)
        #expect(try await bench.install("2.0.0", breaking) { $0.allowsBreaking = true }.generations.count == 2)
    }

    @Test func `that does not know a kind with open records is refused, whoever consents`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        await bench.repository.setOpenRecords(["collect": 2, "refund": 1])
        let told = await #expect(throws: GatewayError.self) {
            try await bench.install("2.0.0") { $0.allowsBreaking = true }
        }
        #expect(told?.message.contains("does not know refund") ?? false)
        let kept = await #expect(throws: GatewayError.self) { try await bench.host.remove("fixture") }
        #expect(kept?.message.contains("3 open records") ?? false)

        await bench.repository.setOpenRecords([:])
        try await bench.host.remove("fixture")
        #expect(bench.version() == nil)
    }

    @Test func `that is refused leaves the one that serves`() async throws {
        let bench = try Bench(.sandbox)
        defer { bench.remove() }
        try await bench.install("1.0.0")
        for flags in [["-DFAIL_SELFTEST"], ["-DNULL_FUNCTION"], ["-DBAD_CATALOGUE"], ["-DFIXTURE_PATH=\"/admin/x\""]] {
            await #expect(throws: GatewayError.self) { try await bench.install("1.1.0", flags) }
        }

        #expect(bench.version() == "1.0.0")
        let generations = bench.host.status(of: "fixture")?.generations
        #expect(generations?.map(\.version) == ["1.0.0"])
    }

    @Test func `is granted what it asks for when the operator says so`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let bare: JSON = ["id": "fixture", "source": "x"]
        await #expect(throws: GatewayError.self) { try await bench.install("1.0.0") { $0.entry = bare } }
        try await bench.install("1.0.0") {
            $0.entry = bare
            $0.grantsNeeds = true
        }

        // The next version may do the same and no more.
        #expect(try await bench.install("1.1.0") { $0.entry = nil }.generations.count == 2)
        #expect(bench.host.status(of: "fixture")?.live?.health.isolation == "sandbox")
    }
}

struct `Upgrades under load` {
    @Test(arguments: [Bench.Isolation.inProcess, .worker])
    func `fail no call and mix up none`(isolation: Bench.Isolation) async throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let libraries = try ["1.0.0", "1.1.0"]
            .map { version in
                try Array(Data(contentsOf: URL(filePath: bench.compile(["-DFIXTURE_VERSION=\"\(version)\""]))))
            }
        var request = InstallRequest()
        request.entry = bench.entry
        request.promotes = true
        _ = try await bench.host.install(libraries[0], request)
        let upgrades = isolation == .inProcess ? 100 : 30
        let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var wrong = 0
                    while !Task.isCancelled { wrong += await bench.callIsRight() ? 0 : 1 }
                    return wrong
                }
            }
            for number in 1...upgrades {
                _ = try await bench.host.install(libraries[number % 2], request)
                bench.host.retireDrained()
            }
            group.cancelAll()
            return try await group.reduce(0, +)
        }

        #expect(wrong == 0)
        #expect(bench.host.status(of: "fixture")?.live?.number == upgrades + 1)
    }
}

extension Bench {
    /// Calls the fixture through the registry as the pipeline does; whether the generation that took it answered it.
    func callIsRight() async -> Bool {
        while true {
            guard
                let entry = registry.snapshot.entry("fixture_echo", organization: .ofATest, call: .random),
                let invoke = entry.plugin.asynchronous.invoke
            else { return false }
            guard entry.plugin.calls.begin() else { continue }
            defer { entry.plugin.calls.end(hasFailed: false) }
            let completion = await invoke(entry.tool.index, Array("{\"how\":\"inline\"}".utf8), .ofATest())
            let answer = try? JSON(parsing: completion.payload)
            return completion.status == 0 && answer?["version"]?.stringValue == entry.plugin.version
        }
    }
}
