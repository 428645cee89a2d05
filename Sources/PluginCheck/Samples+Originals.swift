import Gateway
import OrderedJSON

/// What a host finds for a reversal before it asks for a plan.
extension Samples {
    /// The transaction that reversals are of.
    static let originalID = RecordID(Identifier(high: 7, low: 10))

    /// Payments that a kind may give back, each with what is left of it; none where the kind names them nowhere.
    ///
    /// The first is an ordinary one. Of the others nothing is left, or little is known.
    static func originals(of kind: OperationKind) -> [(record: Record, left: Int64)] {
        guard kind.direction == .reverse, kind.original != nil else { return [] }
        var untouched = payment()
        untouched.receipt = "NLJ7RT61SV"
        untouched.externalIDs = ["checkout_request_id": "ws_CO_1", "merchant_request_id": "1-2-3"]
        return [(partlyReversed(untouched), 60), (untouched, 100), (partlyReversed(untouched), 0), (payment(), 100)]
    }

    /// The same record once 40 of it have been given back.
    static func partlyReversed(_ record: Record) -> Record {
        guard let part = Shillings(40) else { return record }
        var record = record
        var mark = ReversalMark(id: RecordID(Identifier(high: 7, low: 11)), amount: part)
        mark.isDone = true
        record.reversals = [mark]
        return record
    }

    private static func payment() -> Record {
        Record(
            id: originalID,
            organization: OrganizationID(Identifier(high: 1, low: 1)),
            environment: .test,
            recordClass: .transaction,
            plugin: "payments",
            operation: "payment",
            tool: "payment",
            direction: .incoming,
            madeBy: "host",
            intent: Intent(amount: Shillings(100), party: "254712345678", reference: "INV-1", description: "Invoice 1"),
            about: nil,
            createdAt: moment,
            query: nil,
            sendBefore: moment,
            request: RequestTemplate(body: [:]),
            state: .succeeded
        )
    }
}
