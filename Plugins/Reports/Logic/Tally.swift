import OrderedJSON

/// Rows of sums, counted by how their transactions ended.
struct Tally: Sendable, Hashable {
    var count: Int64 = 0
    var succeeded: Int64 = 0
    var succeededAmount: Int64 = 0
    var failed: Int64 = 0
    var cancelled: Int64 = 0
    /// Held, and never sent: no failure.
    var withdrawn: Int64 = 0
    var reversed: Int64 = 0
    var reversedAmount: Int64 = 0
    var openAmount: Int64 = 0
    var feeCents: Int64 = 0
    var feesStated: Int64 = 0
    /// What moved, by direction.
    private var amounts: [String: Int64] = [:]

    init() {}

    init(_ rows: [JSON]) { for row in rows { add(row) } }

    /// Adds a row that tells direction and status apart.
    mutating func add(_ row: JSON) {
        let number = { (name: String) in row[name]?.integerValue ?? 0 }
        let (transactions, amount) = (number("transactions"), number("amount"))
        count += transactions
        feeCents += number("fee_cents")
        feesStated += number("fees_stated")
        switch row["status"]?.stringValue {
        case "SUCCESS":
            succeeded += transactions
            succeededAmount += amount
            amounts[row["direction"]?.stringValue ?? "", default: 0] += amount
        case "REVERSED":
            reversed += transactions
            reversedAmount += amount
            amounts[row["direction"]?.stringValue ?? "", default: 0] += amount
        case "FAILED": failed += transactions
        default:
            if row["state"]?.stringValue == "withdrawn" { withdrawn += transactions } else { cancelled += transactions }
        }
    }

    /// Adds a row of what has not ended.
    mutating func addOpen(_ row: JSON) {
        count += row["transactions"]?.integerValue ?? 0
        openAmount += row["amount"]?.integerValue ?? 0
    }

    /// What moved, whatever went back later.
    var movedAmount: Int64 { succeededAmount + reversedAmount }

    /// How many of those that were sent moved their money, of 1; null where nothing was.
    var rate: JSON {
        let sent = count - withdrawn
        guard sent > 0 else { return .null }
        return .number((Double(succeeded + reversed) / Double(sent) * 10_000).rounded() / 10_000)
    }

    var moved: JSON { ["count": .integer(succeeded + reversed), "amount": .integer(movedAmount)] }

    /// As a row of a report.
    var document: JSONObject {
        [
            "count": .integer(count), "successful_count": .integer(succeeded + reversed),
            "failed_count": .integer(failed), "cancelled_count": .integer(cancelled),
            "withdrawn_count": .integer(withdrawn),
            "amount_in": .integer(amounts["in"] ?? 0), "amount_out": .integer(amounts["out"] ?? 0),
            "amount_given_back": .integer(amounts["reverse"] ?? 0), "success_rate": rate,
        ]
    }
}
