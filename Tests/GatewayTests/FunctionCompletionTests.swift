import OrderedJSON
import Testing

@testable import Gateway

struct `A function tool's refusal` {
    func error(status: Int32, _ payload: JSON) throws -> GatewayError {
        let tool = try ToolDescriptor.sample()
        let completion = LoadedPlugin.Completion(status: status, payload: payload.bytes)
        return try #require(
            #expect(throws: GatewayError.self) { _ = try FunctionCompletion.read(completion, tool: tool) }
        )
    }

    @Test func `names the wrong arguments where it says which`() throws {
        let refusal = try error(
            status: 10,
            [
                "message": "Two arguments are wrong.",
                "details": [
                    ["pointer": "/amount", "message": "expected at least 5."],
                    ["pointer": "/party/0/name", "message": "expected a name.", "more": 1],
                ],
            ]
        )

        #expect(refusal.code == .invalidArgument && refusal.message == "Two arguments are wrong.")
        #expect(
            refusal.errors == [
                .init(pointer: "/amount", message: "expected at least 5."),
                .init(pointer: "/party/0/name", message: "expected a name."),
            ]
        )
    }

    @Test(
        arguments: [
            "amount", ["pointer": "/amount", "message": "a"], ["amount"], [["pointer": "amount", "message": "a"]],
            [["pointer": "/a~2", "message": "a"]], [["pointer": "/amount"]], [["message": "a"]],
            [["pointer": 1, "message": "a"]], .null,
        ] as [JSON]
    )
    func `stands without details that are of another form`(details: JSON) throws {
        let refusal = try error(status: 10, ["message": "Wrong.", "details": details])

        #expect(refusal == GatewayError(.invalidArgument, "Wrong."))
    }

    @Test(arguments: [11, 12, 13, 14, 22] as [Int32])
    func `that is not about an argument names none`(status: Int32) throws {
        let details: JSON = [["pointer": "/amount", "message": "a"]]

        #expect(try error(status: status, ["message": "No.", "details": details]).errors.isEmpty)
    }

    @Test(arguments: AnswerStatus.allCases.map(\.rawValue) + [99])
    func `without a message says what it is and what to do`(status: Int32) throws {
        guard status > AnswerStatus.inputRequired.rawValue else { return }

        let message = try error(status: status, [:]).message

        // Only of what nobody foresaw the number is all there is.
        let isForeseen = (10...23).contains(status) && status != AnswerStatus.internal.rawValue
        #expect(message.contains("status \(status)") != isForeseen, "\(message)")
        #expect(message.hasSuffix("."))
    }
}
