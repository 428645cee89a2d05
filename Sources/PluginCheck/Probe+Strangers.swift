import Foundation
import Gateway
import OrderedJSON
import PluginAPI
import Synchronization

extension Probe {
    /// What only shows when the host is not as kind as it may be.
    static let strangers: [Probe] = [
        Probe(
            name: "memory.borrowed",
            rule: "M1",
            claim: "what it is lent is read neither past its end nor after the call has returned"
        ) { context in
            let plugin = try context.open()
            plugin.takesAway = true
            let catalogue = try context.catalogue(of: plugin)
            _ = plugin.configure(Array("{}".utf8))
            let recordings = try Recording.all(plugin, catalogue)
            let calls = Samples.calls(catalogue) + Samples.madeCalls(catalogue) + recordings.flatMap(\.somewhatWrong)
            // Twice, because what was kept of one call is mostly read in the next.
            for _ in 0..<2 { for call in calls where !context.hasTriedEnough { _ = call.run(plugin) } }
            for (index, prompt) in catalogue.prompts.enumerated() {
                _ = plugin.prompt(index, Samples.arguments(of: prompt))
            }
            let invocations = Samples.invocations(catalogue) + Samples.madeInvocations(catalogue)
            for round in 0..<2 {
                for (number, call) in invocations.enumerated() where !context.hasTriedEnough {
                    _ = try call.checkFirst(plugin, number: UInt64(round * 10_000 + number + 1))
                }
            }
        },
        Probe(
            name: "operation.interleaved",
            rule: "T1, L3",
            claim: "a call that runs to its end while another hands over its output changes nothing there"
        ) { context in
            let (plugin, catalogue) = try context.ready()
            let made = Samples.madeCalls(catalogue)
            var hasTried = false
            for call in Samples.calls(catalogue) {
                let alone = call.run(plugin)
                for other in Samples.others(than: call, catalogue) + made.prefix(5) {
                    let otherAlone = other.run(plugin)
                    guard otherAlone != alone else { continue }
                    hasTried = true
                    let found = Mutex<ProbedPlugin.Answer?>(nil)
                    plugin.whileWriting = { Samples.elsewhere { found.set(other.run(plugin)) } }
                    guard call.run(plugin) == alone else {
                        throw Failure("\(call.title) was answered with another call's output")
                    }
                    guard found.value == nil || found.value == otherAlone else {
                        throw Failure("\(other.title) was answered differently inside another call")
                    }
                }
            }
            if !hasTried { context.hadNothing("no two of its calls are answered differently") }
        },
        Probe(
            name: "function.interleaved",
            rule: "T1, L3",
            claim: "a call that runs to its end while another is completed does not answer for it"
        ) { context in
            let (plugin, catalogue) = try context.ready()
            var (number, hasTried): (UInt64, Bool) = (0, false)
            func start(_ call: FunctionCall) -> UInt64 {
                number += 1
                return call.start(plugin, number: number) == GATEWAY_OK ? number : 0
            }
            func payload(_ call: UInt64) -> [UInt8]? {
                call == 0 ? nil : plugin.host.completions(of: call, within: 5).first?.payload
            }
            let made = Samples.madeInvocations(catalogue)
            for call in Samples.anyInvocations(catalogue) where !context.hasTriedEnough {
                let others = Samples.others(than: call, made, &context.random)
                let alone = payload(start(call))
                guard let other = others.first(where: { payload(start($0)).map { $0 != alone } ?? false }) else {
                    continue
                }
                hasTried = true
                let otherAlone = payload(start(other))
                plugin.host.onNextCompletion { Samples.elsewhere { _ = payload(start(other)) } }
                let first = number + 1
                _ = start(call)
                guard payload(first) != otherAlone else {
                    throw Failure("\(call.title) was answered with the output of another call")
                }
            }
            if !hasTried { context.hadNothing("no two calls of a function tool of it are answered differently") }
        },
        Probe(
            name: "worker.stack",
            rule: "T1",
            claim: "its functions need no more stack than a worker's threads have: 512 KiB"
        ) { context in
            let (plugin, catalogue) = try context.ready()
            let recordings = try Recording.all(plugin, catalogue)
            let calls = Samples.calls(catalogue) + Samples.madeCalls(catalogue) + recordings.flatMap(\.somewhatWrong)
            let invocations = Samples.invocations(catalogue) + Samples.madeInvocations(catalogue)
            let deep = Array(String(repeating: "[", count: 50_000).utf8)
            Samples.onSmallStack {
                for call in calls { _ = call.run(plugin) }
                for index in catalogue.operations.indices {
                    for raw in [deep, Array(#"{"a":"#.utf8) + deep] {
                        ProbeReport.trying("\(catalogue.operations[index].name), of what is nested 50,000 deep")
                        let input = PluginDocuments.interpret(
                            source: .reply,
                            status: 200,
                            record: Samples.record(catalogue.operations[index], catalogue, state: .accepted)
                        )
                        _ = plugin.interpret(index, input, raw)
                    }
                }
                for (index, call) in invocations.enumerated() { _ = call.start(plugin, number: UInt64(index + 1)) }
            }
            // What is started there may still be under way elsewhere.
            for index in invocations.indices.suffix(20) {
                _ = plugin.host.completions(of: UInt64(index + 1), within: 0.2)
            }
        },
    ]
}

extension Mutex where Value == ProbedPlugin.Answer? {
    fileprivate func set(_ answer: ProbedPlugin.Answer) { withLock { $0 = answer } }
    fileprivate var value: ProbedPlugin.Answer? { withLock { $0 } }
}

extension Samples {
    /// C and the probes' own state are called from any thread (rule T3).
    private struct Work: @unchecked Sendable { let run: () -> Void }

    /// Runs something on another thread and waits for it; not for ever, because that may wait for a lock of ours.
    static func elsewhere(_ run: @escaping () -> Void) {
        let (work, hasEnded) = (Work(run: run), DispatchSemaphore(value: 0))
        Thread.detachNewThread {
            work.run()
            hasEnded.signal()
        }
        _ = hasEnded.wait(timeout: .now() + .milliseconds(300))
    }

    /// Runs something with the stack of a worker's thread.
    static func onSmallStack(_ run: @escaping () -> Void) {
        let (work, hasEnded) = (Work(run: run), DispatchSemaphore(value: 0))
        let thread = Thread {
            work.run()
            hasEnded.signal()
        }
        thread.stackSize = 512 << 10
        thread.start()
        hasEnded.wait()
    }

    /// Calls of the same function with other input.
    static func others(than call: PureCall, _ catalogue: Catalogue) -> [PureCall] {
        switch call.kind {
        case .prepare(let index, _):
            return catalogue.tools[index].examples
                .map { example in
                    let input = PluginDocuments.prepare(
                        arguments: example.arguments.bytes,
                        profile: Profile(
                            environment: .test,
                            shortCode: "600001",
                            shortCodeType: "paybill",
                            organizationName: "Other"
                        ),
                        settings: [:],
                        now: moment + .seconds(86_401),
                        record: RecordID(Identifier(high: 9, low: 9)),
                        originator: Identifier(high: 9, low: 9)
                    )
                    return PureCall(.prepare(index, input), call.title)
                }
        case .interpret(let index, let input, _):
            return ["{}", "{\"errorCode\":\"404.001.03\",\"errorMessage\":\"x\"}", "<html>"]
                .map { PureCall(.interpret(index, input, Array($0.utf8)), call.title) }
        case .query(let index, _):
            let record = record(catalogue.operations[index], catalogue, state: .unknown)
            let input = PluginDocuments.query(
                record: record,
                profile: profile,
                settings: [:],
                now: moment + .seconds(86_401)
            )
            return [PureCall(.query(index, input), call.title)]
        case .render(let index, _, let tool):
            guard case .operation(let kind) = tool.kind else { return [] }
            return [RecordState.succeeded, .failed, .manual]
                .map { state in
                    let record = record(catalogue.operations[kind], catalogue, tool: tool.name, state: state)
                    return PureCall(
                        .render(index, PluginDocuments.render(record: record, events: []), tool),
                        call.title
                    )
                }
        }
    }

    /// Calls of the same tool with other arguments: first its own with letters, digits and numbers changed.
    static func others(than call: FunctionCall, _ made: [FunctionCall], _ random: inout SplitMix) -> [FunctionCall] {
        let likewise = made.filter { $0.tool == call.tool && $0.arguments != call.arguments }.prefix(12)
        guard let example = try? JSON(parsing: call.arguments) else { return Array(likewise) }
        for _ in 0..<200 {
            let changed = changed(example, &random)
            guard changed != example, call.descriptor.inputValidator.accepts(changed) else { continue }
            return [FunctionCall(descriptor: call.descriptor, arguments: changed.bytes, example: "changed")] + likewise
        }
        return Array(likewise)
    }

    private static func changed(_ value: JSON, _ random: inout SplitMix) -> JSON {
        if let object = value.objectValue {
            var made = JSONObject()
            for (name, member) in object { made[name] = changed(member, &random) }
            return .object(made)
        }
        if let list = value.arrayValue { return .array(list.map { changed($0, &random) }) }
        guard Bool.random(using: &random) else { return value }
        if let text = value.stringValue {
            let letters = text.map { character -> Character in
                guard character.isASCII, Bool.random(using: &random) else { return character }
                if character.isNumber { return "0123456789".randomElement(using: &random) ?? character }
                if character.isLowercase {
                    return "abcdefghijklmnopqrstuvwxyz".randomElement(using: &random) ?? character
                }
                return character
            }
            return .string(String(letters))
        }
        if let number = value.integerValue { return .integer(number + Int64.random(in: -9...9, using: &random)) }
        return value
    }
}
