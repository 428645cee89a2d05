import Testing

@testable import Gateway

struct `A value whose copies share what they have` {
    @Test func `changes alone, a record`() {
        let first = Record.sample(createdAt: Timestamp(milliseconds: 1))
        var second = first
        #expect(second == first)

        second.hold(until: Timestamp(milliseconds: 5))
        second.hold?.unsent = 3
        second.externalIDs["checkout_request_id"] = "ws_1"
        var third = second
        third.hold?.unsent += 1
        third.disputes.append(Dispute(.contradiction))

        #expect(first.state == .created && first.hold == nil && first.externalIDs.isEmpty)
        #expect(second.state == .draft && second.hold?.unsent == 3 && !second.isDisputed)
        #expect(third.hold?.unsent == 4 && third.isDisputed && third.externalIDs == second.externalIDs)
        #expect(second != first && third != second)
        #expect(Record.sample(createdAt: first.createdAt) == first)
    }

    @Test func `changes alone, an error`() {
        let first = GatewayError(.conflict, "There is one.", detail: "x", retryAfter: .seconds(1))
        var second = first
        second.scopes = ["money"]

        #expect(first.scopes.isEmpty && second.scopes == ["money"])
        #expect(second != first && second.message == first.message)
        #expect(first.aboutCall.isAboutCall && !first.isAboutCall)
        #expect(first == GatewayError(.conflict, "There is one.", detail: "x", retryAfter: .seconds(1)))
        #expect("\(first)".contains("There is one."))
    }
}
