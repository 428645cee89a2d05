import Cryptography
import Daraja
import Foundation
import OrderedJSON
import Testing

@testable import Simulator

/// A simulator that listens to nobody: requests are handed to it as its server would.
private struct Desk {
    let simulator: Simulator
    let account = SimulatorAccount(
        consumerKey: "key",
        consumerSecret: "secret",
        shortCode: "600000",
        passkey: "pass",
        initiatorName: "ann",
        initiatorPassword: "word"
    )
    private let token: String

    init() async throws {
        var settings = SimulatorSettings()
        settings.accounts = [account]
        simulator = try Simulator(settings: settings)
        let basic = "Basic " + Data("key:secret".utf8).base64EncodedString()
        let answer = await simulator.handle(
            SimulatorRequest(
                method: "GET",
                path: "/oauth/v1/generate",
                query: ["grant_type": "client_credentials"],
                authorization: basic,
                body: []
            )
        )
        token = Desk.json(answer)["access_token"]?.stringValue ?? ""
    }

    /// Asks, and answers the status and the document.
    func ask(_ method: String, _ path: String, _ body: JSON = [:]) async -> (status: Int, body: JSON) {
        let request = SimulatorRequest(
            method: method,
            path: path,
            query: [:],
            authorization: "Bearer " + token,
            body: body.bytes
        )
        let answer = await simulator.handle(request)
        guard case .answer(let status, _) = answer else { return (0, .null) }
        return (status, Desk.json(answer))
    }

    /// Asks for a payout that stays open until it is settled.
    func pay(_ amount: Int64, id: String) async throws -> (status: Int, body: JSON) {
        let key = try #require(RSAPublicKey(pem: simulator.keys.publicPEM))
        let sealed = try #require(key.encrypt(Array(account.initiatorPassword.utf8)))
        let body: JSON = [
            "OriginatorConversationID": .string(id), "InitiatorName": .string(account.initiatorName),
            "SecurityCredential": .string(Data(sealed).base64EncodedString()), "CommandID": "BusinessPayment",
            "Amount": .string(String(amount)), "PartyA": .string(account.shortCode), "PartyB": "254711000001",
            "Remarks": "wages", "QueueTimeOutURL": "http://127.0.0.1:1/", "ResultURL": "http://127.0.0.1:1/",
        ]
        simulator.state.withLock { $0.phoneOutcomes["254711000001"] = .open }
        return await ask("POST", B2CPayment.path, body)
    }

    /// Lets M-Pesa decide, and answers the payout's result code.
    func settle(_ conversation: String) async -> String? {
        _ = await ask("POST", "/simulator/payouts/\(conversation)/settle")
        return simulator.state.withLock { $0.movements.all[conversation]?.resultCode }
    }

    private static func json(_ answer: SimulatorAnswer) -> JSON {
        guard case .answer(_, let body) = answer else { return .null }
        return (try? JSON(parsing: body)) ?? .null
    }
}

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
        #expect(desk.simulator.state.withLock { $0.movements.utility(of: "600000") } == 0)
        let payouts = await desk.ask("GET", "/simulator/payouts").body
        #expect(payouts["count"] == 2)
        #expect(payouts["total"] == 200)
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

@Suite struct `A simulator that forgets` {
    @Test func `a movement reads itself from its own line`() throws {
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
        var movements = Movements()
        for line in lines {
            let movement = try #require(Movement(line))
            #expect(movement.json.objectValue.map { Set($0.map(\.key)) } == line.objectValue.map { Set($0.map(\.key)) })
            // A journal holds each as often as it changed.
            movements.keep(movement, most: 10)
            movements.keep(movement, most: 10)
        }
        #expect(movements.utility(of: "600000") == Movements.fundsAtFirst - 70)
        #expect(movements.returned(of: "SAA") == 3)
        #expect(movements.asked(by: "ours")?.conversationID == "AG_1")
    }

    @Test func `a full one forgets all rather than a part`() throws {
        var movements = Movements()
        for number in 0..<4 {
            let line: JSON = [
                "conversation_id": .string("AG_\(number)"), "originator_conversation_id": .string("o-\(number)"),
                "outcome": "paid", "short_code": "1", "amount": 10, "result_code": "0",
            ]
            movements.keep(try #require(Movement(line)), most: 3)
        }
        #expect(movements.all.count == 1)
        #expect(movements.asked(by: "o-0") == nil)
        #expect(movements.utility(of: "1") == Movements.fundsAtFirst - 10)
    }
}
