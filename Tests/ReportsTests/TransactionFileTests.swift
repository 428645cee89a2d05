import Daraja
import OrderedJSON
import PluginKit
import Testing

@testable import Reports

struct `A report that takes longer than a call` {
    private func wish(_ arguments: JSON, _ to: String) throws -> TaskWish {
        let today = EastAfricaTime.day(ofDate: "2026-11-27") ?? 0
        return TaskWish(arguments, try Period.ofReport(.custom, from: "2026-01-01", to: to, today: today))
    }

    @Test func `goes on as a task where its caller says so, or where there are many days`() throws {
        #expect(try wish(["as_task": true], "2026-01-01").isLong)
        #expect(try !wish([:], "2026-04-02").isLong && wish([:], "2026-04-03").isLong)
        #expect(try !wish(["as_task": false], "2026-12-31").isLong)
    }

    @Test func `goes on as a task for a file of its transactions, whatever its caller says`() throws {
        let asked = try wish(["transactions": true, "as_task": false], "2026-01-01")

        #expect(asked.isLong && asked.isWithTransactions)
        #expect(try !wish(["transactions": false], "2026-01-01").isWithTransactions)
    }

    @Test func `has its transactions in lines that are safe to open`() {
        let record = Record([
            "id": "1", "state": "succeeded", "status": "SUCCESS", "operation": "stk_push", "direction": "in",
            "account": "main", "amount": 100, "party": "254712345678", "reference": "=1+1", "description": "a,\"b\"",
            "receipt": "NLJ7RT61SV", "created_ms": 5, "ended_ms": 9, "disputed": true,
        ])

        let line = TransactionLines.line(3, record)

        let (begin, end) = ("3,1,5,SUCCESS,succeeded,STK_PUSH,in,main,100,,254712345678,", "NLJ7RT61SV,,,,9,yes\r\n")
        #expect(line == begin + "'=1+1,\"a,\"\"b\"\"\"," + end)
        // One comma stands in a cell.
        let cells = line.split(separator: ",", omittingEmptySubsequences: false).count - 1
        #expect(TransactionLines.header.split(separator: ",").count == cells)
    }
}
