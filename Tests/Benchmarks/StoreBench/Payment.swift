import Foundation
import Gateway
import OrderedJSON

/// A payment's life, as what the store is given.
struct Payment: Sendable {
    private let record: Record
    private let end: RecordState
    /// Whether the feed tells of its end.
    var isTold = true

    init(of caller: Int, at moment: Timestamp, _ organization: OrganizationID) {
        self.init(
            "2547" + String(UInt64.random(in: 10_000_000...99_999_999)),
            at: moment,
            organization,
            end: .succeeded
        )
    }

    init(_ phone: String, at moment: Timestamp, _ organization: OrganizationID, end: RecordState) {
        self.end = end
        var record = Record(
            id: RecordID(Payment.identifier(moment)),
            organization: organization,
            environment: .live,
            recordClass: .transaction,
            plugin: "stk-push",
            operation: "stk_push",
            tool: "mpesa_stk_push",
            direction: .incoming,
            madeBy: "key:01a2108f-0000-7000-8000-000000000001",
            intent: Intent(amount: Shillings(100), party: phone, reference: "Order 17"),
            about: nil,
            createdAt: moment,
            query: QueryPlan(
                operation: "stk_query",
                firstAfter: .seconds(20),
                every: [.seconds(15), .seconds(60)],
                trustFailureAfter: .seconds(90),
                horizon: .seconds(86_400)
            ),
            sendBefore: moment + .seconds(60),
            account: "174379",
            request: RequestTemplate(
                headers: [:],
                body: [
                    "BusinessShortCode": "174379", "Timestamp": "20261126171300", "Amount": "100",
                    "PartyA": .string(phone),
                    "PartyB": "174379", "PhoneNumber": .string(phone), "AccountReference": "Order 17",
                    "TransactionType": "CustomerPayBillOnline", "TransactionDesc": "Payment",
                    "CallBackURL": .string(
                        "https://gateway.example.org/cb/01a2108f-0000-7000-8000-000000000001/\(phone)"
                    ),
                ]
            )
        )
        record.nextActionAt = moment + .seconds(60)
        record.state = .sending
        record.sentAt = moment
        self.record = record
    }

    private static func identifier(_ moment: Timestamp) -> Identifier {
        Identifier(at: moment, random: (.random(in: 0...UInt64.max), .random(in: 0...UInt64.max)))
    }

    private func line(_ action: String) -> AuditRecord {
        AuditRecord(
            id: Payment.identifier(record.createdAt),
            organization: record.organization,
            at: record.createdAt,
            call: CallID(Payment.identifier(record.createdAt)),
            subject: record.madeBy,
            action: action,
            tool: record.tool,
            door: "rest",
            outcome: .success,
            record: record.id,
            environment: record.environment,
            address: "127.0.0.1"
        )
    }

    private func event(_ number: Int, _ source: String, _ from: RecordState, _ to: RecordState) -> RecordEvent {
        RecordEvent(sequence: number, at: record.createdAt, source: source, from: from, to: to)
    }

    var beginning: NewRecord {
        let phone = record.intent.party ?? ""
        return NewRecord(
            record: record,
            events: [event(1, "commit", .created, .created), event(2, "send", .created, .sending)],
            idempotency: IdempotencyClaim(
                key: "key:\(record.id)",
                fingerprint: [UInt8](repeating: 7, count: 32),
                retention: .seconds(86_400),
                isDerived: false
            ),
            guards: [
                Guard(
                    key: "phone:\(phone):\(record.id)",
                    openMax: 1,
                    window: .seconds(60),
                    code: "conflict",
                    message: ""
                ),
                Guard(
                    key: "repeat:\(phone):100:\(record.id)",
                    openMax: 1,
                    window: .seconds(30),
                    code: "conflict",
                    message: ""
                ),
            ],
            audit: [line("TOOL_CALL")]
        )
    }

    private var taken: Record {
        var record = record
        record.version = 2
        record.state = .accepted
        record.externalIDs = [
            "checkout_request_id": "ws_CO_26112026171300\(record.id)", "merchant_request_id": "29115-\(record.id)",
        ]
        return record
    }

    var accepted: RecordChange {
        RecordChange(record: taken, events: [event(3, "reply", .sending, .accepted)], audit: [line("TOOL_DONE")])
    }

    var callback: ReceivedCallback {
        ReceivedCallback(
            id: CallbackID(record.id.raw),
            organization: record.organization,
            environment: record.environment,
            record: record.id,
            name: "result",
            receivedAt: record.createdAt,
            body: [UInt8](repeating: UInt8(ascii: "x"), count: 480),
            address: "196.201.214.200",
            attempts: 1
        )
    }

    var settled: RecordChange {
        var next = taken
        next.version = 3
        next.state = end
        next.receipt = end == .succeeded ? "R\(record.id)" : nil
        next.endedAt = record.createdAt
        next.countedAt = record.createdAt
        next.nextActionAt = nil
        return RecordChange(
            record: next,
            events: [event(4, "callback", .accepted, end)],
            newIDs: [:],
            audit: [line("CALLBACK")],
            usage: [
                UsageRecord(
                    organization: record.organization,
                    environment: record.environment,
                    tool: record.tool,
                    at: record.createdAt,
                    succeeded: true
                )
            ],
            settledCallback: CallbackID(record.id.raw),
            told: isTold ? [told(next)] : []
        )
    }

    private func told(_ next: Record) -> FeedEvent {
        FeedEvent(
            organization: next.organization,
            id: Payment.identifier(record.createdAt),
            kind: end == .succeeded ? .succeeded : end == .cancelled ? .cancelled : .failed,
            subject: next.id.description,
            version: next.version,
            at: record.createdAt,
            payload: [
                "environment": .string(next.environment.rawValue), "tool": .string(next.tool),
                "operation": .string(next.operation), "direction": .string(next.direction.rawValue),
                "account": .string(next.accountName.description), "source": .string(FeedEvent.ownCalls),
                "made_by": .string(next.madeBy), "state": .string(end.rawValue), "amount": 100,
            ]
        )
    }
}

extension Timestamp {
    static var now: Timestamp { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }
}
