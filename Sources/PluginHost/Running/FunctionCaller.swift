import Gateway
import OrderedJSON
import PluginAPI

/// Runs the asynchronous code of one generation: starts the call on a plugin thread, waits for its completion, and
/// answers the caller itself when the time is over.
final class FunctionCaller: Sendable {
    private let plugin: String
    private let library: any PluginLibrary
    private let invocations: Invocations
    private let threads: PluginThreads
    private let deadlines: Deadlines
    private let spin = AdaptiveSpin()
    private let argumentBytesMax: Int

    init(
        plugin: String,
        library: any PluginLibrary,
        invocations: Invocations,
        threads: PluginThreads,
        argumentBytesMax: Int
    ) {
        self.plugin = plugin
        self.library = library
        self.invocations = invocations
        self.threads = threads
        self.argumentBytesMax = argumentBytesMax
        deadlines = Deadlines { number in
            guard invocations.call(number) != nil else { return }
            invocations.cancel(number)
            _ = threads.submit { library.cancel(number) }
            invocations.answer(number, LoadedPlugin.Completion(status: GATEWAY_DEADLINE, payload: []))
        }
    }

    func run(_ work: PluginWork, size: Int, _ invocation: LoadedPlugin.Invocation) async -> LoadedPlugin.Completion {
        guard size <= argumentBytesMax else {
            return LoadedPlugin.Completion(status: GATEWAY_TOO_LARGE, payload: [])
        }
        let call = Invocations.Call(plugin: plugin, tool: work.tool, invocation: invocation)
        let (number, bell) = invocations.begin(call)
        let meta = meta(invocation, of: work)
        let start: @Sendable () -> Void = { [library, invocations] in
            let status = library.start(number, work, meta: meta, deadline: invocation.timeout)
            if status != GATEWAY_OK {
                // Whoever has no place for it has not begun it.
                let hasRun = status != GATEWAY_RATE_LIMITED
                let refusal = LoadedPlugin.Completion(status: status, payload: [], hasRun: hasRun)
                _ = invocations.complete(number, refusal)
            }
        }
        var isTaken = true
        if library.startsAtOnce { start() } else { isTaken = threads.submit(start) }
        if isTaken {
            deadlines.add(number, after: invocation.timeout)
        } else {
            let refusal = LoadedPlugin.Completion(status: GATEWAY_RATE_LIMITED, payload: [], hasRun: false)
            _ = invocations.complete(number, refusal)
        }
        return await withTaskCancellationHandler {
            if spin.isWorthIt { spin.look { bell.hasRung } }
            return await invocations.completion(of: number)
        } onCancel: {
            cancel(number)
        }
    }

    private func cancel(_ number: UInt64) {
        invocations.cancel(number)
        _ = threads.submit { [library] in library.cancel(number) }
    }

    private func meta(_ invocation: LoadedPlugin.Invocation, of work: PluginWork) -> [UInt8] {
        var writer = JSONWriter(capacity: 128)
        writer.beginObject()
        writer.key("caller")
        writer.string(invocation.door)
        writer.key("deadline_ns")
        let left = UInt64(max(0, invocation.timeout.wholeMilliseconds)) * 1_000_000
        writer.integer(Int64(clamping: HostServices.monotonic() + left))
        writer.key("attempt")
        writer.integer(Int64(invocation.attempt))
        if case .context = work {
            writer.key("environment")
            writer.string(invocation.principal.environment.rawValue)
        }
        writer.optional("idempotency_key", invocation.idempotencyKey)
        if let answer = invocation.answer {
            writer.key("input")
            writer.value(["action": .string(answer.action), "content": answer.content])
            writer.key("state")
            writer.value(answer.state)
        }
        switch invocation.task {
        case .offered:
            writer.key("x-task")
            writer.value(["offered": true])
        case .goesOn(let id):
            writer.key("x-task")
            writer.value(["id": .string(id.description)])
        case nil: break
        }
        writer.endObject()
        return writer.bytes
    }
}
