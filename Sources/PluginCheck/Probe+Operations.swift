import Foundation
import Gateway
import Glibc
import OrderedJSON
import PluginAPI

extension Probe {
    /// Pure functions.
    static let operations: [Probe] = [
        Probe(
            name: "operation.form",
            rule: "P2",
            claim: "every example is planned or refused, and every record shown, in the agreed shape"
        ) {
            let (plugin, catalogue) = try $0.ready()
            for call in Samples.calls(catalogue) { try call.checkForm(plugin) }
        },
        Probe(
            name: "operation.pure",
            rule: "P1",
            claim: "the same bytes in give the same bytes out, from many threads, without the host"
        ) {
            let (plugin, catalogue) = try $0.ready()
            let calls = Samples.calls(catalogue)
            let before = plugin.host.callCount
            let first = calls.map { $0.run(plugin) }
            for _ in 0..<20 where calls.map({ $0.run(plugin) }) != first {
                throw Failure("a call was answered differently when it was made again")
            }
            if let different = Samples.differsAmongThreads(plugin, calls, first) {
                throw Failure("\(different) was answered differently on another thread")
            }
            guard plugin.host.callCount == before else { throw Failure("it called the host from a pure function") }
        },
        Probe(name: "operation.generations", rule: "P1", claim: "another generation answers the same") { context in
            let (plugin, catalogue) = try context.ready()
            let other = try context.openAnother()
            _ = other.configure(Array("{}".utf8))
            for call in Samples.calls(catalogue) where call.run(plugin) != call.run(other) {
                throw Failure("\(call.title) was answered differently")
            }
        },
        Probe(name: "operation.rubbish", rule: "P2", claim: "whatever M-Pesa sends is evidence, not an error") {
            context in
            let (plugin, catalogue) = try context.ready()
            for (index, kind) in catalogue.operations.enumerated() {
                let record = Samples.record(kind, catalogue, state: .accepted)
                for _ in 0..<300 {
                    let raw = Samples.rubbish(&context.random)
                    for source in Samples.sources(kind) {
                        let status = [200, 400, 404, 500, 503].randomElement(using: &context.random)
                        let input = PluginDocuments.interpret(source: source, status: status, record: record)
                        try Samples.checkEvidence(plugin.interpret(index, input, raw), raw, kind.name)
                    }
                }
            }
        },
        Probe(name: "operation.input", rule: "P2", claim: "input that is none is refused, not fatal") {
            let (plugin, catalogue) = try $0.ready()
            let deep = String(repeating: "[", count: 10_000)
            let inputs =
                ["", "{", "null", "[]", "{}", "{\"arguments\":1}", deep].map { Array($0.utf8) } + [[0xFF, 0x00]]
            for function in ProbedPlugin.Function.allCases {
                for index in 0..<max(1, catalogue.tools.count) {
                    for input in inputs { _ = plugin.call(function, index, input) }
                }
            }
        },
        Probe(name: "operation.index", rule: "P2", claim: "a tool or kind that it does not have is not supported") {
            let (plugin, catalogue) = try $0.ready()
            guard plugin.tables.operation != nil else { return }
            for index in [max(catalogue.tools.count, catalogue.operations.count), 9_999, Int(UInt32.max)] {
                for function in ProbedPlugin.Function.allCases {
                    let status = plugin.call(function, index, Array("{}".utf8)).status
                    guard status == GATEWAY_NOT_SUPPORTED || status == GATEWAY_INVALID_ARGUMENT else {
                        throw Failure("\(function.rawValue) answered status \(status) for index \(index)")
                    }
                }
            }
        },
        Probe(
            name: "operation.limit",
            rule: "M5",
            claim: "output that the host does not take ends the call with TOO_LARGE"
        ) {
            let (plugin, catalogue) = try $0.ready()
            for call in Samples.calls(catalogue) {
                let answer = call.run(plugin, most: 1)
                guard answer.status != GATEWAY_OK else { throw Failure("\(call.title) went on as if nothing were") }
            }
        },
        Probe(
            name: "operation.time",
            rule: "T1",
            claim: "a pure function takes at most a millisecond of processor time, and waits for nothing"
        ) { context in
            let (plugin, catalogue) = try context.ready()
            for call in Samples.calls(catalogue) { try Samples.checkTime(of: call, plugin, times: 50) }
            let more = Samples.unusualCalls(catalogue) + Samples.madeCalls(catalogue)
            for call in more where !context.hasTriedEnough { try Samples.checkTime(of: call, plugin, times: 5) }
        },
    ]
}

extension Samples {
    /// How long a pure function may take: of the longest arguments, as much more as reading them takes.
    private static func secondsMax(_ call: PureCall) -> Double { 0.001 + Double(call.inputSize) * 1e-6 }

    /// Fails where a call mostly takes too much of the processor, or each time waits for something else.
    static func checkTime(of call: PureCall, _ plugin: ProbedPlugin, times: Int) throws {
        let taken = (0..<times).map { _ in Samples.time { _ = call.run(plugin) } }
        let median = taken.map(\.processor).sorted()[times / 2]
        guard median <= secondsMax(call) else {
            throw Probe.Failure("\(call.title) took \(Int(median * 1_000_000)) us, the median of \(times)")
        }
        guard taken.contains(where: { $0.waits == 0 || $0.clock < waitMax }) else {
            let least = taken.map(\.clock).min() ?? 0
            throw Probe.Failure("\(call.title) waited: it never returned before \(Int(least * 1000)) ms")
        }
    }

    /// What is taken for waiting: longer than a page of memory or a lock takes.
    private static let waitMax = 0.005

    /// What a call took of the processor, and by the clock, and how often it gave the processor away by itself.
    static func time(_ work: () -> Void) -> (processor: Double, clock: Double, waits: Int) {
        func waits() -> Int {
            var used = rusage()
            getrusage(__rusage_who_t(1), &used)
            return used.ru_nvcsw
        }
        let (before, start) = (waits(), ContinuousClock.now)
        let processor = processorTime(work)
        return (processor, (ContinuousClock.now - start) / .seconds(1), waits() - before)
    }
}
