import Gateway
import GatewayTesting
import Store
import Testing

struct `What a held call costs` {
    /// The commits of a payout from the call until M-Pesa has taken it, where so many people must agree to it.
    private func commits(approvedBy count: Int) async throws -> Int {
        var found = 0
        var settings = StoreSettings()
        // Lines that nobody waits for ride along with the next commit, however long that takes.
        settings.auditDelay = .seconds(3600)
        try await House.with(settings: settings) { (house) async throws in
            let rule = ApprovalRule(directions: [.outgoing], outcome: .approve, count: max(1, count))
            let desk = try await ApprovalDesk(in: house, rules: count == 0 ? [] : [rule])
            let people = [desk.manager, desk.other, desk.administrator].prefix(count)
            let before = try SQLiteLog(beside: house.database).commits
            let reply = await desk.pay()
            for person in people {
                #expect(try await house.record(reply).state == .draft)
                #expect(await desk.decide("approve", reply, as: person) == nil)
            }
            await desk.gateway.releases.sendDue()
            #expect(try await house.record(reply).state == .accepted)
            found = try SQLiteLog(beside: house.database).commits - before
        }
        return found
    }

    @Test func `is two commits more than one that leaves at once, and one more for each further person`() async throws {
        let direct = try await commits(approvedBy: 0)
        let approved = try await commits(approvedBy: 1)

        #expect(direct >= 2 && approved == direct + 2, "\(direct), \(approved)")
        #expect(try await commits(approvedBy: 2) == approved + 1)
        #expect(try await commits(approvedBy: 3) == approved + 2)
    }
}
