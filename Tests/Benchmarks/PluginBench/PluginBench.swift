import Foundation
import Gateway
import Logging
import OrderedJSON
import PluginHost
import Store
import Synchronization

/// A host of plugins on a store of its own, and what is measured with it.
struct PluginBench {
    let folder: String
    let registry = ToolRegistry()
    let host: PluginHost
    let organization = OrganizationID(Identifier(high: 1, low: 1))

    init(worker: String) async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "bench-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var settings = PluginHost.Settings(
            stateFolder: folder,
            version: "bench",
            trust: TrustPolicy(allowsUnsigned: true),
            abilities: Catalogue.HostAbilities(features: [], transforms: ["stk_password"])
        )
        settings.workerProgram = worker
        settings.readableFolders = WorkerProgram.swiftRuntimeFolders()
        host = PluginHost(
            settings: settings,
            registry: registry,
            repository: try await Store.open(.sqlite(path: folder + "/bench.db")),
            entropy: Entropy(now: { Timestamp(milliseconds: 1) }, random: { UInt64.random(in: .min ... .max) }),
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }

    func tell(_ what: String, _ measured: String) { print("| \(what) | \(measured) |") }

    // MARK: Loading and calling

    func load(_ library: String, id: String, _ isolation: String) throws -> LoadedPlugin {
        let entry: JSON = [
            "id": .string(id), "source": .string(library), "isolation": .string(isolation),
            "grants": [
                "upstreams": ["daraja": ["/collect"]], "secrets": ["stk_password"], "collections": ["notes"],
                "services": ["transactions", "timers", "exports"],
            ],
        ]
        return try host.load(PluginConfiguration(reading: entry, at: ""), relativeTo: "/")
    }

    var invocation: LoadedPlugin.Invocation {
        LoadedPlugin.Invocation(
            principal: Principal(
                organization: organization,
                subject: .apiKey(APIKeyID(Identifier(high: 1, low: 1))),
                name: "bench",
                role: .user,
                scopes: nil,
                environment: .test
            ),
            call: CallID(Identifier(high: 1, low: 1)),
            door: "rest",
            timeout: .seconds(10)
        )
    }

    // MARK: Measures

    /// Bytes over and back, on the calling thread.
    func boundary(desk: String, swift: String) async throws {
        let c = try load(desk, id: "desk", "in-process")
        let kit = try load(swift, id: "hello", "in-process")
        for (name, plugin) in [("C", c), ("Swift", kit)] {
            let took = try await Samples.batches(of: 100_000) { _ = try await plugin.context.resource(0) }
            tell("boundary in \(name): a call into the library and its bytes back", took.perCall)
        }
    }

    /// A function tool written with PluginKit, on its own executor.
    func functionTool(swift: String) async throws {
        let plugin = try load(swift, id: "hello", "in-process")
        guard let invoke = plugin.asynchronous.invoke else { return }
        let (call, input) = (invocation, Array(#"{"name":"Amina"}"#.utf8))
        let took = await Samples.batches(of: 10_000) { _ = await invoke(0, input, call) }
        tell("function tool in Swift, in the host's process, one after another", took.perCall)
    }

    /// What a tool's own reading and writing costs, either way of PluginKit.
    func kit() async throws {
        for (name, tool) in [("directly over values", Kit.direct), ("over Swift types, by Codable", Kit.typed)] {
            let (reading, writing) = try await Kit.measure(tool)
            tell("four arguments read from bytes, \(name)", reading.perCall)
            tell("an output of seven members written to bytes, \(name)", writing.perCall)
        }
    }

    func worker(_ library: String, _ isolation: String) async throws {
        let plugin = try load(library, id: "fixture", isolation)
        guard let prepare = plugin.operationFunctions?.prepare else { return }
        let input = Array("{}".utf8)
        var samples = Samples()
        for _ in 0..<20_000 { try await samples.measure { _ = try await prepare(0, input) } }
        tell("round trip to a plugin in a \(isolation), one after another", samples.quantiles)
        let (tasks, calls) = (64, 4_000)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<tasks { group.addTask { for _ in 0..<calls { _ = try await prepare(0, input) } } }
            try await group.waitForAll()
        }
        let rate = Double(tasks * calls) / (ContinuousClock.now - start).seconds
        tell("the same, \(tasks) callers at once", "\(Int(rate)) calls/s")
        let bytes = host.health(of: "fixture")?.memoryBytes ?? 0
        tell("resident memory of that worker, afterwards", "\(bytes >> 10) KiB")
    }

    /// kill -9 under a call that waits: when its caller is told, and when the next call is answered.
    func crash(_ library: String) async throws {
        var (told, served) = (Samples(), Samples())
        for _ in 0..<10 {
            // A fresh plugin each time: a second crash in a row is waited for on purpose.
            let plugin = try load(library, id: "fixture", "worker")
            guard let invoke = plugin.asynchronous.invoke, let prepare = plugin.operationFunctions?.prepare,
                let process = host.health(of: "fixture")?.processes.first
            else { return }
            let call = invocation
            async let waiting = invoke(1, Array(#"{"how":"never"}"#.utf8), call)
            try await Task.sleep(for: .milliseconds(20))
            let killed = ContinuousClock.now
            kill(pid_t(process), SIGKILL)
            _ = await waiting
            told.add(ContinuousClock.now - killed)
            _ = try await prepare(0, Array("{}".utf8))
            served.add(ContinuousClock.now - killed)
        }
        tell("a worker is killed: until its caller is told", told.quantiles)
        tell("until a new worker has answered the next call", served.quantiles)
    }

    /// Upgrades in the host's process, with callers who check which version answered them.
    func upgrades(_ libraries: [String], count: Int) async throws {
        let bytes = try libraries.map { Array(try Data(contentsOf: URL(filePath: $0))) }
        var request = InstallRequest()
        request.entry = ["id": "fixture", "source": "installed", "isolation": "in-process"]
        request.grantsNeeds = true
        request.promotes = true
        _ = try await host.install(bytes[0], request)
        let counts = Counts()
        let memory = Process.residentBytes
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    while !Task.isCancelled {
                        let isRight = await callIsRight()
                        (isRight ? counts.right : counts.wrong).add(1)
                    }
                }
            }
            for number in 1...count { _ = try await host.install(bytes[number % 2], request) }
            group.cancelAll()
            try await group.waitForAll()
        }
        let each = (ContinuousClock.now - start) / count
        let grown = (Process.residentBytes - memory) / count
        let (right, wrong) = (counts.right.value, counts.wrong.value)
        tell("\(count) upgrades under load", "\(wrong) of \(right + wrong) calls failed or mixed up")
        tell("one upgrade: check, load, self-test, commit, swap", "\(each.microseconds / 1000) ms")
        tell("resident memory that one upgrade leaves", "\(grown >> 10) KiB")
    }

    /// What many tasks count.
    private final class Counts: Sendable {
        final class Count: Sendable {
            private let number = Mutex(0)
            var value: Int { number.withLock { $0 } }
            func add(_ more: Int) { number.withLock { $0 += more } }
        }

        let right = Count()
        let wrong = Count()
    }

    private func callIsRight() async -> Bool {
        while true {
            let call = CallID(Identifier(high: .random(in: .min ... .max), low: .random(in: .min ... .max)))
            guard let entry = registry.snapshot.entry("fixture_echo", organization: organization, call: call),
                let invoke = entry.plugin.asynchronous.invoke
            else { return false }
            guard entry.plugin.calls.begin() else { continue }
            defer { entry.plugin.calls.end(hasFailed: false) }
            let completion = await invoke(entry.tool.index, Array(#"{"how":"inline"}"#.utf8), invocation)
            let answer = try? JSON(parsing: completion.payload)
            return completion.status == 0 && answer?["version"]?.stringValue == entry.plugin.version
        }
    }
}
