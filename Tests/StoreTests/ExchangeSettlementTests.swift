import OrderedJSON
import Testing

@testable import Gateway
@testable import Store

struct `A question's answer` {
    private func question(about transaction: Record) -> Record {
        var exchange = Record(
            id: RecordID(newID()),
            organization: ours,
            environment: .test,
            recordClass: .exchange,
            plugin: "b2c",
            operation: "payout_query",
            tool: "",
            direction: .none,
            madeBy: "host",
            intent: Intent(),
            about: transaction.id,
            createdAt: moment,
            query: nil,
            sendBefore: moment + .seconds(60),
            request: RequestTemplate(body: [:]),
            state: .sending
        )
        exchange.attempts = 1
        exchange.sentAt = moment
        return exchange
    }

    @Test func `that meets the commit of its own question's reply is applied all the same`() async throws {
        try await withEachStore { (store) async throws in
            let settlement = makeSettlement(store)
            let transaction = makeRecord()
            _ = try await store.commit(NewRecord(record: transaction))
            let accepted = advanced(transaction, to: .accepted)
            _ = try await store.apply([accepted])
            let exchange = question(about: transaction)
            _ = try await store.commit(NewRecord(record: exchange))
            // The reply is committed between the callback's reading of the exchange and its own commit.
            _ = try await settlement.settle(exchange) { _ in .evidence(Evidence(.accepted), .reply) }

            let settled = try await settlement.settle(
                exchange: exchange,
                about: accepted.record,
                evidence: Evidence(.succeeded, receipt: "R1", code: "0", amount: Shillings(100)),
                from: .callback("result")
            )

            #expect(settled.hasChanged && settled.record.state == .succeeded)
            let asked = try await store.record(exchange.id, organization: ours, environment: .test)
            #expect(asked?.state == .succeeded)
        }
    }
}
