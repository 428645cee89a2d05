import GatewayTesting
import OrderedJSON
import Store
import Synchronization
import Testing

@testable import Gateway

/// A plugin whose tool asks "sure?" before it does anything.
private final class Desk: Sendable {
    let runs = Mutex<[QuestionAnswer?]>([])

    /// The answers that the tool has heard.
    var heard: [QuestionAnswer] { runs.withLock { $0.compactMap { $0 } } }

    func plugin(asks: Bool = true) throws -> LoadedPlugin {
        let input: JSON = [
            "type": "object", "properties": ["what": ["type": "string"]], "additionalProperties": false,
        ]
        let output: JSON = [
            "type": "object", "properties": ["number": ["type": "integer"]], "additionalProperties": false,
        ]
        var tool: JSONObject = [
            "name": "desk_delete", "kind": "function", "title": "Delete", "description": "Deletes.",
            "input_schema": input, "output_schema": output,
            "annotations": [
                "read_only": false, "destructive": true, "idempotent": false, "open_world": false,
                "money_moving": false,
            ],
        ]
        if asks { tool["asks"] = true }
        let document: JSON = [
            "plugin": ["id": "desk", "version": "1.0.0", "title": "Desk"], "tools": [.object(tool)],
        ]
        return LoadedPlugin(
            try Catalogue(parsing: document.bytes, abilities: .init(features: [], transforms: [])),
            generation: 1,
            digest: "d",
            operationFunctions: nil,
            asynchronous: .init(invoke: { _, _, invocation in self.answer(invocation.answer) }),
            context: .init(
                prompt: { _, _ throws(LoadedPlugin.Failure) in throw .init(status: 21, reason: "none") },
                resource: { _ throws(LoadedPlugin.Failure) in throw .init(status: 21, reason: "none") }
            )
        )
    }

    /// Asks; asks once more where the answer is "twice"; else counts what it has done.
    private func answer(_ answer: QuestionAnswer?) -> LoadedPlugin.Completion {
        let count = runs.withLock { runs in
            runs.append(answer)
            return runs.compactMap { $0 }.count
        }
        guard let answer, answer.content["sure"] != "twice" else {
            let schema: JSON = [
                "type": "object", "properties": ["sure": ["type": "string"]], "required": ["sure"],
                "additionalProperties": false,
            ]
            let question: JSON = ["message": "Sure?", "schema": schema, "state": ["step": 7]]
            return .init(status: AnswerStatus.inputRequired.rawValue, payload: question.bytes)
        }
        return .init(status: 0, payload: JSON.object(["number": .integer(Int64(count))]).bytes)
    }
}

extension House {
    fileprivate func ask(_ desk: Desk) async throws -> String {
        try registry.publish(try desk.plugin())
        return try #require(await call("desk_delete").sealed)
    }

    fileprivate func answer(_ state: String, _ action: String, _ content: JSON? = nil, what: String? = nil) async
        -> ToolReply
    {
        var input: JSONObject = ["action": .string(action)]
        input["content"] = content
        var arguments: JSONObject = ["$state": .string(state), "$input": .object(input)]
        arguments["what"] = what.map { .string($0) }
        return await call("desk_delete", .object(arguments))
    }
}

extension ToolReply {
    fileprivate var sealed: String? { if case .question(_, let state) = ending { state } else { nil } }
    fileprivate var number: JSON? {
        if case .success(let output) = result { (try? JSON(parsing: output))?["number"] } else { nil }
    }
    fileprivate var error: GatewayError? { if case .failure(let error) = result { error } else { nil } }
}

struct `A person's answer` {
    @Test func `counts once; the same again shows what came of it, another is refused`() async throws {
        try await House.with { (house) async throws in
            let desk = Desk()
            let state = try await house.ask(desk)

            let first = await house.answer(state, "accept", ["sure": "yes"])
            let again = await house.answer(state, "accept", ["sure": "yes"])
            let other = await house.answer(state, "accept", ["sure": "no"])
            let declined = await house.answer(state, "decline")

            #expect(first.number == 1 && !first.isReplayed)
            #expect(again.number == 1 && again.isReplayed)
            #expect(other.error?.isAboutCall == true && declined.code == .invalidArgument)
            #expect(desk.heard == [.init(action: "accept", content: ["sure": "yes"], state: ["step": 7])])
        }
    }

    @Test func `that declines ends the question too`() async throws {
        try await House.with { (house) async throws in
            let desk = Desk()
            let state = try await house.ask(desk)

            #expect(await house.answer(state, "decline", ["sure": "yes"]).number == 1)
            #expect(await house.answer(state, "accept", ["sure": "yes"]).code == .invalidArgument)
            #expect(desk.heard.map(\.content) == [[:]])
        }
    }

    @Test func `many times at once runs the tool once`() async throws {
        try await House.with { (house) async throws in
            let desk = Desk()
            let state = try await house.ask(desk)
            let replies = await withTaskGroup(of: ToolReply.self) { group in
                for _ in 0..<16 { group.addTask { await house.answer(state, "accept", ["sure": "yes"]) } }
                return await group.reduce(into: []) { $0.append($1) }
            }

            #expect(desk.heard.count == 1)
            #expect(replies.allSatisfy { $0.number == 1 || $0.code == .idempotencyInProgress })
        }
    }

    @Test func `stays used when the process ended while the tool worked`() async throws {
        try await House.with { (house) async throws in
            let answer = OnceClaim(
                id: house.clock.entropy.identifier(),
                organization: house.organization,
                digest: [1],
                takenAt: house.clock.now,
                expiresAt: house.clock.now + .seconds(600)
            )
            // What a process leaves that dies between the commit and what the tool does.
            #expect(try await house.store.take(answer) == .first)

            let questions = Questions(repository: house.store, outcomeBytesMax: 1000)
            var hasRun = false
            let error = await #expect(throws: GatewayError.self) {
                try await questions.answered(answer) { () async throws(GatewayError) in
                    hasRun = true
                    return .init(completion: .init(status: 0, payload: []))
                }
            }

            #expect(error?.code == .conflict && !hasRun)
            try await house.store.removeExpiredAnswers(at: house.clock.now)
            #expect(try await house.store.take(answer) == .earlier(digest: [1], outcome: nil))
            try await house.store.removeExpiredAnswers(at: answer.expiresAt)
            #expect(try await house.store.take(answer) == .first)
        }
    }

    @Test func `is held to the schema that was asked`() async throws {
        try await House.with { (house) async throws in
            let desk = Desk()
            let state = try await house.ask(desk)
            for content: JSON in [[:], ["sure": 1], ["sure": "yes", "more": 1]] {
                let refused = await house.answer(state, "accept", content)
                #expect(refused.error?.errors.first?.pointer.hasPrefix("/$input/content") ?? false)
                #expect(refused.error?.isAboutCall ?? false)
            }

            #expect(desk.heard.isEmpty)
            #expect(await house.answer(state, "accept", ["sure": "yes"]).number == 1)
        }
    }

    @Test func `to another's question, for other arguments, changed or late, is none`() async throws {
        try await House.with { (house) async throws in
            let desk = Desk()
            let state = try await house.ask(desk)
            let changed = String(state.dropLast(8)) + "AAAAAAA="
            let other = try await house.addKey()
            let foreign = await house.pipeline.serve(
                ToolCall(
                    id: CallID(house.clock.entropy.identifier()),
                    door: .rest,
                    credential: .token(other.text),
                    tool: "desk_delete",
                    arguments: [
                        "$state": .string(state), "$input": ["action": "accept", "content": ["sure": "yes"]],
                    ]
                )
            )
            var refusals = [foreign.error]
            refusals.append(await house.answer(changed, "accept", ["sure": "yes"]).error)
            refusals.append(await house.answer(state, "accept", ["sure": "yes"], what: "other").error)
            house.clock.advance(.seconds(631))
            refusals.append(await house.answer(state, "accept", ["sure": "yes"]).error)

            #expect(refusals.allSatisfy { $0?.code == .invalidArgument && $0?.isAboutCall == true })
            #expect(desk.heard.isEmpty)
        }
    }

    @Test func `may lead to another question, which is the same when the answer is repeated`() async throws {
        try await House.with { (house) async throws in
            let desk = Desk()
            let state = try await house.ask(desk)
            let second = await house.answer(state, "accept", ["sure": "twice"]).sealed
            let again = await house.answer(state, "accept", ["sure": "twice"]).sealed

            #expect(second != nil && second == again)
            #expect(await house.answer(second ?? "", "accept", ["sure": "yes"]).number == 2)
            #expect(await house.answer(second ?? "", "accept", ["sure": "yes"]).isReplayed)
            #expect(desk.heard.count == 2)
        }
    }
}

struct `A client that cannot ask anybody` {
    private func call(_ house: House) async -> ToolReply {
        await house.pipeline.serve(
            ToolCall(
                id: CallID(house.clock.entropy.identifier()),
                door: .mcp,
                credential: .token(house.key.text),
                tool: "desk_delete",
                arguments: [:],
                canBeAsked: false
            )
        )
    }

    @Test func `is refused before a tool runs that says it asks`() async throws {
        try await House.with { (house) async throws in
            let desk = Desk()
            try house.registry.publish(try desk.plugin())

            #expect(await call(house).error?.needsPerson == true)
            #expect(desk.runs.withLock { $0.isEmpty })
        }
    }
}

struct `A tool that does not say that it asks` {
    @Test func `may not ask anybody: its question fails the call, and counts as a violation`() async throws {
        try await House.with { (house) async throws in
            let desk = Desk()
            let plugin = try desk.plugin(asks: false)
            try house.registry.publish(plugin)

            let reply = await house.call("desk_delete")

            #expect(reply.code == .pluginFailed && reply.sealed == nil)
            #expect(reply.error?.message.contains("does not say that it asks") == true)
            #expect(plugin.calls.malformedCount == 1 && plugin.calls.failedCount == 1)
        }
    }
}
