import Gateway
import OrderedJSON

/// Bodies that are several messages, which 2025-03-26 has.
extension MCPServer {
    /// Answers the messages of a batch, each as if it had come alone: limited, authorized and audited by itself.
    func batch(_ elements: [JSON], _ caller: Caller, _ call: CallID) async -> Answer {
        guard Ladder.takesBatch(caller.headers) else {
            let reason = "one message, not a batch: only \(Revision.march2025.rawValue) has them"
            return await refuse(.invalidRequest(reason), id: nil, caller, call)
        }
        guard (1...settings.batchMax).contains(elements.count) else {
            let reason = "a batch holds 1 to \(settings.batchMax) messages"
            return await refuse(.invalidRequest(reason), id: nil, caller, call)
        }
        do throws(GatewayError) { try await admit(caller, call) } catch {
            return results.error(.refusal(error), id: nil)
        }
        var writer = JSONWriter()
        writer.beginArray()
        for (index, element) in elements.enumerated() {
            let answer = await answer(element, caller, index == 0 ? call : newCall())
            if !answer.body.isEmpty { writer.raw(answer.body) }
        }
        writer.endArray()
        return writer.bytes.count > 2 ? Answer(status: 200, body: writer.bytes) : .taken
    }

    private func answer(_ element: JSON, _ caller: Caller, _ call: CallID) async -> Answer {
        switch await read(element, caller, call) {
        case .answered(let answer): return answer
        case .request(let exchange):
            guard exchange.revision.takesBatches, exchange.message.method != "initialize" else {
                let reason = "it must not be part of a batch"
                return results.error(.invalidRequest(reason), id: exchange.message.id, in: exchange.revision)
            }
            return await answer(exchange)
        }
    }
}
