import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization

/// A plugin whose tool asks to go on after its reply, and then does what a test says.
final class Digger: Sendable {
    typealias Work = @Sendable (LoadedPlugin.Invocation) async -> LoadedPlugin.Completion

    /// What it says when it asks to go on.
    let words: String

    init(words: String = "It is deep.") { self.words = words }

    private let state = Mutex<(work: Work, seen: [LoadedPlugin.Invocation])>(({ _ in Digger.found }, []))

    /// What it answers once it has ended.
    static let found = LoadedPlugin.Completion(
        status: 0,
        payload: JSON.object(["number": 7, "$content": [["type": "text", "text": "seven"]]]).bytes
    )

    /// What the tool was told of its calls as tasks.
    var seen: [LoadedPlugin.Invocation] { state.withLock { $0.seen } }

    /// What it does from now on.
    func does(_ work: @escaping Work) { state.withLock { $0.work = work } }

    func plugin(again: Bool = true, offers: Bool = true) throws -> LoadedPlugin {
        var tool: JSONObject = [
            "name": "digger_dig", "kind": "function", "title": "Dig", "description": "Digs.",
            "input_schema": [
                "type": "object", "properties": ["deep": ["type": "integer"]], "additionalProperties": false,
            ],
            "output_schema": [
                "type": "object", "properties": ["number": ["type": "integer"]], "additionalProperties": false,
            ],
            "annotations": [
                "read_only": true, "destructive": false, "idempotent": true, "open_world": false,
                "money_moving": false,
            ],
        ]
        if offers { tool["x-task"] = ["deadline_ms": 60_000, "again": .bool(again)] }
        let document: JSON = [
            "plugin": ["id": "digger", "version": "1.0.0", "title": "Digger"], "tools": [.object(tool)],
        ]
        return LoadedPlugin(
            try Catalogue(parsing: document.bytes, abilities: .init(features: [], transforms: [])),
            generation: 1,
            digest: "d",
            operationFunctions: nil,
            asynchronous: .init(invoke: { _, _, invocation in await self.run(invocation) }),
            context: .init(
                prompt: { _, _ throws(LoadedPlugin.Failure) in throw .init(status: 21, reason: "none") },
                resource: { _ throws(LoadedPlugin.Failure) in throw .init(status: 21, reason: "none") }
            )
        )
    }

    private func run(_ invocation: LoadedPlugin.Invocation) async -> LoadedPlugin.Completion {
        guard invocation.isOfTask else {
            let asked: JSON = ["x-task": [:], "message": .string(words)]
            return .init(status: AnswerStatus.accepted.rawValue, payload: asked.bytes)
        }
        let work = state.withLock { state in
            state.seen.append(invocation)
            return state.work
        }
        return await work(invocation)
    }
}

extension House {
    /// A house in which the digger may be called.
    static func withDigger(
        again: Bool = true,
        bounds: Assembly.Settings = Assembly.Settings(),
        _ body: (House, Digger) async throws -> Void
    ) async throws {
        try await House.with(bounds: bounds) { (house) async throws in
            let digger = Digger()
            try house.registry.publish(try digger.plugin(again: again))
            try await body(house, digger)
        }
    }

    /// Calls its tool; answers the task's id.
    func dig(_ arguments: JSON = [:], key: String? = nil) async throws -> JSON {
        let reply = await call("digger_dig", arguments, key: key)
        guard case .handle(let handle) = reply.ending else { throw Missing(what: "a task in \(reply)") }
        return .string(handle.handle)
    }

    /// Its own key is held to these accounts from now on; nil for none.
    func hold(to accounts: Set<AccountName>?) async throws {
        _ = try await store.change(key.id, organization: organization) { $0.rules.accounts = accounts }
        gateway.directory.forget()
        clock.advance(.seconds(2))
    }

    /// A task as it is shown.
    func task(_ id: JSON, as other: APIKeyText? = nil) async -> ActionReply {
        await ask("tasks.show", ["id": id], as: other?.text)
    }
}
