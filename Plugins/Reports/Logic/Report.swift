import Daraja
import OrderedJSON
import PluginKit

/// What a report says, made of sums alone: pure, so that the same sums give the same report.
struct Report {
    /// The ways in which the sums are asked for; `Part` names their places.
    static let groups: [[String]] = [
        [], ["tool"], ["account"], ["made_by"], ["day"], ["hour"],
    ]
    .map { $0 + ["direction", "state", "status"] }

    /// Where each way stands.
    private enum Part: Int {
        case states, tools, accounts, makers, days, hours
    }

    let kind: ReportKind
    let period: Period
    let sums: TransactionSums

    private func rows(_ part: Part) -> [JSON] {
        sums.groups.indices.contains(part.rawValue) ? sums.groups[part.rawValue] : []
    }

    private var today: Int64 { EastAfricaTime.day(milliseconds: sums.asOfMilliseconds) }

    /// The whole of it.
    var document: JSONObject {
        let states = rows(.states)
        var document: JSONObject = [
            "report_type": .string(kind.rawValue), "period": .string("\(period.from) to \(period.to)"),
            "date_from": .string(period.from), "date_to": .string(period.to),
            "is_period_over": .bool(period.last < today),
            "generated_at": .string(Report.written(sums.asOfMilliseconds)),
            "as_of_ms": .integer(sums.asOfMilliseconds), "reader": reader, "summary": summary(states),
            "money": money(states),
        ]
        document["fees"] = fees(states)
        document["by_type"] = .array(byType)
        document["by_account"] = .array(told(rows(.accounts), by: "account"))
        document["by_user"] = .array(makers("user:", "user_id"))
        document["by_key"] = .array(makers("key:", "key_id"))
        document["by_hour"] = .array(told(rows(.hours), by: "hour"))
        document["daily_breakdown"] = .array(days)
        document["bulk_payments"] = bulk
        document["open"] = open
        document["balances"] = sums.balances.map { .array($0.map(Report.balance)) }
        document["not_seen"] = .array(Report.notSeen.map { .string($0) })
        return document
    }

    /// What no sum of the gateway's holds.
    static let notSeen = [
        "Payments that customers made to the short code without this gateway asking for them, and payouts made elsewhere.",
        "Fees that M-Pesa does not state with a payment: see fees.stated_for.",
        "What is open has no end yet and is in no sum but that of what is open, whatever its day.",
        "Money that a person moved in the M-Pesa portal, such as between Working and Utility accounts.",
    ]

    private var reader: JSON {
        ["counted_to": .string(sums.position), "events_behind": .integer(sums.late)]
    }

    // MARK: Sums

    private func summary(_ states: [JSON]) -> JSON {
        let ended = Tally(states)
        let pending = sums.open.reduce(into: Tally()) { $0.addOpen($1) }
        return [
            "total_transactions": .integer(ended.count + pending.count),
            "successful_count": .integer(ended.succeeded + ended.reversed),
            "successful_amount": .integer(ended.movedAmount),
            "failed_count": .integer(ended.failed), "cancelled_count": .integer(ended.cancelled),
            "withdrawn_count": .integer(ended.withdrawn), "reversed_count": .integer(ended.reversed),
            "reversed_amount": .integer(ended.reversedAmount), "pending_count": .integer(pending.count),
            "pending_amount": .integer(pending.openAmount), "success_rate": ended.rate,
        ]
    }

    /// What moved, each way by itself: what was paid and went back later came in all the same.
    private func money(_ states: [JSON]) -> JSON {
        let moved = { (direction: String) -> Tally in
            Tally(states.filter { $0["direction"]?.stringValue == direction })
        }
        let (into, out, back) = (moved("in"), moved("out"), moved("reverse"))
        return [
            "in": into.moved, "out": out.moved, "given_back": back.moved,
            "net": .integer(into.movedAmount - out.movedAmount - back.movedAmount),
        ]
    }

    private func fees(_ states: [JSON]) -> JSON {
        let moved = Tally(states)
        return [
            "cents": .integer(moved.feeCents), "stated_for": .integer(moved.feesStated),
            "of": .integer(moved.succeeded + moved.reversed),
        ]
    }

    private var byType: [JSON] {
        var tallies: [String: Tally] = [:]
        for row in rows(.tools) {
            tallies[TransactionType.name(ofTool: row["tool"]?.stringValue ?? ""), default: Tally()].add(row)
        }
        return tallies.sorted { $0.key < $1.key }
            .map { name, tally in
                var document: JSONObject = [
                    "transaction_type": .string(name), "total_amount": .integer(tally.movedAmount),
                ]
                for (member, value) in tally.document { document[member] = value }
                return .object(document)
            }
    }

    /// Sums by one member, in its order.
    private func told(_ rows: [JSON], by member: String) -> [JSON] {
        var tallies: [String: Tally] = [:]
        for row in rows { tallies[row[member]?.stringValue ?? "", default: Tally()].add(row) }
        return tallies.sorted { $0.key < $1.key }
            .map { name, tally in
                var document: JSONObject = [member: .string(name)]
                for (member, value) in tally.document { document[member] = value }
                return .object(document)
            }
    }

    private func makers(_ prefix: String, _ member: String) -> [JSON] {
        told(rows(.makers).filter { $0["made_by"]?.stringValue?.hasPrefix(prefix) ?? false }, by: "made_by")
            .map { row in
                guard case .object(var document) = row, let name = document["made_by"]?.stringValue else { return row }
                document["made_by"] = nil
                document[member] = .string(String(name.dropFirst(prefix.count)))
                return .object(document)
            }
    }

    private var days: [JSON] {
        told(rows(.days), by: "day")
            .map { row in
                guard case .object(var document) = row else { return row }
                document["date"] = document["day"]
                document["day"] = nil
                document["transaction_count"] = document["count"]
                document["count"] = nil
                let amounts = ["amount_in", "amount_out", "amount_given_back"].compactMap { document[$0]?.integerValue }
                document["daily_amount"] = .integer(amounts.reduce(0, +))
                return .object(document)
            }
    }

    private var bulk: JSON {
        let tally = Tally(rows(.tools).filter { $0["tool"]?.stringValue == TransactionType.bulkTool })
        var bulk: JSONObject = [
            "total_recipients": .integer(tally.count), "total_bulk_amount": .integer(tally.movedAmount),
        ]
        // Left out where nobody counted them.
        if let made = sums.batches {
            let ours = made.first { $0["tool"]?.stringValue == TransactionType.bulkTool }
            bulk["total_batches"] = ours?["batches"] ?? 0
        }
        return .object(bulk)
    }

    private var open: JSON {
        let all = sums.open.map { row -> JSON in
            [
                "state": row["state"] ?? "", "direction": row["direction"] ?? "", "account": row["account"] ?? "",
                "transaction_type": .string(TransactionType.name(ofTool: row["tool"]?.stringValue ?? "")),
                "count": row["transactions"] ?? 0, "amount": row["amount"] ?? 0,
                "oldest_at_ms": row["oldest_ms"] ?? 0,
                "oldest_age_s": .integer((row["oldest_age_ms"]?.integerValue ?? 0) / 1000),
            ]
        }
        return .array(all)
    }

    /// What is said of each account's balance.
    static let balanceMembers = ["current_cents", "available_cents", "reserved_cents", "uncleared_cents", "at_ms"]

    private static func balance(_ row: JSON) -> JSON {
        var document: JSONObject = [
            "account": row["account"] ?? "", "name": row["name"] ?? "", "currency": row["currency"] ?? "",
        ]
        for name in balanceMembers { document[name] = row[name] ?? 0 }
        return .object(document)
    }

    /// A moment as people in Nairobi write it.
    static func written(_ milliseconds: Int64) -> String {
        let digits = EastAfricaTime.timestamp(milliseconds: milliseconds).map(String.init)
        guard digits.count == 14 else { return "" }
        let date = digits[0..<4].joined() + "-" + digits[4..<6].joined() + "-" + digits[6..<8].joined()
        return date + "T" + digits[8..<10].joined() + ":" + digits[10..<12].joined() + ":" + digits[12..<14].joined()
            + "+03:00"
    }
}
