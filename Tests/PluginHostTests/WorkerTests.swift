import Foundation
import Gateway
import OrderedJSON
import PluginAPI
import Testing

@testable import PluginHost

extension Bench {
    /// How the loaded fixture fares.
    var health: PluginHealth { get throws { try #require(host.health(of: "fixture")) } }

    /// Waits until a worker has been started again.
    func waitForWorker(other than: [Int] = []) async throws {
        let end = ContinuousClock.now + .seconds(20)
        while try health.processes.filter({ !than.contains($0) }).isEmpty {
            try #require(ContinuousClock.now < end, "no worker came back")
            await Task.yield()
        }
    }
}

extension LoadedPlugin {
    /// What preparing a call comes to: the refusal's message, or how the plugin failed.
    func preparing(_ input: String) async -> String {
        guard let functions = operationFunctions else { return "no functions" }
        do {
            let answer = try JSON(parsing: await functions.prepare(0, Array(input.utf8)))
            return answer["refusal"]?["message"]?.stringValue ?? "a plan"
        } catch let failure as LoadedPlugin.Failure {
            return failure.reason
        } catch {
            return "\(error)"
        }
    }
}

/// Both kinds of process.
private let outside = [Bench.Isolation.worker, .sandbox]

struct `A worker` {
    @Test(arguments: [("do-segfault", "signal 11"), ("do-abort", "signal 6"), ("do-exit", "exit 7")], outside)
    func `that crashes takes nothing with it`(crash: (String, String), isolation: Bench.Isolation) async throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let plugin = try bench.load { $0.restart.backoff = .milliseconds(1) }

        // The bytes are given to a second worker, and not to a third.
        let told = await plugin.preparing(crash.0)
        #expect(told == "its worker ended (\(crash.1)), twice")
        #expect(await plugin.preparing("{}") == "a plan")
        #expect(try bench.health.crashes == 2)
        #expect(try bench.health.lastCrash == crash.1)
    }

    @Test func `that overflows its stack is ended by a signal`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let plugin = try bench.load { $0.restart.backoff = .milliseconds(1) }

        #expect(await plugin.preparing("do-overflow").hasPrefix("its worker ended (signal"))
        #expect(await plugin.preparing("{}") == "a plan")
    }

    @Test func `that is killed between calls is replaced before anybody notices`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let plugin = try bench.load()
        let before = try bench.health.processes
        for process in before { kill(pid_t(process), SIGKILL) }

        #expect(await plugin.preparing("{}") == "a plan")
        try await bench.waitForWorker(other: before)
        #expect(try bench.health.lastCrash == "signal 9")
    }

    @Test(arguments: outside) func `that loops is ended at its deadline`(isolation: Bench.Isolation) async throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let plugin = try bench.load {
            $0.deadlineMilliseconds = 500
            $0.restart.backoff = .milliseconds(1)
        }

        #expect(await plugin.preparing("do-loop") == "rule T1: it did not answer in time")
        #expect(await plugin.preparing("{}") == "a plan")
    }

    @Test(arguments: outside)
    func `that takes too much processor time for one call is ended`(isolation: Bench.Isolation) async throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let plugin = try bench.load { $0.processor = .milliseconds(300) }
        let arguments = Array("{\"how\":\"do-loop\"}".utf8)
        // Its time is far from over when it is ended.
        let completion = await plugin.asynchronous.invoke?(1, arguments, .ofATest(.seconds(29)))

        #expect(completion?.status == GATEWAY_DEADLINE)
        #expect(try bench.health.lastCrash?.hasPrefix("took too much processor time") == true)
    }

    @Test(arguments: outside)
    func `that has a call which may last long may take more for it`(isolation: Bench.Isolation) async throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let plugin = try bench.load { $0.processor = .milliseconds(300) }
        let arguments = Array("{\"how\":\"do-loop\"}".utf8)
        let completion = await plugin.asynchronous.invoke?(1, arguments, .ofATest(.seconds(3600)))

        // Ended all the same, because it did not return (rule T2).
        #expect(completion?.status == LoadedPlugin.Completion.lost)
        #expect(try bench.health.lastCrash?.hasPrefix("took too much processor time") == false)
    }

    @Test func `that waits costs no processor time, and takes so many calls at once and no more`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let plugin = try bench.load {
            $0.processor = .milliseconds(300)
            $0.concurrency = 2
            // So long that only processor time could end the worker while this test looks.
            $0.grace = .seconds(600)
        }
        let never = Array("{\"how\":\"never\"}".utf8)
        let statuses = await withTaskGroup(of: Int32?.self) { group in
            for _ in 0..<3 {
                group.addTask { await plugin.asynchronous.invoke?(1, never, .ofATest(.milliseconds(900))).status }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }

        #expect(
            statuses.sorted { ($0 ?? 0) < ($1 ?? 0) } == [GATEWAY_RATE_LIMITED, GATEWAY_DEADLINE, GATEWAY_DEADLINE]
        )
        #expect(try bench.health.lastCrash == nil)
    }

    @Test func `that crashes again and again is left alone, and its calls fail at once`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let plugin = try bench.load {
            $0.restart.backoff = .milliseconds(1)
            $0.restart.crashesMax = 4
        }
        for _ in 0..<2 { _ = await plugin.preparing("do-abort") }

        #expect(await plugin.preparing("{}").hasPrefix("it has no worker"))
        #expect(try bench.health.isBroken)
        #expect(try bench.health.crashes == 4)
    }

    @Test func `that takes a function's call with it says that it was lost`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let plugin = try bench.load()
        let arguments = Array("{\"how\":\"do-abort\"}".utf8)

        #expect(await plugin.asynchronous.invoke?(1, arguments, .ofATest()).status == LoadedPlugin.Completion.lost)
        try await bench.waitForWorker()
        #expect(await plugin.asynchronous.invoke?(1, Array("{\"how\":\"inline\"}".utf8), .ofATest()).status == 0)
    }

    @Test func `has an empty environment and a limit on its memory`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let plugin = try bench.load { $0.memoryMiB = 256 }

        #expect(await plugin.preparing("do-environment") == "empty")
        #expect(await plugin.preparing("do-allocate") == "no memory")
        #expect(try bench.health.crashes == 0)
    }

    @Test func `serves many calls at once, each its own`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let plugin = try bench.load { $0.workers = 2 }
        let answers = await withTaskGroup(of: Bool.self) { group in
            for index in 0..<500 {
                group.addTask {
                    let isPaid = index % 3 == 0
                    let raw = Array((isPaid ? "Paid" : "no").utf8)
                    let bytes = try? await plugin.operationFunctions?.interpret(0, Array("{}".utf8), raw)
                    let verdict = bytes.flatMap { try? JSON(parsing: $0)["evidence"]?["verdict"]?.stringValue }
                    return verdict == (isPaid ? "succeeded" : "unknown")
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }

        #expect(answers == 500)
    }
}

struct `A sandbox` {
    @Test(arguments: [
        ("do-socket", "no socket"), ("do-read-file", "no file"), ("do-write-file", "no file"), ("do-fork", "no child"),
        ("do-signal", "no signal"), ("do-environment", "empty"),
    ])
    func `keeps its plugin from what is outside`(deed: String, outcome: String) async throws {
        let bench = try Bench(.sandbox)
        defer { bench.remove() }

        #expect(await (try bench.load()).preparing(deed) == outcome)
    }

    @Test(arguments: [("do-socket", "socket"), ("do-read-file", "file"), ("do-signal", "signal")])
    func `is what keeps it, because a plain worker does not`(deed: String, outcome: String) async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }

        #expect(await (try bench.load()).preparing(deed) == outcome)
    }
}
