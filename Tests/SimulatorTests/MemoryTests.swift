import Daraja
import Foundation
import OrderedJSON
import Testing

@testable import Simulator

@Suite struct `A simulator that has seen more than it keeps in memory` {
    /// Pushes that were paid, the first one first.
    private func paid(_ count: Int, _ desk: Desk) async throws -> [String] {
        var made: [String] = []
        for number in 0..<count {
            let checkout = try await desk.push(number)
            #expect(desk.simulator.decide(checkout))
            made.append(checkout)
        }
        return made
    }

    @Test func `still knows every charge, and answers for the oldest push`() async throws {
        let desk = try await Desk { $0.entriesMax = 10 }
        let made = try await paid(100, desk)

        #expect(desk.simulator.state.withLock { $0.prompts.newest.count } <= 10)
        let all = await desk.ask("GET", "/simulator/ledger").body
        #expect(all["count"] == 100 && all["total"] == 1000 && all["older"] == 90)
        #expect(all["charges"]?.arrayValue?.count == 10)
        let first = await desk.ask("GET", "/simulator/ledger", query: ["phone": Desk.phone(0)]).body
        #expect(first["count"] == 1 && first["total"] == 10)
        #expect(try await desk.query(made[0]).body["ResultCode"] == "0")
        #expect(try await desk.query("ws_CO_of_nobody").status == 400)
    }

    @Test func `knows a repeat of the oldest payout`() async throws {
        let desk = try await Desk { $0.entriesMax = 5 }
        for number in 0..<30 {
            let answer = try await desk.pay(10, id: "payout-\(number)")
            #expect(await desk.settle(try #require(answer.body["ConversationID"]?.stringValue)) == "0")
        }

        let again = try await desk.pay(10, id: "payout-0")

        #expect(again.status == 500 && again.body["errorCode"] == "500.002.1001")
        let payouts = await desk.ask("GET", "/simulator/payouts", query: ["phone": "254711000001"]).body
        #expect(payouts["count"] == 30 && payouts["total"] == 300)
        #expect(payouts["payouts"]?.arrayValue?.count == 30)
    }

    @Test func `gives back the oldest payment, and never more of it than is left`() async throws {
        let desk = try await Desk { $0.entriesMax = 5 }
        let made = try await paid(30, desk)
        let receipt = try #require(desk.simulator.state.withLock { $0.prompts.find(made[0])?.receipt })

        #expect(desk.simulator.state.withLock { $0.left(of: receipt) } == 10)
        for (number, amount) in [4, 4, 4].enumerated() {
            let line: JSON = [
                "conversation_id": .string("AG_\(number)"), "originator_conversation_id": .string("o-\(number)"),
                "outcome": "paid", "short_code": "600000", "original_receipt": .string(receipt),
                "amount": .integer(Int64(amount)),
            ]
            let reversal = try #require(Movement(line))
            desk.simulator.state.withLock { $0.keep(reversal) }
            desk.simulator.decide(movement: reversal.conversationID)
        }

        #expect(desk.simulator.state.withLock { $0.movements.find("AG_2")?.resultCode } == "R000001")
        #expect(await desk.ask("GET", "/simulator/ledger").body["returned"] == 8)
        #expect(desk.simulator.state.withLock { $0.books.accounts(of: "600000").working } == 300 - 8)
    }

    @Test func `keeps what is open, and takes no more than twice as much of it`() async throws {
        let desk = try await Desk { $0.entriesMax = 5 }
        var open: [String] = []
        for number in 0..<10 { open.append(try await desk.push(number)) }

        #expect(await desk.ask("POST", STKPush.path, desk.pushBody(Desk.phone(10), 10)).status == 500)
        for checkout in open { #expect(desk.simulator.decide(checkout)) }

        #expect(try await !desk.push(11).isEmpty)
        #expect(await desk.ask("GET", "/simulator/ledger").body["count"] == 10)
    }

    @Test func `shows the newest requests, and counts all`() async throws {
        let desk = try await Desk {
            $0.requestsMax = 3
            $0.requestsBytesMax = 1_000
        }
        for number in 0..<20 { _ = try await desk.push(number) }

        let shown = await desk.ask("GET", "/simulator/requests").body

        #expect(shown["count"] == 21)
        let bodies = shown["requests"]?.arrayValue?.compactMap { $0["body"]?.stringValue } ?? []
        #expect((1...3).contains(bodies.count) && bodies.reduce(0) { $0 + $1.utf8.count } <= 1_000)
        #expect(bodies.last?.contains(Desk.phone(19)) == true)
    }
}

@Suite struct `A simulator's journal` {
    private let path = FileManager.default.temporaryDirectory
        .appending(path: "journal-\(UInt64.random(in: .min ... .max))").path

    @Test func `tells the next process the same sums, a line that was cut off left out`() async throws {
        defer { unlink(path) }
        let before = try await Desk {
            $0.journal = path
            $0.entriesMax = 4
        }
        for number in 0..<20 { #expect(before.simulator.decide(try await before.push(number))) }
        let open = try await before.push(20)
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data("{\"checkout_request_id\":\"ws_".utf8))
        try file.close()

        let after = try await Desk {
            $0.journal = path
            $0.entriesMax = 4
        }

        #expect(after.simulator.decide(open))
        let third = try await Desk { $0.journal = path }
        for desk in [after, third] {
            let ledger = await desk.ask("GET", "/simulator/ledger").body
            #expect(ledger["count"] == 21 && ledger["total"] == 210)
            #expect(desk.simulator.state.withLock { $0.books.accounts(of: "600000").working } == 210)
        }
    }

    @Test func `begins anew after a reset, for the next process too`() async throws {
        defer { unlink(path) }
        let before = try await Desk { $0.journal = path }
        #expect(before.simulator.decide(try await before.push(0)))
        #expect(await before.ask("POST", "/simulator/reset").status == 200)
        #expect(before.simulator.state.withLock { $0.books.charges.count } == 0)

        let after = try await Desk { $0.journal = path }

        #expect(after.simulator.state.withLock { $0.books.charges.count } == 0)
    }

    @Test func `that cannot be written is said`() async throws {
        let error = await #expect(throws: Journal.Unwritable.self) {
            _ = try await Desk { $0.journal = "/no/such/folder/journal" }
        }

        #expect(error?.description.contains("/no/such/folder/journal cannot be written: No such file") == true)
    }

    @Test func `holds a movement as it reads itself from its own line`() throws {
        let lines: [JSON] = [
            [
                "conversation_id": "AG_1", "originator_conversation_id": "ours", "short_code": "600000",
                "phone": "254711000001", "amount": 70, "remarks": "wages", "result_url": "http://127.0.0.1:1/r",
                "timeout_url": "http://127.0.0.1:1/t", "outcome": "paid", "created_ms": 5, "timed_out": false,
                "result_code": "0", "receipt": "SAB", "callback_statuses": [],
            ],
            [
                "conversation_id": "AG_2", "originator_conversation_id": "8521-1", "short_code": "600000",
                "phone": "254711000001", "amount": 7, "remarks": "back", "result_url": "http://127.0.0.1:1/r",
                "timeout_url": "http://127.0.0.1:1/t", "outcome": "already_reversed", "created_ms": 6,
                "timed_out": false, "original_receipt": "SAA", "portal_amount": 3, "result_code": "R000001",
                "callback_statuses": [],
            ],
        ]
        var state = SimulatorState(settings: SimulatorSettings(), journal: try Journal.open(nil))
        for line in lines {
            let movement = try #require(Movement(line))
            #expect(movement.json.objectValue.map { Set($0.map(\.key)) } == line.objectValue.map { Set($0.map(\.key)) })
            // A journal may hold each as often as it changed.
            state.keep(movement)
            state.keep(movement)
        }

        #expect(state.books.utility(of: "600000") == Books.fundsAtFirst - 70)
        #expect(state.books.returned(of: "SAA") == 3)
        #expect(state.movements.find("ours")?.conversationID == "AG_1")
    }

    @Test func `remembers the newest ids, at least half as many as it may`() {
        var remembered = Remembered(most: 100)

        for number in 0..<1_000 { remembered.set(Int64(number), for: "id-\(number)") }

        #expect(remembered.count <= 100 && remembered["id-999"] == 999 && remembered["id-950"] == 950)
        #expect(remembered["id-0"] == nil)
    }
}
