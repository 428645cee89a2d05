import Gateway
import GatewayTesting
import OrderedJSON
import Testing

extension House {
    private static let grants: Catalogue.Needs = {
        var grants = Catalogue.Needs()
        grants.services = ["transactions", "x-reports", "exports"]
        return grants
    }()

    /// Asks the host as a plugin does that serves a call of this key's.
    func service(
        _ name: String,
        _ body: JSON,
        as other: APIKeyText? = nil,
        inTask: Bool = false
    ) async throws -> JSON {
        let principal = try await gateway.authenticate.principal(
            for: .token((other ?? key).text),
            environment: nil,
            address: nil,
            at: .rest
        )
        return try await gateway.services.answer(
            ServiceRequest(
                service: name,
                body: body,
                plugin: "reports",
                grants: House.grants,
                principal: principal,
                isOfTask: inTask
            )
        )
    }

    /// A payment that M-Pesa says was made; at that moment, where it says so.
    @discardableResult
    func paid(
        phone: String,
        amount: Int64 = 100,
        receipt: String,
        at moment: Timestamp? = nil,
        fee: Int64? = nil
    ) async throws -> RecordID {
        let reply = await collect(phone: phone, amount: amount)
        let id = try #require(reply.record)
        try await callback(id, says: Self.success(amount, receipt, at: moment, fee: fee))
        return id
    }

    static func success(
        _ amount: Int64,
        _ receipt: String,
        at moment: Timestamp? = nil,
        fee: Int64? = nil
    ) -> JSON {
        var said: JSONObject = ["verdict": "succeeded", "receipt": .string(receipt), "amount": .integer(amount)]
        said["x-completed_ms"] = moment.map { .integer($0.milliseconds) }
        said["x-fee_cents"] = fee.map { .integer($0) }
        return .object(said)
    }

    var today: String { NairobiDay.text(RollupPlace.day(of: clock.now)) }

    func sums(_ days: (String, String)? = nil, by group: [String]) async throws -> [JSON] {
        try await gateway.rollups.catchUp()
        let answer = try await service(
            "x-transaction.aggregate",
            [
                "from": .string(days?.0 ?? today), "to": .string(days?.1 ?? today),
                "groups": [.array(group.map { .string($0) })],
            ]
        )
        return answer["groups"]?[0]?.arrayValue ?? []
    }

    /// Has a report kept of these days, else of today.
    func keepReport(
        _ kind: String = "DAILY",
        of days: (String, String)? = nil,
        as other: APIKeyText? = nil,
        key: String? = nil
    ) async throws -> JSON {
        let (from, to) = (JSON.string(days?.0 ?? today), JSON.string(days?.1 ?? today))
        let answer = try await service(
            "x-transaction.aggregate",
            ["from": from, "to": to, "groups": [["state"]]],
            as: other
        )
        var wish: JSONObject = [
            "kind": .string(kind), "from": from, "to": to, "position": answer["position"] ?? "",
            "document": ["states": answer["groups"]?[0] ?? .null],
        ]
        wish["key"] = key.map { .string($0) }
        return try await service("x-report.keep", .object(wish), as: other)
    }
}
