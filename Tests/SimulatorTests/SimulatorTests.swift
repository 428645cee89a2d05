import OrderedJSON
import Testing

@testable import Simulator

@Suite struct `The simulator's accounts` {
    @Test func `payouts beyond what the utility account holds end with code 1, until it is filled again`() async throws
    {
        let desk = try await Desk()
        #expect(await desk.ask("POST", "/simulator/funds", ["utility": 150]).status == 200)
        var ids: [String] = []
        for number in 0..<3 {
            let answer = try await desk.pay(100, id: "payout-\(number)")
            ids.append(try #require(answer.body["ConversationID"]?.stringValue))
        }
        #expect(await desk.settle(ids[0]) == "0")
        #expect(await desk.settle(ids[1]) == "1")
        #expect(await desk.ask("POST", "/simulator/funds", ["utility": 100]).status == 200)
        #expect(await desk.settle(ids[2]) == "0")
        #expect(desk.simulator.state.withLock { $0.books.utility(of: "600000") } == 0)
        let payouts = await desk.ask("GET", "/simulator/payouts").body
        #expect(payouts["count"] == 2)
        #expect(payouts["total"] == 200)
        let outcomes = payouts["payouts"]?.arrayValue?.compactMap { $0["outcome"]?.stringValue } ?? []
        #expect(outcomes.sorted() == ["insufficient_funds", "open", "open"], "\(payouts.text)")
    }

    @Test(arguments: [["utility": -1], ["utility": "much"], [:], ["utility": 5, "short_code": "1"]] as [JSON])
    func `funds that are none are refused`(body: JSON) async throws {
        #expect(try await Desk().ask("POST", "/simulator/funds", body).status == 400)
    }

    @Test func `a payout that is decided once is never decided again`() async throws {
        let desk = try await Desk()
        let id = try #require(try await desk.pay(100, id: "once").body["ConversationID"]?.stringValue)
        #expect(await desk.settle(id) == "0")
        _ = await desk.ask("POST", "/simulator/funds", ["utility": 0])
        #expect(await desk.settle(id) == "0")
        #expect(await desk.ask("GET", "/simulator/payouts").body["total"] == 100)
    }

    @Test func `the same OriginatorConversationID is a repeat`() async throws {
        let desk = try await Desk()
        #expect(try await desk.pay(100, id: "one").status == 200)
        let again = try await desk.pay(100, id: "one")
        #expect(again.status == 500)
        #expect(again.body["errorCode"] == "500.002.1001")
    }
}

@Suite struct `The simulator's pace` {
    @Test func `requests beyond it are throttled, and taken once there is room`() {
        var pace = Pace()
        var taken: [Bool] = []
        for _ in 0..<100 { taken.append(pace.takes(atMilliseconds: 5)) }
        #expect(!taken.contains(false))
        pace.takenPerSecond = 2
        taken = []
        for moment: Int64 in [1000, 1000, 1000, 1999, 2000] { taken.append(pace.takes(atMilliseconds: moment)) }
        #expect(taken == [true, true, false, false, true])
    }

    @Test func `decisions wait for their turn`() {
        var pace = Pace()
        var due: [Int64] = []
        for _ in 0..<2 { due.append(pace.nextDecision(after: 700)) }
        pace.decidedPerSecond = 4
        for soonest: Int64 in [1000, 1000, 1000, 9000] { due.append(pace.nextDecision(after: soonest)) }
        #expect(due == [700, 700, 1000, 1250, 1500, 9000])
    }

    @Test func `a throttled payout was not taken, so the same one is no repeat later`() async throws {
        let desk = try await Desk()
        #expect(await desk.ask("POST", "/simulator/pace", ["taken_per_s": 1]).status == 200)
        var refused: String?
        for number in 0..<500 where refused == nil {
            let answer = try await desk.pay(10, id: "payout-\(number)")
            if answer.body["errorCode"] == "500.003.02" { refused = "payout-\(number)" }
        }
        let id = try #require(refused, "none of 500 in a row was throttled")
        #expect(await desk.ask("POST", "/simulator/pace").status == 200)
        #expect(try await desk.pay(10, id: id).status == 200)
    }

    @Test(arguments: [["taken_per_s": 0], ["decided_per_s": 1001], ["taken_per_s": "2"]] as [JSON])
    func `a pace that is none is refused`(body: JSON) async throws {
        #expect(try await Desk().ask("POST", "/simulator/pace", body).status == 400)
    }
}
