import Gateway
import OrderedJSON
import PluginAPI

/// Runs function tools of one generation: starts the call on a plugin thread, waits for its completion, and answers
/// the caller itself when the time is over.
struct FunctionCaller: Sendable {
    let plugin: String
    let library: any PluginLibrary
    let invocations: Invocations
    let threads: PluginThreads
    let argumentBytesMax: Int

    func invoke(
        _ tool: Int,
        arguments: [UInt8],
        _ invocation: LoadedPlugin.Invocation
    ) async -> LoadedPlugin.Completion {
        guard arguments.count <= argumentBytesMax else {
            return LoadedPlugin.Completion(status: GATEWAY_TOO_LARGE, payload: [])
        }
        let number = invocations.begin(Invocations.Call(plugin: plugin, invocation: invocation))
        let meta = meta(invocation)
        let isTaken = threads.submit {
            let status = library.invoke(
                number,
                tool: tool,
                arguments: arguments,
                meta: meta,
                deadline: invocation.timeout
            )
            if status != GATEWAY_OK {
                _ = invocations.complete(number, LoadedPlugin.Completion(status: status, payload: []))
            }
        }
        guard isTaken else {
            _ = invocations.complete(number, LoadedPlugin.Completion(status: GATEWAY_RATE_LIMITED, payload: []))
            return await invocations.completion(of: number)
        }
        return await withTaskCancellationHandler {
            await completion(of: number, within: invocation.timeout)
        } onCancel: {
            cancel(number)
        }
    }

    private func completion(of number: UInt64, within timeout: Duration) async -> LoadedPlugin.Completion {
        await withTaskGroup(of: LoadedPlugin.Completion?.self) { group in
            group.addTask { await invocations.completion(of: number) }
            group.addTask {
                do { try await Task.sleep(for: timeout) } catch { return nil }
                cancel(number)
                invocations.answer(number, LoadedPlugin.Completion(status: GATEWAY_DEADLINE, payload: []))
                return nil
            }
            for await case let completion? in group {
                group.cancelAll()
                return completion
            }
            return LoadedPlugin.Completion(status: GATEWAY_INTERNAL, payload: [])
        }
    }

    private func cancel(_ number: UInt64) {
        invocations.cancel(number)
        _ = threads.submit { library.cancel(number) }
    }

    private func meta(_ invocation: LoadedPlugin.Invocation) -> [UInt8] {
        var writer = JSONWriter(capacity: 128)
        writer.beginObject()
        writer.key("caller")
        writer.string(invocation.door)
        writer.key("timeout_ms")
        writer.integer(invocation.timeout.wholeMilliseconds)
        writer.key("attempt")
        writer.integer(1)
        writer.optional("idempotency_key", invocation.idempotencyKey)
        writer.endObject()
        return writer.bytes
    }
}
