import Foundation
import Gateway
import OrderedJSON
import PluginAPI

extension Probe {
    /// Function tools.
    static let functions: [Probe] = [
        Probe(name: "function.examples", rule: "F1, P2", claim: "every example is completed once, in the agreed shape")
        {
            let (plugin, catalogue) = try $0.ready()
            for (number, call) in Samples.invocations(catalogue).enumerated() {
                try call.check(plugin, number: UInt64(number + 1))
            }
        },
        Probe(
            name: "function.tasks",
            rule: "F1, P2",
            claim: "what may go on after its reply does so where it is offered, and ends where it goes on"
        ) {
            let (plugin, catalogue) = try $0.ready()
            for (number, call) in Samples.tasks(catalogue).enumerated() {
                try call.check(plugin, number: UInt64(number + 1))
            }
        },
        Probe(name: "function.prompt", rule: "T2", claim: "invoke returns within 50 ms") { context in
            let (plugin, catalogue) = try context.ready()
            let calls = Samples.invocations(catalogue) + Samples.madeInvocations(catalogue)
            for (number, call) in calls.enumerated() where !context.hasTriedEnough {
                var number = UInt64(number * 5)
                try Samples.checkReturns(call.title) {
                    number += 1
                    _ = call.start(plugin, number: number)
                }
            }
        },
        Probe(name: "function.many", rule: "T1", claim: "a thousand calls at once are each completed once") {
            let (plugin, catalogue) = try $0.ready()
            guard let call = Samples.anyInvocations(catalogue).first else { return }
            let numbers = (1...1_000).map(UInt64.init)
            DispatchQueue.concurrentPerform(iterations: numbers.count) { index in
                _ = call.start(plugin, number: numbers[index])
            }
            for number in numbers where plugin.host.completions(of: number, within: 5).count != 1 {
                let count = plugin.host.completionsNow(of: number).count
                throw Failure("a call was completed \(count) times")
            }
        },
        Probe(name: "function.index", rule: "F1", claim: "a tool that it does not have is refused") {
            let (plugin, catalogue) = try $0.ready()
            guard plugin.tables.invoke != nil else { return }
            plugin.host.begin(1)
            let status = plugin.invoke(1, tool: catalogue.tools.count + 7, Array("{}".utf8))
            let completion = status == GATEWAY_OK ? plugin.host.completions(of: 1, within: 5).first?.status : status
            guard completion != GATEWAY_OK, completion != nil else {
                throw Failure("it answered as if it had the tool")
            }
        },
        Probe(name: "function.rubbish", rule: "M3", claim: "arguments that are none are refused, not fatal") {
            context in
            let (plugin, catalogue) = try context.ready()
            guard plugin.tables.invoke != nil else { return }
            for number in 1...200 as ClosedRange<UInt64> {
                plugin.host.begin(number)
                let tool = catalogue.tools.indices.randomElement(using: &context.random) ?? 0
                _ = plugin.invoke(number, tool: tool, Samples.rubbish(&context.random))
            }
        },
    ]
}

extension Samples {
    /// Fails where a call takes more than 50 ms of the processor, or waits longer than that each time.
    static func checkReturns(_ title: String, _ start: () -> Void) throws {
        let first = time(start)
        guard first.processor <= 0.05 else {
            throw Probe.Failure("\(title) took \(Int(first.processor * 1000)) ms")
        }
        guard first.clock > 0.05, first.waits > 0 else { return }
        let again = (0..<3).map { _ in time(start) }
        guard again.contains(where: { $0.clock <= 0.05 || $0.waits == 0 }) else {
            throw Probe.Failure("\(title) waited: it returned after \(Int(first.clock * 1000)) ms")
        }
    }
}
