import Foundation
import Gateway
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
        Probe(name: "operation.memory", rule: "M6", claim: "memory does not grow with the calls") { context in
            let plugin = try context.open()
            plugin.givesBack = true
            let catalogue = try context.catalogue(of: plugin)
            _ = plugin.configure(Array("{}".utf8))
            let made = Samples.madeCalls(catalogue) + (try Recording.all(plugin, catalogue)).flatMap(\.somewhatWrong)
            let calls = Samples.calls(catalogue) + made.filter { $0.inputSize < 20_000 }
            try Samples.checkGrowth(&context, calls: calls.count) { for call in calls { _ = call.run(plugin) } }
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
        Probe(name: "function.memory", rule: "M6", claim: "memory does not grow with the calls") { context in
            let plugin = try context.open()
            plugin.givesBack = true
            let catalogue = try context.catalogue(of: plugin)
            _ = plugin.configure(Array("{}".utf8))
            let calls =
                Samples.invocations(catalogue)
                + Samples.madeInvocations(catalogue).filter { $0.arguments.count < 20_000 }
            var number: UInt64 = 0
            try Samples.checkGrowth(&context, calls: calls.count) {
                for call in calls {
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
        let grown = growth(rounds: rounds, round)
        guard grown < rounds * leastInRound else {
            throw Probe.Failure("\(grown) bytes more after \(rounds * calls) calls, each time they were made")
        }
    }
}
