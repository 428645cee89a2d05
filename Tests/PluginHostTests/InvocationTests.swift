import Gateway
import OrderedJSON
import Synchronization
import Testing

@testable import PluginHost

struct `A call` {
    @Test(arguments: Bench.Isolation.allCases)
    func `is completed by its own generation and by no other`(isolation: Bench.Isolation) async throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        try bench.load()
        let victim = try #require(bench.host.slots.withLock { $0["fixture"]?.live }).invocations
        let (number, _) = victim.begin(Invocations.Call(plugin: "fixture", invocation: .ofATest()))
        let other = try bench.load(["-DFIXTURE_VERSION=\"1.1.0\""])
        let arguments = Array("{\"how\":\"steal-\(number)\"}".utf8)
        let completion = try #require(await other.asynchronous.invoke?(1, arguments, .ofATest()))

        #expect(try JSON(parsing: completion.payload)["echo"]?.stringValue == "thief")
        #expect(victim.call(number) != nil)
        #expect(bench.host.violations(of: "fixture") == 1)
        #expect(victim.violations == 0)
    }

    @Test(arguments: Bench.Isolation.allCases)
    func `whose caller may not go on is ended by the host, whatever its plugin does`(
        isolation: Bench.Isolation
    ) async throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let plugin = try bench.load()
        let calls = try #require(bench.host.slots.withLock { $0["fixture"]?.live }).invocations
        let arguments = Array("{\"how\":\"never\"}".utf8)
        let mayGoOn = Atomic(true)
        async let other = plugin.asynchronous.invoke?(
            1,
            arguments,
            .ofATest(.seconds(3_600)) { !mayGoOn.load(ordering: .sequentiallyConsistent) }
        )
        async let ended = plugin.asynchronous.invoke?(1, arguments, .ofATest(.seconds(3_600)) { true })
        while calls.count < 2 { try await Task.sleep(for: .milliseconds(1)) }

        await bench.host.endWhatMayNotGoOn(after: .zero)

        #expect(await ended?.status == AnswerStatus.cancelled.rawValue)
        #expect(calls.count == 1)
        mayGoOn.store(false, ordering: .sequentiallyConsistent)
        await bench.host.endWhatMayNotGoOn(after: .zero)
        #expect(await other?.status == AnswerStatus.cancelled.rawValue)
    }

    @Test(arguments: [Bench.Isolation.worker, .sandbox])
    func `whose function never returns ends its worker soon, not at its own deadline`(
        isolation: Bench.Isolation
    ) async throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let plugin = try bench.load { $0.deadlineMilliseconds = 100 }
        // All of the worker's threads and one call more: none is left that could do anything else.
        let all = await statuses(of: 5, loopsIn: plugin)
        #expect(all == [Int32?](repeating: LoadedPlugin.Completion.lost, count: 5))
        #expect(bench.host.health(of: "fixture")?.lastCrash?.hasPrefix("did not answer in time") ?? false)
    }

    @Test(arguments: [true, false])
    func `whose function never returns ends its worker, though others get on`(othersArePure: Bool) async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let plugin = try bench.load { $0.deadlineMilliseconds = 100 }
        async let loops = statuses(of: 1, loopsIn: plugin)
        let others = Task {
            while !Task.isCancelled {
                let arguments = Array("{\"how\":\"inline\"}".utf8)
                if othersArePure {
                    _ = await plugin.preparing("nothing")
                } else {
                    _ = await plugin.asynchronous.invoke?(1, arguments, .ofATest())
                }
            }
        }
        let status = await loops
        others.cancel()
        await others.value

        #expect(status == [LoadedPlugin.Completion.lost])
    }

    private func statuses(of count: Int, loopsIn plugin: LoadedPlugin) async -> [Int32?] {
        await withTaskGroup(of: Int32?.self) { group in
            for _ in 0..<count {
                group.addTask {
                    let arguments = Array("{\"how\":\"do-loop\"}".utf8)
                    return await plugin.asynchronous.invoke?(1, arguments, .ofATest(.seconds(3_600))).status
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}

struct `A plugin's log` {
    @Test func `is as long a second as the setting, and says what it left out`() {
        let budget = LogBudget(linesMax: 2)
        let start = ContinuousClock.now
        let told = (0..<5).map { _ in budget.spend(at: start).mayTell }
        let next = budget.spend(at: start + .seconds(1))

        #expect(told == [true, true, false, false, false])
        #expect(next.mayTell)
        #expect(next.leftOut == 3)
        #expect(budget.spend(at: start + .seconds(2)).leftOut == 0)
    }

    @Test(arguments: [
        ("paid by 254712345678.", "paid by 2547•••••678."), ("0112345678 0712345678", "0112•••678 0712•••678"),
        ("{\"phone\":\"+254112345678\"}", "{\"phone\":\"+2541•••••678\"}"),
        ("1254712345678 and 25471234567", "1254712345678 and 25471234567"),
        ("at 1790000000000 ms", "at 1790000000000 ms"),
        ("Zoë", "Zoë"),
    ])
    func `shows no phone number`(line: String, shown: String) {
        #expect(PhoneMask.masking(line) == shown)
    }
}
