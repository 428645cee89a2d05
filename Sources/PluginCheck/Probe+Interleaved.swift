import Foundation
import Gateway
import PluginAPI
import Synchronization

extension Probe {
    /// What several calls at once may do to each other.
    static let interleaved: [Probe] = [
        Probe(
            name: "operation.interleaved",
            rule: "T1, L3",
            claim: "calls that run to their end while another hands over its output change nothing there"
        ) { context in
            let (plugin, catalogue) = try context.ready()
            let calls = try Samples.manyCalls(plugin, catalogue).map { AnsweredCall($0, $0.run(plugin)) }
            var hasTried = false
            for (call, others) in AnsweredCall.meetings(of: calls.shuffled(using: &context.random)) {
                guard !context.hasTriedEnough else { break }
                hasTried = true
                let wrong = Mutex<String?>(nil)
                plugin.whileWriting = {
                    Samples.elsewhere {
                        for other in others where other.call.run(plugin) != other.answer {
                            wrong.withLock { $0 = other.call.title }
                        }
                    }
                }
                guard call.call.run(plugin) == call.answer else {
                    throw Failure("\(call.call.title) was answered with another call's output")
                }
                if let title = wrong.withLock({ $0 }) {
                    throw Failure("\(title) was answered differently inside another call")
                }
            }
            if let title = Samples.differsInParallel(plugin, calls, &context.random) {
                throw Failure("\(title) was answered differently while other threads made other calls")
            }
            if !hasTried { context.hadNothing("no two of its calls are answered differently") }
        },
        Probe(
            name: "function.interleaved",
            rule: "T1, L3",
            claim: "a call under way while others are does not answer for them, nor they for it"
        ) { context in
            let (plugin, catalogue) = try context.ready()
            let calls = Conversation(plugin)
            var hasTried = false
            let made = Samples.madeInvocations(catalogue)
            for call in Samples.anyInvocations(catalogue) where !context.hasTriedEnough {
                let alone = calls.answer(to: call)
                var others: [(call: FunctionCall, alone: [UInt8])] = []
                for other in Samples.others(than: call, made, &context.random) where others.count < Samples.othersMax {
                    guard let answer = calls.answer(to: other), answer != alone else { continue }
                    others.append((other, answer))
                }
                guard !others.isEmpty else { continue }
                hasTried = true
                let inside = others.map(\.call)
                plugin.host.onNextCompletion {
                    Samples.elsewhere { for other in inside { _ = calls.start(other) } }
                }
                try calls.check(calls.start(call), call, isNone: others.map(\.alone))
                // All of them under way together, from one thread.
                let first = calls.start(call)
                let rest = others.map { calls.start($0.call) }
                try calls.check(first, call, isNone: others.map(\.alone))
                for (index, other) in others.enumerated() {
                    let foreign = ([alone].compactMap { $0 } + others.map(\.alone)).filter { $0 != other.alone }
                    try calls.check(rest[index], other.call, isNone: foreign)
                }
            }
            if !hasTried { context.hadNothing("no two calls of a function tool of it are answered differently") }
        },
    ]
}

/// A call and how it is answered when nothing else happens.
struct AnsweredCall: Sendable {
    let call: PureCall
    let answer: ProbedPlugin.Answer
    /// By which way it probably goes through the plugin: its function, how the answer begins, and how long the input is.
    private let way: String
    private let function: String

    init(_ call: PureCall, _ answer: ProbedPlugin.Answer) {
        self.call = call
        self.answer = answer
        function = call.function
        let head = String(decoding: answer.output.prefix(12), as: UTF8.self)
        way = "\(function) \(answer.status) \(head) \(call.inputSize.bitWidth - call.inputSize.leadingZeroBitCount)"
    }

    /// How many calls of each way are met by others.
    private static let eachMax = 4

    /// A few calls of each way, and others that are answered differently: of the same way first, then of the same function.
    static func meetings(of calls: [AnsweredCall]) -> [(call: AnsweredCall, others: [AnsweredCall])] {
        let ways = Dictionary(grouping: calls, by: \.way)
        let functions = Dictionary(grouping: calls, by: \.function)
        return ways.keys.sorted()
            .flatMap { way -> [(call: AnsweredCall, others: [AnsweredCall])] in
                let alike = ways[way] ?? []
                return alike.prefix(eachMax)
                    .compactMap { call in
                        let near = alike + (functions[call.function] ?? []).filter { $0.way != way }.prefix(othersMax)
                        let others = near.filter { $0.answer != call.answer }.prefix(othersMax)
                        let far = calls.lazy.filter { $0.function != call.function && $0.answer != call.answer }
                        return others.isEmpty && far.isEmpty ? nil : (call, others + Array(far.prefix(farMax)))
                    }
            }
    }

    /// How many other calls come in between: more than a ring of buffers has.
    private static let othersMax = 16
    /// How many of those are of other functions.
    private static let farMax = 2
}

/// Calls of function tools with numbers of their own.
private struct Conversation: Sendable {
    private let plugin: ProbedPlugin
    private let number = Boxed(0)

    private final class Boxed: Sendable {
        let value: Mutex<UInt64>
        init(_ value: UInt64) { self.value = Mutex(value) }
    }

    init(_ plugin: ProbedPlugin) { self.plugin = plugin }

    /// Starts a call; 0 where it was not taken.
    func start(_ call: FunctionCall) -> UInt64 {
        let number = number.value.withLock { number in
            number += 1
            return number
        }
        return call.start(plugin, number: number) == GATEWAY_OK ? number : 0
    }

    func payload(_ number: UInt64) -> [UInt8]? {
        number == 0 ? nil : plugin.host.completions(of: number, within: 5).first?.payload
    }

    /// What a call is answered when it is made alone.
    func answer(to call: FunctionCall) -> [UInt8]? { payload(start(call)) }

    /// Fails where a call was answered what others are.
    func check(_ number: UInt64, _ call: FunctionCall, isNone foreign: [[UInt8]]) throws {
        guard let payload = payload(number), foreign.contains(payload) else { return }
        throw Probe.Failure("\(call.title) was answered with the output of another call")
    }
}

extension Samples {
    /// How many other calls of a function tool are under way: more than a ring of buffers has.
    static let othersMax = 12

    /// How long threads make calls at once, in seconds of this process's time, and at most by the clock.
    private static let parallelSeconds = (processor: 0.6, clock: 2.0)

    /// The title of a call that was answered differently while several threads made calls.
    static func differsInParallel(
        _ plugin: ProbedPlugin,
        _ calls: [AnsweredCall],
        _ random: inout SplitMix
    ) -> String? {
        let small = calls.filter { $0.call.inputSize < 20_000 }
        guard small.count > 1 else { return nil }
        let different = Mutex<String?>(nil)
        let (used, end) = (processSeconds + parallelSeconds.processor, Date() + parallelSeconds.clock)
        let orders = (0..<4).map { _ in small.shuffled(using: &random) }
        DispatchQueue.concurrentPerform(iterations: orders.count) { index in
            while processSeconds < used, Date() < end, different.withLock({ $0 == nil }) {
                for call in orders[index] where call.call.runQuietly(plugin) != call.answer {
                    different.withLock { $0 = call.call.title }
                }
            }
        }
        return different.withLock { $0 }
    }
}
