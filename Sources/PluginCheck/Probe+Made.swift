import Foundation
import Gateway
import OrderedJSON
import PluginAPI

extension Probe {
    /// Pure functions, with what their authors may not have thought of.
    static let madeOperations: [Probe] = [
        Probe(
            name: "operation.schema",
            rule: "P1, P2",
            claim: "whatever the input schema allows is planned or refused, in the agreed shape, and again the same"
        ) { context in
            let (plugin, catalogue) = try context.ready()
            let calls = Samples.madeCalls(catalogue)
            if calls.isEmpty { context.hadNothing("no arguments could be made from its operation tools' schemas") }
            for call in calls where !context.hasTriedEnough {
                try call.checkForm(plugin)
                guard call.run(plugin) == call.run(plugin) else {
                    throw Failure("\(call.title) was answered differently when it was made again")
                }
            }
        },
        Probe(
            name: "operation.unusual",
            rule: "P2",
            claim: "other profiles, records of which much or little is known, and every source are served likewise"
        ) {
            let (plugin, catalogue) = try $0.ready()
            for call in Samples.unusualCalls(catalogue) { try call.checkForm(plugin) }
        },
        Probe(name: "operation.memory", rule: "M6", claim: "memory does not grow with the calls") { context in
            let (plugin, catalogue) = try context.ready(lending: .givenBack)
            let calls = try Samples.manyCalls(plugin, catalogue).filter { $0.inputSize < 20_000 }
            var round = 0
            try Samples.checkGrowth(&context, calls: calls.count) {
                // No two calls of a host are the same: each has its record.
                round += 1
                for call in calls { _ = call.aboutAnotherRecord(round).runQuietly(plugin) }
            }
        },
        Probe(name: "context.memory", rule: "M6", claim: "memory does not grow with prompts and resources") { context in
            let (plugin, catalogue) = try context.ready(lending: .givenBack)
            let calls = Samples.contextCalls(plugin, catalogue)
            try Samples.checkGrowth(&context, calls: calls.count) { for call in calls { _ = call.run() } }
        },
    ]

    /// Function tools, likewise.
    static let madeFunctions: [Probe] = [
        Probe(
            name: "function.schema",
            rule: "F1, P2",
            claim: "whatever the input schema allows is completed once, in the agreed shape"
        ) { context in
            let (plugin, catalogue) = try context.ready()
            var taken: [(number: UInt64, call: FunctionCall)] = []
            for (index, call) in Samples.madeInvocations(catalogue).enumerated() where !context.hasTriedEnough {
                if try call.checkFirst(plugin, number: UInt64(index + 1)) { taken.append((UInt64(index + 1), call)) }
            }
            // A second completion would come soon, if it comes.
            usleep(50_000)
            for (number, call) in taken { try call.checkOnce(plugin, number: number) }
        },
        Probe(
            name: "function.callers",
            rule: "F1, P2",
            claim: "whoever calls, however often before, and with whatever answer of a person: it is completed once"
        ) { context in
            let (plugin, catalogue) = try context.ready()
            var number: UInt64 = 0
            for call in Samples.anyInvocations(catalogue) {
                for meta in Samples.unusualMetas(call.descriptor) where !context.hasTriedEnough {
                    var other = call
                    other.meta = meta
                    number += 1
                    do { _ = try other.checkFirst(plugin, number: number) } catch let failure as Failure {
                        let beside = String(decoding: JSON.object(meta).bytes, as: UTF8.self)
                        throw Failure("\(failure.message), with \(beside) beside it")
                    }
                }
            }
        },
        Probe(name: "function.memory", rule: "M6", claim: "memory does not grow with the calls") { context in
            let (plugin, catalogue) = try context.ready(lending: .givenBack)
            let calls =
                Samples.invocations(catalogue)
                + Samples.madeInvocations(catalogue).filter { $0.arguments.count < 20_000 }
            var number: UInt64 = 0
            var random = context.random
            try Samples.checkGrowth(&context, calls: calls.count) {
                for call in calls + Samples.changed(calls.first, &random) {
                    number += 1
                    if call.start(plugin, number: number) == GATEWAY_OK {
                        _ = plugin.host.completions(of: number, within: 1)
                    }
                    plugin.host.forget(number)
                }
            }
        },
    ]
}

extension Samples {
    /// How many calls one window of a measurement has.
    private static let callsInWindow = 2_000
    /// The least that a leak in each round comes to: half of the C library's smallest piece.
    private static let leastInRound = 16

    /// Makes `calls` calls in `round` again and again, and fails where each window of it leaves something allocated.
    static func checkGrowth(_ context: inout ProbeContext, calls: Int, _ round: () -> Void) throws {
        guard calls > 0 else { return }
        let start = ContinuousClock.now
        round()
        let once = max((ContinuousClock.now - start) / .seconds(1), 1e-6)
        // Five windows in as long as a probe may take.
        let rounds = min(max(2, callsInWindow / calls), Int(4 / once / 5))
        guard rounds >= 2 else { return context.hadNothing("its calls take too long to be made often enough") }
        try checkFiles(calls: calls, round)
        let grown = growth(rounds: rounds, round)
        guard grown < rounds * leastInRound else {
            throw Probe.Failure("\(grown) bytes more after \(rounds * calls) calls, each time they were made")
        }
    }

    /// Fails where each round leaves files open, or all that a process may open are.
    private static func checkFiles(calls: Int, _ round: () -> Void) throws {
        let open = (0..<3)
            .map { _ in
                round()
                return openFiles()
            }
        guard open[0] >= open[1] || open[1] >= open[2] else {
            throw Probe.Failure("\(open[2] - open[1]) open files more after \(calls) calls, each time they were made")
        }
        guard open[2] < openFilesMax else { throw Probe.Failure("after \(3 * calls) calls no file more can be opened") }
    }

    /// How many files this process may have open, of as many as are looked at.
    private static let openFilesMax: Int = {
        var limits = rlimit()
        getrlimit(__rlimit_resource_t(7), &limits)
        return Int(min(limits.rlim_cur, 65_536))
    }()

    private static func openFiles() -> Int { (0..<Int32(openFilesMax)).count { fcntl($0, F_GETFD) >= 0 } }
}
