import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `A batch that a key let go` {
    @Test func `is paused when a rule asks for a person by now, and goes on by one's own session`() async throws {
        try await House.forBatches { (house) async throws in
            let made = await house.batch("a", of: House.payments(2), ["release": true])
            #expect(try await house.batch("a").state == .running, "\(made)")
            try await house.set { policy in
                policy.rules = [ApprovalRule(directions: [.outgoing], outcome: .confirm, within: .seconds(3_600))]
            }

            await house.sendBatches()

            #expect(try await house.batch("a").state == .paused && house.upstream.sent.isEmpty)
            _ = try await house.gateway.batches.resume("a", by: try await house.releaser("releaser of a"))
            await house.sendBatches()
            #expect(try await house.batch("a").state != .paused && !house.upstream.sent.isEmpty)
        }
    }
}

struct `A rule that names a tool` {
    private func said(_ tools: JSON, then another: JSON? = nil, in house: House) async throws -> String {
        let desk = try await ApprovalDesk(in: house)
        let all: [JSON] = [["tools": tools, "then": "approve"]] + (another.map { [$0] } ?? [])
        let rules: JSON = ["rules": .array(all)]
        let reply = await desk.ask("approvals.set_rules", rules, as: desk.administrator.token)
        guard case .success(.data(_, let message, _)) = reply.result else { return "" }
        return message ?? ""
    }

    @Test func `says to whoever sets it where it leaves out batches of the same payments`() async throws {
        try await House.forBatches { (house) async throws in
            #expect(try await said(["fake_pay"], in: house).contains("fake_pay_many"))
        }
        try await House.forBatches { (house) async throws in
            #expect(try await said(["fake_pay", "fake_pay_many"], in: house) == "The rules hold.")
        }
    }

    @Test(
        arguments: [
            (["who": ["agent"], "then": "approve"], true), (["amount_min": 10_000, "then": "approve"], true),
            (["then": "allow"], true), (["then": "approve"], false),
        ] as [(JSON, Bool)]
    )
    func `says it though another is about some payments of any tool, and not where one is about all`(
        another: JSON,
        leavesOut: Bool
    ) async throws {
        try await House.forBatches { (house) async throws in
            let words = try await said(["fake_pay"], then: another, in: house)
            #expect(words.contains("fake_pay_many") == leavesOut && !words.isEmpty, "\(words)")
        }
    }
}
