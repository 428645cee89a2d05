import ArgumentParser
import Foundation
import Gateway
import OrderedJSON

/// `trigger`: makes an event happen in the test environment.
struct TriggerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trigger",
        abstract: "Make an event happen in the test environment.",
        discussion: """
            A payment is made that ends so by the Daraja simulator of dev, or a batch, a payout as an agent asks for \
            one, or a report; what is told of it is told by itself. What it is about is printed. The gateway is found by GATEWAY_URL, \
            and the credential, of the test environment, by GATEWAY_API_KEY.
            """
    )

    @Argument(help: "Such as transaction.succeeded; another word lists all that can be made to happen.")
    var type: String

    func run() async throws {
        try await GatewayClient.running { client throws(GatewayError) in
            let way = try EventWay(to: type)
            try TriggerCommand.check(credential: ProcessInfo.processInfo.environment["GATEWAY_API_KEY"])
            print(PlainText.lines.shown(try await way.go(by: client)))
        }
    }

    /// - Throws: `invalidArgument` for a key that moves real money.
    static func check(credential: String?) throws(GatewayError) {
        guard let credential, let key = APIKeyText(credential), key.environment != .test else { return }
        throw GatewayError(
            .invalidArgument,
            "GATEWAY_API_KEY is a live key: events are made to happen with a test key."
        )
    }
}

/// What makes an event of a type happen.
enum EventWay: Equatable {
    /// A customer is asked, whose phone the simulator has one outcome for (docs/simulator.md).
    case payment(phone: String)
    /// A payout to such a phone.
    case payout(phone: String)
    /// A customer pays, and gets back all of it.
    case reversal
    /// A payout is asked for as an agent does, which waits for people; and is taken back, perhaps.
    case held(isTakenBack: Bool)
    /// A batch of one payout, to a phone of the simulator's or to any; it leaves at once or waits for people.
    case batch(phone: String?, leaves: Bool)
    /// A report of a day is made as a task.
    case task

    /// By type.
    static let all: [FeedEvent.Kind: EventWay] = [
        .succeeded: .payment(phone: "254700000000"), .cancelled: .payment(phone: "254700000001"),
        .failed: .payment(phone: "254700000002"), .expired: .payment(phone: "254700000003"),
        .lateSuccess: .payment(phone: "254700000046"), .corrected: .payment(phone: "254700000047"),
        .disputed: .payout(phone: "254700000009"), .reversed: .reversal,
        .approvalRequested: .held(isTakenBack: false), .approvalDecided: .held(isTakenBack: true),
        .withdrawn: .held(isTakenBack: true),
        .batchRequested: .batch(phone: nil, leaves: false), .batchReleased: .batch(phone: nil, leaves: true),
        .batchCompleted: .batch(phone: nil, leaves: true), .batchPaused: .batch(phone: "254700000004", leaves: true),
        .taskSucceeded: .task,
    ]

    /// - Throws: `invalidArgument` for a type that cannot be made to happen.
    init(to type: String) throws(GatewayError) {
        guard let way = FeedEvent.Kind(rawValue: type).flatMap({ EventWay.all[$0] }) else {
            let known = EventWay.all.keys.map(\.rawValue).sorted().joined(separator: ", ")
            throw GatewayError(.invalidArgument, "\(type) cannot be made to happen: expected one of \(known).")
        }
        self = way
    }

    /// Goes it, and answers the id of what the event is about.
    func go(by client: GatewayClient) async throws(GatewayError) -> String {
        let number = String(Int.random(in: 1_000_000...9_999_999))
        switch self {
        case .payment(let phone):
            return try EventWay.id(in: try await client.pay(EventWay.payment(of: phone), wait: nil))
        case .payout(let phone):
            // Another amount each time: what repeats is asked about.
            let body: JSON = [
                "phone_number": .string(phone), "amount": .integer(.random(in: 10...1_000)), "remarks": "trigger",
            ]
            return try EventWay.id(in: try await client.change("/tools/b2c-payment", body))
        case .reversal:
            let paid = try await client.pay(EventWay.payment(of: "25471" + number), wait: 30)
            let id = try EventWay.id(in: paid)
            guard paid["data"]?["status"] == "SUCCESS" else {
                throw GatewayError(.conflict, "The payment \(id) has not succeeded, so nothing goes back of it.")
            }
            let body: JSON = ["transaction_id": .string(id), "reason": "trigger"]
            _ = try await client.change("/tools/reverse-transaction", body)
            return id
        case .held(let isTakenBack):
            let answer = try await client.callAsAgent(
                "mpesa_b2c_payment",
                ["phone_number": .string("25471" + number), "amount": 10, "remarks": "trigger"]
            )
            let id = try EventWay.id(in: ["data": answer])
            guard answer["state"] == "draft" else {
                throw GatewayError(.conflict, "The payout \(id) waits for nobody: no rule has it wait.")
            }
            if isTakenBack { _ = try await client.change("/transactions/\(id)/withdrawal", [:]) }
            return id
        case .batch(let phone, let leaves):
            // Another amount each time: what repeats is asked about.
            let row: JSON = [
                "phone_number": .string(phone ?? "25471" + number), "amount": .integer(.random(in: 10...1_000)),
            ]
            let body: JSON = ["batch_name": "trigger", "payments": [row], "release": .bool(leaves)]
            return try EventWay.id("batch_id", in: try await client.change("/tools/bulk-payment", body))
        case .task:
            // Of any day: nothing needs to have been on it.
            let body: JSON = ["report_type": "DAILY", "date_from": "2026-01-01", "as_task": true]
            return try EventWay.id("handle", in: try await client.change("/tools/reports/generate", body))
        }
    }

    private static func payment(of phone: String) -> JSON {
        [
            "phone_number": .string(phone), "amount": 1, "account_reference": "trigger", "transaction_desc": "trigger",
        ]
    }

    private static func id(_ name: String = "transaction_id", in answer: JSON) throws(GatewayError) -> String {
        guard let id = answer["data"]?[name]?.stringValue else {
            throw GatewayError(.unavailable, "What was answered names no \(name): \(answer.text)")
        }
        return id
    }
}

extension GatewayClient {
    /// Asks a customer, and waits for the outcome for so many seconds.
    fileprivate func pay(_ body: JSON, wait: Int?) async throws(GatewayError) -> JSON {
        try await change("/tools/stk-push", body, wait.map { [("Prefer", "wait=\($0)")] } ?? [])
    }

    /// Posts something new to the test environment: a person's token acts where it is told.
    fileprivate func change(
        _ path: String,
        _ body: JSON,
        _ more: [(String, String)] = []
    ) async throws(GatewayError) -> JSON {
        let key = "trigger-" + UUID().uuidString
        let headers = [("Gateway-Environment", Environment.test.rawValue), ("Idempotency-Key", key)]
        return try await send(Operation.Request(method: "POST", path: path, body: body), headers + more)
    }

    /// Calls a tool of the test environment by MCP, as agents do, and answers what it did.
    fileprivate func callAsAgent(_ tool: String, _ arguments: JSONObject) async throws(GatewayError) -> JSON {
        var arguments = arguments
        arguments["idempotency_key"] = .string("trigger-" + UUID().uuidString)
        let call: JSON = [
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": ["name": .string(tool), "arguments": .object(arguments)],
        ]
        let headers = [
            ("Gateway-Environment", Environment.test.rawValue), ("Accept", "application/json, text/event-stream"),
            ("MCP-Protocol-Version", "2025-06-18"),
        ]
        let (status, bytes) = try await carry(
            request(Operation.Request(method: "POST", path: "/mcp", body: call), headers)
        )
        let document = (try? JSON(parsing: bytes)) ?? [:]
        let result = document["result"]
        guard status == 200, result?["isError"] != true, let answer = result?["structuredContent"] else {
            let said = result?["structuredContent"]?["error"]?["message"] ?? document["error"]?["message"]
            var problem = document
            if let said { problem = ["detail": said] }
            throw GatewayClient.problem(problem, status, url)
        }
        return answer
    }
}
