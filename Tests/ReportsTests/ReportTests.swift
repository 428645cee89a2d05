import JSONSchema
import OrderedJSON
import PluginKit
import Testing

@testable import Reports

private func row(_ members: JSONObject, _ transactions: Int64, _ amount: Int64, fees: (Int64, Int64) = (0, 0)) -> JSON {
    var row = members
    row["transactions"] = .integer(transactions)
    row["amount"] = .integer(amount)
    row["fee_cents"] = .integer(fees.0)
    row["fees_stated"] = .integer(fees.1)
    return .object(row)
}

private func ends(_ direction: String, _ state: String, _ status: String) -> JSONObject {
    ["direction": .string(direction), "state": .string(state), "status": .string(status)]
}

private let states = [
    row(ends("in", "succeeded", "SUCCESS"), 3, 350), row(ends("in", "reversed", "REVERSED"), 1, 100),
    row(ends("in", "failed", "FAILED"), 2, 80), row(ends("in", "expired", "CANCELLED"), 1, 10),
    row(ends("out", "succeeded", "SUCCESS"), 2, 60, fees: (2_240, 1)),
    row(ends("out", "withdrawn", "CANCELLED"), 4, 999),
    row(ends("reverse", "succeeded", "SUCCESS"), 1, 100, fees: (0, 1)),
]

/// A report of these sums, each part of which has all of them.
private func report(open: [JSON] = [], asOf: Int64 = 1_795_800_000_000) throws -> JSON {
    let named = { (name: String, value: String) in
        JSON.array(
            states.map { row in
                guard case .object(var members) = row else { return row }
                members[name] = .string(value)
                return .object(members)
            }
        )
    }
    let sums = TransactionSums([
        "balances": [
            [
                "account": "main", "name": "Utility Account", "currency": "KES", "current_cents": 12_050,
                "available_cents": 12_000, "reserved_cents": 0, "uncleared_cents": 50, "at_ms": 5, "age_s": 9,
            ]
        ],
        "as_of_ms": .integer(asOf), "position": "p14", "late": 2, "open": .array(open),
        "groups": [
            .array(states), named("tool", "mpesa_stk_push"), named("account", "main"),
            named("made_by", "key:k1"), named("day", "2026-11-26"), named("hour", "09"),
        ],
    ])
    let period = try Period.ofReport(.daily, from: "2026-11-26", to: nil, today: 20_784)
    return .object(Report(kind: .daily, period: period, sums: sums).document)
}

struct `A report` {
    @Test func `sums up what ended, each way by itself`() throws {
        let report = try report()

        let summary = report["summary"]
        #expect(summary?["successful_count"] == 7 && summary?["successful_amount"] == 610)
        #expect(summary?["failed_count"] == 2 && summary?["cancelled_count"] == 1 && summary?["withdrawn_count"] == 4)
        #expect(summary?["reversed_count"] == 1 && summary?["reversed_amount"] == 100)
        #expect(report["money"]?["in"] == ["count": 4, "amount": 450])
        #expect(report["money"]?["net"] == .integer(450 - 60 - 100))
    }

    @Test func `counts what was never sent neither as failed nor against its success`() throws {
        // Seven of ten that were sent.
        #expect(try report()["summary"]?["success_rate"] == .number(0.7))
    }

    @Test func `tells fees where M-Pesa states them, and of how many`() throws {
        #expect(try report()["fees"] == ["cents": 2_240, "stated_for": 2, "of": 7])
    }

    @Test func `says what is open, how old it is, and how far its reader was`() throws {
        let open: JSON = [
            "state": "manual", "direction": "out", "tool": "mpesa_b2c_payment", "account": "main", "transactions": 2,
            "amount": 70, "oldest_ms": 5, "oldest_age_ms": 90_500,
        ]

        let report = try report(open: [open])

        #expect(report["open"]?[0]?["transaction_type"] == "B2C" && report["open"]?[0]?["oldest_age_s"] == 90)
        #expect(report["summary"]?["pending_count"] == 2 && report["summary"]?["total_transactions"] == 16)
        #expect(report["reader"] == ["counted_to": "p14", "events_behind": 2])
    }

    @Test func `says what the accounts held, to whom that is told`() throws {
        #expect(try report()["balances"]?[0]?["available_cents"] == 12_000)

        let period = try Period.ofReport(.daily, from: "2026-11-26", to: nil, today: 20_784)
        let document = Report(kind: .daily, period: period, sums: TransactionSums(["groups": []])).document
        #expect(document["balances"] == nil)
    }

    @Test func `adds up in every part`() throws {
        let report = try report()

        for part in ["by_type", "by_account", "by_key", "by_hour", "daily_breakdown"] {
            let rows = report[part]?.arrayValue ?? []
            let total = { (name: String) in rows.reduce(0) { $0 + ($1[name]?.integerValue ?? 0) } }
            #expect(total("amount_in") == 450 && total("amount_out") == 60 && total("amount_given_back") == 100)
            #expect(rows.count == 1, "\(part)")
            for name in ["successful_count", "failed_count", "cancelled_count", "withdrawn_count"] {
                #expect(report["summary"]?[name] == .integer(total(name)), "\(part)")
            }
        }
        #expect(report["by_user"] == [] && report["by_key"]?[0]?["key_id"] == "k1")
        #expect(report["by_type"]?[0]?["transaction_type"] == "STK_PUSH")
    }

    @Test func `is of its schema, with sums and without`() throws {
        let schema = try JSONSchema(compiling: reportSchema)
        let empty = TransactionSums(["groups": []])
        let period = try Period.ofReport(.daily, from: "2026-11-26", to: nil, today: 20_784)
        let nothing = JSON.object(Report(kind: .custom, period: period, sums: empty).document)

        for document in [try report(), nothing] {
            #expect(schema.violations(in: document).isEmpty, "\(schema.violations(in: document))")
        }
    }

    @Test func `bears the time in Nairobi (seed's bug 7)`() {
        #expect(Report.written(1_795_726_800_000) == "2026-11-27T00:00:00+03:00")
    }
}

struct `A report's file` {
    @Test func `has a row for each sum`() throws {
        let text = ReportFile.text(of: try report())

        #expect(text.contains("by_type,STK_PUSH,14,7,2,1,4,450,60,100,0.7\r\n"))
        #expect(text.contains("daily_breakdown,2026-11-26,14,"))
        #expect(text.contains("balances,main Utility Account available_cents,12000\r\n"))
    }

    @Test(arguments: [
        ("=1+1", "'=1+1"), ("+254", "'+254"), ("-5", "-5"), ("-A1", "'-A1"), ("@x", "'@x"), ("a,b", "\"a,b\""),
        ("say \"x\"", "\"say \"\"x\"\"\""), ("two\r\nlines", "two lines"), ("\t=x", "'\t=x"), ("", ""),
    ])
    func `has no cell that a spreadsheet takes for a formula`(_ text: String, _ cell: String) {
        #expect(CSV.cell(text) == cell)
    }
}

struct `A report that is kept` {
    @Test func `is opened as a spreadsheet by a link to what the host keeps`() {
        let links = StoredFile.link(to: "r1", named: "report.xlsx")
        #expect(links.map { $0["uri"] } == ["/reports/r1/file?format=xlsx"] && links[0]["name"] == "report.xlsx")
        #expect(StoredFile.link(to: nil, named: "report.xlsx").isEmpty)
    }

    @Test func `says how many batches were made of payments to many, and of no others`() throws {
        let sums = TransactionSums([
            "groups": [],
            "batches": [
                ["tool": "mpesa_bulk_payment", "batches": 3], ["tool": "another_tool", "batches": 5],
            ],
        ])
        let period = try Period.ofReport(.daily, from: "2026-11-26", to: nil, today: 20_784)
        let report = Report(kind: .daily, period: period, sums: sums).document
        #expect(report["bulk_payments"]?["total_batches"] == 3)

        let uncounted = Report(kind: .daily, period: period, sums: TransactionSums(["groups": []])).document
        #expect(uncounted["bulk_payments"]?["total_batches"] == nil)
        #expect(uncounted["bulk_payments"]?["total_recipients"] == 0)
    }

    private func made(task: String?) -> MadeReport {
        MadeReport(kind: .daily, period: Period(first: 20_784, last: 20_784), position: "p", task: task)
    }

    @Test func `is kept by its task, which may make it again, and else as often as it is made`() {
        let wish = made(task: "t").wish(of: ["a": 1])
        #expect(wish["key"] == "t" && wish["kind"] == "DAILY" && wish["document"] == ["a": 1])
        #expect(made(task: nil).wish(of: ["a": 1])["key"] == nil)
    }

    @Test func `is answered as the host keeps it, which may be as an earlier attempt made it`() {
        let made = made(task: "t")
        let kept: JSON = ["report_id": "r", "corrections": .null]
        let answer = made.document(of: ["a": 2], keptAs: kept)
        #expect(answer["a"] == 2 && answer["report_id"] == "r")
        let earlier: JSON = ["report_id": "r", "document": ["a": 1, "report_id": "r"]]
        #expect(JSON.object(made.document(of: ["a": 2], keptAs: earlier)) == ["a": 1, "report_id": "r"])
    }
}
