import Daraja
import OrderedJSON
import PluginKit
import Testing

@testable import Reports

private let today = EastAfricaTime.day(ofDate: "2026-11-27") ?? 0

private func period(_ kind: ReportKind, _ from: String, _ to: String? = nil) throws -> Period {
    try Period.ofReport(kind, from: from, to: to, today: today)
}

struct `The days of a report` {
    @Test(arguments: [
        (ReportKind.daily, "2026-11-26", "2026-11-26"), (.weekly, "2026-11-16", "2026-11-22"),
        (.monthly, "2026-11-01", "2026-11-30"), (.monthly, "2024-02-10", "2024-02-29"),
        (.monthly, "2026-12-01", "2026-12-31"),
    ])
    func `end where their kind says`(_ kind: ReportKind, _ from: String, _ to: String) throws {
        #expect(try Period.ofReport(kind, from: from, to: nil, today: today + 31).to == to)
    }

    @Test func `may be stated, at most a year of them`() throws {
        #expect(try period(.custom, "2026-11-10", "2026-11-20").count == 11)
        #expect(try period(.daily, "2025-11-27", "2026-11-27").count == 366)
    }

    @Test(
        arguments: [
            (ReportKind.daily, "2026-11-28", "2026-11-26", "/date_from", "today is 2026-11-27"),
            (.custom, "2026-11-26", "2026-11-25", "/date_to", "2026-11-26 or later"),
            (.custom, "2006-11-26", "2026-11-26", "/date_to", "at most 366 days"),
            (.custom, "2026-02-30", "2026-03-01", "/date_from", "a date of the calendar"),
            (.custom, "2026-11-01", "30.11.2026", "/date_to", "a date of the calendar"),
            (.custom, "2026-11-01", nil, "/date_to", "the last day"),
        ] as [(ReportKind, String, String?, String, String)]
    )
    func `are refused with the name of the one that is wrong`(
        _ kind: ReportKind,
        _ from: String,
        _ to: String?,
        _ field: String,
        _ words: String
    ) throws {
        let refusal = #expect(throws: FunctionFailure.self) { try period(kind, from, to) }

        let expected = FunctionFailure.invalidArgument(field, refusal?.message ?? "")
        #expect(refusal == expected && refusal?.message.contains(words) == true)
    }
}

struct `A history's filter` {
    @Test func `is of money, and of questions only where that is asked for`() throws {
        #expect(try historyFilter([:]).recordClass == "transaction")
        #expect(try historyFilter(["class": "questions"]).recordClass == "exchange")
        #expect(throws: FunctionFailure.self) {
            try historyFilter(["class": "questions", "transaction_type": "B2C"])
        }
    }

    @Test func `takes a phone in every form that people write`() throws {
        for phone in ["0712345678", "+254712345678", "254712345678"] {
            #expect(try historyFilter(["phone_number": .string(phone)]).party == "254712345678")
        }
        #expect(throws: FunctionFailure.self) { try historyFilter(["phone_number": "12"]) }
    }

    /// The seed asked in its server's local time.
    @Test func `has days that begin at midnight in Nairobi (seed's bug 7)`() throws {
        let filter = try historyFilter(["start_date": "2026-11-27", "end_date": "2026-11-27"])

        // 2026-11-26T21:00Z and a day later.
        let midnight: Int64 = 1_795_726_800_000
        #expect(filter.fromMilliseconds == midnight && filter.untilMilliseconds == midnight + 86_400_000)
    }

    @Test(
        arguments: [
            (["start_date": "2026-11-27", "end_date": "2026-11-26"], "/end_date"),
            (["start_date": "2026-13-01"], "/start_date"), (["amount_min": 5, "amount_max": 4], "/amount_max"),
        ] as [(JSON, String)]
    )
    func `is refused with the name of what is wrong`(_ arguments: JSON, _ field: String) throws {
        let refusal = #expect(throws: FunctionFailure.self) { try historyFilter(arguments) }

        #expect(refusal == FunctionFailure.invalidArgument(field, refusal?.message ?? ""))
    }

    /// The seed's column of result codes was a number.
    @Test func `shows M-Pesa's codes as they are (seed's bug 12)`() {
        let record = Record(["id": "1", "state": "failed", "status": "FAILED", "code": "SFC_IC0003", "created_ms": 1])

        #expect(shownInHistory(record)["result_code"] == "SFC_IC0003")
    }
}
