import Foundation
import Gateway
import Glibc
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
            let (plugin, catalogue) = try context.ready(lending: .takenAway)
            let calls = try Samples.manyCalls(plugin, catalogue)
            // Twice, because what was kept of one call is mostly read in the next.
            for _ in 0..<2 { for call in calls where !context.hasTriedEnough { _ = call.run(plugin) } }
            for _ in 0..<2 { _ = Samples.contextCalls(plugin, catalogue).map { $0.run() } }
            let invocations = Samples.invocations(catalogue) + Samples.madeInvocations(catalogue)
            for round in 0..<2 {
                for (number, call) in invocations.enumerated() where !context.hasTriedEnough {
                    _ = try call.checkFirst(plugin, number: UInt64(round * 10_000 + number + 1))
                }
            }
            guard Sink.writtenLate == 0 else {
                throw Failure("it wrote to an output after the call that was given it had returned")
            }
        },
        Probe(
            name: "worker.stack",
            rule: "T1",
            claim: "its functions need no more stack than a worker's threads have: 512 KiB"
        ) { context in
            // Nothing of a worker has more: not the negotiation, not the settings.
            var (other, opened) = (context, Result<(ProbedPlugin, Catalogue), any Error>?.none)
            Samples.onSmallStack { opened = Result { try other.ready() } }
            context = other
            guard let (plugin, catalogue) = try opened?.get() else { return }
            let calls = try Samples.manyCalls(plugin, catalogue)
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
                _ = Samples.contextCalls(plugin, catalogue).map { $0.run() }
                for (index, call) in invocations.enumerated() { _ = call.start(plugin, number: UInt64(index + 1)) }
            }
            // What is started there may still be under way elsewhere.
            for index in invocations.indices.suffix(20) {
                _ = plugin.host.completions(of: UInt64(index + 1), within: 0.2)
            }
        },
    ]
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

    /// Runs something with the stack of a worker's thread, and nothing below it for as far as any function may reach.
    static func onSmallStack(_ run: @escaping () -> Void) {
        let (size, below) = (512 << 10, 256 << 20)
        let kind = MAP_PRIVATE | MAP_ANONYMOUS | 0x4000 /* MAP_NORESERVE */
        guard let memory = mmap(nil, below + size, PROT_NONE, kind, -1, 0), memory != MAP_FAILED else {
            preconditionFailure("there is no room for a stack")
        }
        mprotect(memory + below, size, PROT_READ | PROT_WRITE)
        var (attributes, thread) = (pthread_attr_t(), pthread_t())
        pthread_attr_init(&attributes)
        pthread_attr_setstack(&attributes, memory + below, size)
        let work = Unmanaged.passRetained(Task(run)).toOpaque()
        let status = pthread_create(
            &thread,
            &attributes,
            { work in
                guard let work else { return nil }
                Unmanaged<Task>.fromOpaque(work).takeRetainedValue().run()
                return nil
            },
            work
        )
        precondition(status == 0, "a thread could not be started")
        pthread_join(thread, nil)
        munmap(memory, below + size)
    }

    private final class Task {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    /// Calls of the same tool with other arguments: first its own with letters, digits and numbers changed.
    static func others(than call: FunctionCall, _ made: [FunctionCall], _ random: inout SplitMix) -> [FunctionCall] {
        changed(call, &random) + made.filter { $0.tool == call.tool && $0.arguments != call.arguments }.prefix(12)
    }

    /// A call with letters, digits and numbers of its arguments changed, where that is allowed.
    static func changed(_ call: FunctionCall?, _ random: inout SplitMix) -> [FunctionCall] {
        guard let call, let example = try? JSON(parsing: call.arguments) else { return [] }
        for _ in 0..<200 {
            let changed = changed(example, &random)
            guard changed != example, call.descriptor.inputValidator.accepts(changed) else { continue }
            return [FunctionCall(descriptor: call.descriptor, arguments: changed.bytes, example: "changed")]
        }
        return []
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
