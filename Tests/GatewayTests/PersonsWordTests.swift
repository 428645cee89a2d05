import Testing

@testable import Gateway

struct `A person's word that M-Pesa repeats` {
    @Test(arguments: [1, 2])
    func `is proven by no refusal of a second sending, which says nothing of the first`(sendings: Int) throws {
        let start = Timestamp(milliseconds: 1_800_000_000_000)
        var record = Record.sample(createdAt: start, direction: .outgoing)
        (record.state, record.sentAt, record.attempts) = (.unknown, start, sendings)
        let machine = RecordMachine(rules: .init())
        let late = start + .seconds(1_900)
        let said = Resolution(outcome: .failed, receipt: nil, evidence: "no line", by: "user:1", at: late)
        record = try #require(machine.step(record, .resolved(said), at: late)).record
        #expect(record.state == .failed && !record.hasMovedNothing)

        let refused = Evidence(.rejected, code: "1")
        let after = machine.step(record, .evidence(refused, .reply), at: late)?.record
        #expect((after?.resolution?.isConfirmed == true) == (sendings == 1))
        #expect((after?.hasMovedNothing == true) == (sendings == 1))
    }
}
