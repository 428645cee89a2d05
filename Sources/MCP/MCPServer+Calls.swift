import Gateway
import OrderedJSON

/// Calls of tools.
extension MCPServer {
    func callTool(_ exchange: Exchange, _ tell: (@Sendable ([UInt8]) -> Void)?) async throws(MCPError) -> Answer {
        let takesTask = await takesTask(exchange)
        let call: ToolCall
        do throws(MCPError) { call = try toolCall(exchange, hasStream: tell != nil, takesTask) } catch {
            // Nobody has been asked yet who they are.
            do throws(GatewayError) { try await pipeline.admit(exchange.action) } catch { throw .refusal(error) }
            throw error
        }
        guard let tell, let token = exchange.message.progressToken else {
            let reply = try await serve(call, exchange, tell)
            await noteErrand(reply, exchange)
            return try answer(reply, to: exchange, takesTask)
        }
        let revision = exchange.revision
        let reporting = call.reporting { tell(Results.notification($0, token: token, in: revision)) }
        return try answer(await serve(reporting, exchange, tell), to: exchange, takesTask)
    }

    /// Whether a call's client takes a task for an answer, and may ask about it: a task that nobody may ask about would
    /// keep the answer from them.
    private func takesTask(_ exchange: Exchange) async -> Bool {
        let tool = registry.snapshot.tool(exchange.message.params["name"]?.stringValue ?? "")
        guard exchange.takesTasks, let tool, tool.kind.begins || tool.task != nil else { return false }
        let kind: TaskView.Kind = tool.task != nil ? .tasks : tool.items == nil ? .transactions : .batches
        guard let action = actions.action(kind.reading), let known = exchange.recognized else { return false }
        do throws(GatewayError) {
            let (principal, membership) = try await pipeline.standing(of: known)
            return Authorize.allows(action, principal, membership)
        } catch {
            // The call itself is refused for it, and leaves its trace.
            return false
        }
    }

    private func toolCall(
        _ exchange: Exchange,
        hasStream: Bool,
        _ takesTask: Bool
    ) throws(MCPError) -> ToolCall {
        let (message, caller) = (exchange.message, exchange.caller)
        let arguments = message.arguments
        guard arguments.objectValue != nil else { throw .invalidParams("arguments must be an object") }
        let key: String?
        do throws(GatewayError) { key = try caller.idempotencyKey.get() } catch { throw .refusal(error) }
        return ToolCall(
            id: exchange.call,
            door: .mcp,
            credential: caller.credential,
            tool: message.params["name"]?.stringValue ?? "",
            arguments: arguments,
            idempotencyKey: key,
            // Who takes a task is not kept waiting, unless it asks to be.
            wait: takesTask ? .zero : nil,
            environment: caller.environment,
            address: caller.address,
            answer: exchange.revision.hasHandshake ? nil : try message.questionReply(),
            canBeAsked: exchange.canElicit(hasStream),
            opensPages: settings.leadsToPages && exchange.opensPages,
            sight: { text, principal in
                principal.showsPhones ? text : PhoneSight(message: message).shown(text)
            },
            recognized: exchange.recognized
        )
    }

    private func answer(_ reply: ToolReply, to exchange: Exchange, _ takesTask: Bool) throws(MCPError) -> Answer {
        let error: GatewayError
        switch reply.result {
        case .success(let output):
            if takesTask, let task = TaskView(reply, exchange, results) {
                return results.task(task, "task", settings, exchange)
            }
            return try results.success(reply, output, to: exchange)
        case .failure(let failure): error = failure
        }
        // What the stages before a tool refuse is no result of the tool's.
        if reply.tool == nil || error.code == .unauthenticated || !error.scopes.isEmpty { throw .refusal(error) }
        if error.isAboutCall {
            throw .invalidParams(([error.message] + error.errors.prefix(8).map(\.line)).joined(separator: "\n"))
        }
        if error.needsPerson { return try results.needsPerson(error.message, exchange) }
        return results.failure(error, Marks(reply), to: exchange)
    }
}
