import Testing

@testable import Gateway

struct `What is kept of many disputes` {
    private func other(_ number: UInt64) -> RecordID { RecordID(Identifier(high: 8, low: number)) }

    @Test func `has room for what is about the end, before what may be the same payment`() throws {
        let machine = RecordMachine(rules: .init())
        var record = Record.sample(createdAt: Timestamp(milliseconds: 1_800_000_000_000), direction: .outgoing)
        (record.state, record.sentAt, record.endedAt) = (.failed, record.createdAt, record.createdAt)
        for number in 0..<UInt64(Record.disputesMax) {
            record = try #require(machine.step(record, .possibleDouble(other(number)), at: record.updatedAt)).record
        }
        #expect(machine.step(record, .possibleDouble(other(99)), at: record.updatedAt) == nil)
        let paid = Evidence(.unknown, code: "0", chargeAgain: "no")
        record = try #require(machine.step(record, .evidence(paid, .callback("result")), at: record.updatedAt)).record
        #expect(record.isContradicted && record.disputes.count == Record.disputesMax)

        let late = record.createdAt + .seconds(4_000)
        for round in 0..<3 {
            let said = Resolution(outcome: .failed, receipt: nil, evidence: "line \(round)", by: "user:1", at: late)
            record = try #require(machine.step(record, .resolved(said), at: late)).record
            #expect(record.closedDisputes.filter { $0.kind == .noReceipt }.count == 1)
            for number in 0..<UInt64(Record.disputesMax) {
                let next = other(UInt64(round + 1) * 100 + number)
                record = try #require(machine.step(record, .possibleDouble(next), at: late)).record
            }
        }
        #expect(!record.hasMovedNothing)
    }
}
