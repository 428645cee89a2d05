import Gateway
import GatewayTesting
import OrderedJSON
import Store
import Testing

struct `A look-up` {
    @Test func `reads a transaction and its steps by one statement, by whichever id`() async throws {
        let statements = StatementCounts()
        var settings = StoreSettings()
        settings.statements = statements
        try await House.with(settings: settings) { (house) async throws in
            let paid = try await house.record(await house.collect())
            let theirs = try #require(paid.externalIDs["fake_id"], "\(paid.externalIDs)")
            _ = await house.call("fake_collect_status", ["id": .string(theirs)])
            _ = statements.take()

            for id in [theirs, paid.id.description] {
                let said = await house.call("fake_collect_status", ["id": .string(id)])
                #expect(said.record == paid.id, "\(said.result)")
                let run = statements.take().filter { !$0.key.contains("configuration") }
                #expect(run.values.reduce(0, +) == 1, "\(run)")
            }
            let none = await house.call("fake_collect_status", ["id": "nothing"])
            #expect(none.record == nil && !none.isSuccess)
            #expect(statements.take().values.reduce(0, +) == 1)
        }
    }
}
