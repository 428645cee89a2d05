import GatewayTesting
import OrderedJSON
import Store
import Synchronization
import Testing

@testable import Gateway

/// How a caller loses what it began with.
enum Loss: CaseIterable {
    case keyIsRevoked, organizationIsSuspended, toolIsSwitchedOff

    /// What any call of that caller is answered from then on.
    var code: GatewayError.Code {
        switch self {
        case .keyIsRevoked: .unauthenticated
        case .organizationIsSuspended: .organizationSuspended
        case .toolIsSwitchedOff: .notFound
        }
    }

    func befalls(_ house: House, tool: String, _ gateway: Assembly? = nil) async throws {
        let now = house.clock.now
        switch self {
        case .keyIsRevoked:
            _ = try await house.store.change(house.key.id, organization: house.organization) { $0.revokedAt = now }
        case .organizationIsSuspended:
            _ = try await house.store.change(house.organization) { $0.subscription = .suspended }
        case .toolIsSwitchedOff:
            _ = try await house.store.change(house.organization) { $0.disabledTools = [tool] }
        }
        (gateway ?? house.gateway).directory.forget()
    }
}

struct `What outlives the look at its credential` {
    /// Short waits end soon, long ones never: whoever waits for an outcome waits until somebody ends it.
    private static let endless = Sleep(
        cancellable: { duration in
            try await Task.sleep(for: duration > .seconds(1) ? .seconds(86_400) : .milliseconds(5))
        },
        whole: { _ in await Task.yield() }
    )

    @Test(.timeLimit(.minutes(15)), arguments: Loss.allCases)
    func `such as a wait for an outcome, ends when its caller may not go on`(loss: Loss) async throws {
        try await House.with { (house) async throws in
            let clock = house.clock.entropy
            let gateway = house.another {
                $0.entropy = Entropy(
                    now: clock.now,
                    uptime: clock.uptime,
                    wall: clock.wall,
                    sleep: Self.endless,
                    random: clock.random
                )
            }
            let call = ToolCall(
                id: CallID(clock.identifier()),
                door: .rest,
                credential: .token(house.key.text),
                tool: "fake_collect",
                arguments: ["phone": "254711000001", "amount": 100],
                wait: .seconds(60)
            )
            let (sent, signal) = AsyncStream.makeStream(of: Void.self)
            house.upstream.answer { _ in
                signal.yield()
                return .answered(status: 200, body: House.accepted.bytes)
            }
            async let waiting = gateway.pipeline.serve(call)
            _ = await sent.first { _ in true }

            try await loss.befalls(house, tool: "fake_collect", gateway)
            let reply = await waiting

            // It was sent, which is told; how it goes on is not.
            #expect(reply.code == nil && reply.state?.isEnded == false, "\(reply.result)")
            #expect(await gateway.pipeline.serve(call).code == loss.code)
        }
    }

    @Test(arguments: Loss.allCases)
    func `such as a request that waits for its turn, is not sent`(loss: Loss) async throws {
        try await House.with { (house) async throws in
            // What happens between the look at the credential and the commit, such as a long wait.
            house.upstream.whenPrepared { try? await loss.befalls(house, tool: "fake_pay") }

            let reply = await house.pay()

            #expect(reply.code == loss.code && reply.record == nil)
            #expect(house.upstream.sent.isEmpty)
            #expect(try await house.store.records(matching: RecordFilter(limit: 10), of: house).isEmpty)
        }
    }

    @Test(arguments: Loss.allCases)
    func `such as a payment that waits to be sent again, is not, and ends with its reason`(loss: Loss) async throws {
        let plugin = try FakePlugin.make(collect: ["resend": ["limit": 1]])
        try await House.with(plugin: plugin) { (house) async throws in
            house.upstream.answer(with: ["verdict": "not_processed"])
            let id = try #require(await house.collect().record)
            #expect(try await house.record(id).state == .created && house.upstream.count("collect") == 1)

            try await loss.befalls(house, tool: "fake_collect")
            for _ in 1...4 {
                house.clock.advance(.seconds(61))
                await house.gateway.sweeper.sweep()
            }

            #expect(house.upstream.count("collect") == 1)
            let record = try await house.record(id)
            #expect(record.state == .rejected && record.meaning?.hasPrefix("Not sent again") == true)
            #expect(record.whoseMove == "organization", "M-Pesa has nothing to do with it")
        }
    }

    @Test func `such as a payout that M-Pesa does not know, is asked about and waits for a person`() async throws {
        try await House.with { (house) async throws in
            _ = try await house.store.change(house.organization) { $0.resendsNotFound = true }
            house.upstream.answer { _ in .unknown("cut") }
            let id = try #require(await house.pay().record)
            house.clock.advance(.seconds(31 * 60))
            try await Loss.keyIsRevoked.befalls(house, tool: "fake_pay")
            house.upstream.answer(with: ["verdict": "accepted"])

            for _ in 1...40 where try await house.record(id).state != .manual {
                await house.gateway.sweeper.sweep()
                let question = try await house.newest("pay_query")
                if !question.state.isEnded {
                    try await house.callback(question.id, says: ["verdict": "not_found", "code": "nf"])
                }
                await house.gateway.sweeper.sweep()
                house.clock.advance(.seconds(3600))
            }

            #expect(house.upstream.count("pay") == 1)
            #expect(try await house.record(id).state == .manual)
        }
    }

    @Test(arguments: Loss.allCases)
    func `such as a function tool, is answered as any call of that caller is by then`(loss: Loss) async throws {
        try await House.with { (house) async throws in
            let tool = "worker_dig"
            try house.registry.publish(
                try Self.worker { invocation in
                    #expect(await invocation.isOver?() == false)
                    try? await loss.befalls(house, tool: tool)
                    #expect(await invocation.isOver?() == true)
                    // What the host says in the plugin's place.
                    return .init(status: AnswerStatus.cancelled.rawValue, payload: [])
                }
            )

            let reply = await house.call(tool)

            #expect(reply.code == loss.code)
            #expect(house.registry.snapshot.live("worker")?.calls.failedCount == 0)
        }
    }

    @Test func `goes on where the store does not answer whether it may`() {
        #expect(!GatewayError(.unavailable, "away").endsWork)
        #expect(!GatewayError(.internalFault, "a fault").endsWork)
    }

    /// A plugin with one function tool.
    private static func worker(
        _ work: @escaping @Sendable (LoadedPlugin.Invocation) async -> LoadedPlugin.Completion
    ) throws -> LoadedPlugin {
        let schema: JSON = ["type": "object", "properties": [:], "additionalProperties": false]
        let document: JSON = [
            "plugin": ["id": "worker", "version": "1.0.0", "title": "Worker"],
            "tools": [
                [
                    "name": "worker_dig", "kind": "function", "title": "Dig", "description": "Digs.",
                    "input_schema": schema, "output_schema": schema,
                    "annotations": [
                        "read_only": true, "destructive": false, "idempotent": true, "open_world": false,
                        "money_moving": false,
                    ],
                ]
            ],
        ]
        return LoadedPlugin(
            try Catalogue(parsing: document.bytes, abilities: .init(features: [], transforms: [])),
            generation: 1,
            digest: "d",
            operationFunctions: nil,
            asynchronous: .init(invoke: { _, _, invocation in await work(invocation) }),
            context: .init(
                prompt: { _, _ throws(LoadedPlugin.Failure) in throw .init(status: 21, reason: "none") },
                resource: { _ throws(LoadedPlugin.Failure) in throw .init(status: 21, reason: "none") }
            )
        )
    }
}
