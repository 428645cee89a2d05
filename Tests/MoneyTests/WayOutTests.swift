import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// Where a payout may stand when somebody asks what can be done, and the actions that its explanation names then.
private enum Standing: String, CaseIterable {
    case draft, unconfirmed, released, created, accepted, overdue, unknown, unknownOverdue, reconciling, manual
    case batchWaiting, batchPaused, batchRunning, batchStopped
    case calledPaid, calledFailed

    var ways: Set<String> {
        switch self {
        case .draft, .unconfirmed: ["approvals.approve", "approvals.decline", "transactions.withdraw"]
        case .released: ["approvals.decline", "transactions.withdraw"]
        case .created, .accepted, .batchStopped: []
        case .overdue, .unknown, .unknownOverdue, .reconciling, .manual, .calledPaid, .calledFailed:
            ["transactions.resolve"]
        case .batchWaiting: ["batches.release", "batches.cancel"]
        case .batchPaused: ["batches.resume", "batches.cancel"]
        case .batchRunning: ["batches.pause", "batches.cancel"]
        }
    }
}

/// A house where something stands so, and those who work there.
private struct Place {
    let house: House
    let desk: ApprovalDesk
    let id: RecordID

    static func with(_ standing: Standing, _ body: (Place) async throws -> Void) async throws {
        let plugin = try FakePlugin.make(collect: ["resend": ["limit": 1]], pay: ["pause_codes": ["1"]])
        try await House.with(plugin: plugin) { (house) async throws in
            let outcome: ApprovalRule.Outcome = standing == .unconfirmed ? .confirm : .approve
            let asks = [.draft, .unconfirmed, .released].contains(standing)
            let rules = asks ? [ApprovalRule(directions: [.outgoing], outcome: outcome)] : []
            let desk = try await ApprovalDesk(in: house, rules: rules)
            try await body(Place(house: house, desk: desk, id: try await stand(standing, desk)))
        }
    }

    /// Brings something there.
    private static func stand(_ standing: Standing, _ desk: ApprovalDesk) async throws -> RecordID {
        let house = desk.house
        switch standing {
        case .batchWaiting, .batchPaused, .batchRunning, .batchStopped: return try await item(standing, desk)
        case .draft, .unconfirmed: return try #require(await desk.pay().record)
        case .released:
            let reply = await desk.pay()
            #expect(await desk.decide("approve", reply, as: desk.manager) == nil)
            return try #require(reply.record)
        case .created:
            house.upstream.answer(with: ["verdict": "not_processed"])
            return try #require(await house.collect().record)
        case .unknown, .unknownOverdue, .reconciling, .manual: house.upstream.answer { _ in .unknown("cut") }
        case .accepted, .overdue, .calledPaid, .calledFailed: break
        }
        let id = try #require(await house.pay().record)
        house.upstream.answer { _ in .unknown("cut") }
        switch standing {
        case .overdue, .unknownOverdue: house.clock.advance(.seconds(25 * 3_600))
        case .reconciling:
            house.upstream.answer(with: House.pending)
            house.clock.advance(.seconds(61))
            await house.gateway.sweeper.sweep()
        case .manual:
            house.upstream.answer(with: House.accepted)
            house.clock.advance(.seconds(40 * 86_400))
            await house.gateway.sweeper.sweep()
        case .calledPaid:
            try await house.callback(id, says: ["verdict": "failed", "code": "1"])
            try await house.callback(id, says: ["verdict": "succeeded", "code": "0"])
        case .calledFailed:
            try await house.callback(id, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])
            try await house.callback(id, says: ["verdict": "failed", "code": "1"])
        default: break
        }
        if standing == .reconciling { #expect(try await house.record(id).state == .reconciling) }
        if standing == .manual { #expect(try await house.record(id).state == .manual) }
        return id
    }

    private static func item(_ standing: Standing, _ desk: ApprovalDesk) async throws -> RecordID {
        let (house, who) = (desk.house, desk.manager.token)
        _ = await house.batch("b", of: House.payments(2))
        var steps = ["release", "pause", "cancel"][...]
        switch standing {
        case .batchWaiting: steps = []
        case .batchRunning: steps = ["release"]
        case .batchPaused: steps = ["release", "pause"]
        default: break
        }
        for step in steps { #expect(await house.ask("batches." + step, ["id": "b"], as: who).code == nil) }
        return try #require(try await house.items("b").first?.id)
    }

    /// The actions that its explanation names.
    func named() async throws -> Set<String> {
        let id: JSON = ["id": .string("\(id)")]
        let token = try await house.logIn(desk.manager.user)
        let told = await desk.ask("transactions.explain", id, as: token)
        #expect(told.code == nil)
        var names: Set<String> = []
        for text in told.data["can"]?.arrayValue?.compactMap(\.stringValue) ?? [] {
            var group = ""
            for match in text.matches(of: #/([a-z_]*)\.([a-z_]+)/#) {
                if !match.output.1.isEmpty { group = String(match.output.1) }
                names.insert("\(group).\(match.output.2)")
            }
        }
        return names
    }

    /// Does what was named, as whoever may; answers why it is refused.
    func carryOut(_ name: String) async throws -> GatewayError.Code? {
        var arguments: JSONObject = ["id": name.hasPrefix("batches") ? "b" : .string("\(id)")]
        if name == "transactions.resolve" {
            for (member, value): (String, JSON) in [
                ("outcome", "succeeded"), ("receipt", "R1"), ("amount", 100), ("evidence", "statement, line 4"),
            ] { arguments[member] = value }
            arguments["version"] = try await .integer(Int64(house.record(id).version))
        }
        let who =
            name == "transactions.withdraw" ? house.key.text : try await house.logIn(desk.manager.user)
        return await desk.ask(name, .object(arguments), as: who).code
    }
}

struct `What an explanation names` {
    @Test(arguments: Standing.allCases)
    private func `can be done, each of it`(standing: Standing) async throws {
        for way in standing.ways {
            try await Place.with(standing) { (place) async throws in
                #expect(try await place.carryOut(way) == nil, "\(standing): \(way)")
            }
        }
        try await Place.with(standing) { (place) async throws in
            #expect(try await place.named() == standing.ways, "\(standing)")
            guard !standing.ways.contains("transactions.withdraw") else { return }
            #expect(try await place.carryOut("transactions.withdraw") == .conflict, "\(standing)")
        }
    }

    @Test(arguments: Standing.allCases.filter { !$0.ways.contains("transactions.resolve") })
    private func `has no resolution where a person may say nothing`(standing: Standing) async throws {
        try await Place.with(standing) { (place) async throws in
            #expect(try await place.carryOut("transactions.resolve") == .conflict, "\(standing)")
        }
    }

    @Test func `tells what is in the way of a draft, as it is by then`() async throws {
        try await Place.with(.draft) { (place) async throws in
            let house = place.house
            let id: JSON = ["id": .string("\(place.id)")]
            let obstacles = { () async -> String in
                let told = await place.desk.ask("transactions.explain", id, as: place.desk.manager.token)
                return told.data["obstacles"]?.text ?? "none are told"
            }
            #expect(await !obstacles().contains("send nothing now"))
            try await house.suspend(true)
            place.desk.forget()
            #expect(await obstacles().contains("send nothing now"))
            try await house.suspend(false)
            place.desk.forget()
            #expect(await !obstacles().contains("send nothing now"))
            house.registry.withdraw("fake")
            #expect(await obstacles().contains("plugin fake is not loaded"))
        }
    }
}
