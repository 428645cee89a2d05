import Cryptography
import Gateway
import OrderedJSON

/// A batch as a row: columns for what is asked for and what changes, a JSON text for what never does.
package enum BatchCoding {
    package static let columns = """
        organization_id, batch_id, environment, state, version, content, created_ms, until_ms, ended_ms, detail,
        decided_by, released_by, reason, withdrawal, approvers, next_ms, looked, strikes
        """

    /// The values of `columns`.
    static func values(_ batch: Batch) -> [SQLValue] {
        [
            .text(batch.organization.description), .text(batch.id.description), .text(batch.environment.rawValue),
            .text(batch.state.rawValue), .integer(Int64(batch.version)), .bytes(batch.content),
            .integer(batch.createdAt.milliseconds), .integer(batch.until.milliseconds),
            .optional(batch.endedAt?.milliseconds), .text(detail(batch)), .optional(batch.decidedBy),
            .optional(batch.releasedBy), .optional(batch.reason), .optional(batch.withdrawal?.rawValue),
            .optional(approvers(batch)), .integer(batch.nextAt.milliseconds),
            .optional(looked(batch)), .optional(strikes(batch)),
        ]
    }

    /// When its rows were last asked about, and which were confirmed then; nil where they were not.
    static func looked(_ batch: Batch) -> String? {
        batch.looked.map { looked in
            (["\(looked.at.milliseconds)"] + looked.rows.sorted().map { "\($0)" }).joined(separator: " ")
        }
    }

    private static func looked(_ text: String) -> Batch.Looked? {
        let numbers = text.split(separator: " ").compactMap { Int64($0) }
        return numbers.first.map { at in
            Batch.Looked(at: Timestamp(milliseconds: at), rows: Set(numbers.dropFirst().map { Int($0) }))
        }
    }

    /// Which rows were taken out of it; nil for none.
    static func strikes(_ batch: Batch) -> String? {
        guard !batch.strikes.isEmpty else { return nil }
        let all = batch.strikes.map { strike -> JSON in
            [
                "by": .string(strike.by), "at_ms": .integer(strike.at.milliseconds), "reason": .string(strike.reason),
                "rows": .integer(Int64(strike.rows)), "amount": .integer(strike.amount),
            ]
        }
        return JSON.array(all).text
    }

    private static func strikes(_ text: String) -> [Batch.Strike] {
        ((try? JSON(parsing: text))?.arrayValue ?? [])
            .map { strike in
                Batch.Strike(
                    by: strike["by"]?.stringValue ?? "",
                    at: Timestamp(milliseconds: strike["at_ms"]?.integerValue ?? 0),
                    reason: strike["reason"]?.stringValue ?? "",
                    rows: Int(strike["rows"]?.integerValue ?? 0),
                    amount: strike["amount"]?.integerValue ?? 0
                )
            }
    }

    /// Who has agreed; nil for nobody.
    static func approvers(_ batch: Batch) -> String? {
        batch.approvers.isEmpty ? nil : batch.approvers.joined(separator: " ")
    }

    private static func detail(_ batch: Batch) -> String {
        var detail: JSONObject = [
            "tool": .string(batch.tool), "account": .string(batch.accountName.description),
            "name": .string(batch.name), "made_by": .string(batch.madeBy), "by_agent": .bool(batch.isByAgent),
            "digest": .string(Hexadecimal.encode(batch.digest)), "items": .integer(Int64(batch.itemsMade)),
            "total": .integer(batch.totalMade), "confirmed": .integer(Int64(batch.confirmedRows)),
            "releaser": .string(batch.releaser.rawValue),
        ]
        detail["session"] = batch.session.map { .string($0.description) }
        detail["not_before_ms"] = batch.notBefore.map { .integer($0.milliseconds) }
        detail["repeats"] = batch.repeats.map { .string($0.description) }
        detail["retry_of"] = batch.retryOf.map { .string($0.description) }
        detail["held_because"] = batch.heldBecause.map { .string($0) }
        if let asked = batch.asked {
            detail["asked_role"] = .string(asked.role.rawValue)
            detail["asked_count"] = .integer(Int64(asked.count))
            detail["asked_people"] = asked.people.map { .object($0.json) }
        }
        return JSON.object(detail).text
    }

    /// By what tool, for which account and by whom one was made, of its `detail`; nil where that cannot be read.
    static func making(_ detail: String) -> (tool: String, account: AccountName, madeBy: String)? {
        guard let detail = try? JSON(parsing: detail), let tool = detail["tool"]?.stringValue else { return nil }
        let account = detail["account"]?.stringValue.flatMap { AccountName($0) } ?? .main
        return (tool, account, detail["made_by"]?.stringValue ?? "")
    }

    /// Reads a row of `columns`.
    package static func batch(_ row: any SQLRow) throws -> Batch {
        let detail = try JSON(parsing: row.text(9) ?? "")
        guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
            let id = row.text(1).flatMap({ BatchID($0) }),
            let environment = row.text(2).flatMap(Environment.init(rawValue:)),
            let state = row.text(3).flatMap(BatchState.init(rawValue:)),
            let releaser = detail["releaser"]?.stringValue.flatMap(BatchReleaser.init(rawValue:))
        else { throw SQLError(message: "a batch's row is damaged") }
        let text = { (name: String) in detail[name]?.stringValue ?? "" }
        let whole = { (name: String) in detail[name]?.integerValue ?? 0 }
        let asked = Role(rawValue: text("asked_role"))
            .map { role in
                let people = detail["asked_people"].map { Approvers($0, within: .zero) ?? .nobody }
                return Hold.Asked(role: role, count: Int(whole("asked_count")), people: people)
            }
        var batch = Batch(
            id: id,
            organization: organization,
            environment: environment,
            tool: text("tool"),
            accountName: AccountName(text("account")) ?? .main,
            name: text("name"),
            madeBy: text("made_by"),
            isByAgent: detail["by_agent"] == true,
            createdAt: Timestamp(milliseconds: row.integer(6) ?? 0),
            digest: Hexadecimal.decode(text("digest")) ?? [],
            content: row.bytes(5) ?? [],
            items: Int(whole("items")),
            total: whole("total"),
            notBefore: detail["not_before_ms"]?.integerValue.map { Timestamp(milliseconds: $0) },
            confirmedRows: Int(whole("confirmed")),
            repeats: detail["repeats"]?.stringValue.flatMap { BatchID($0) },
            releaser: releaser,
            heldBecause: detail["held_because"]?.stringValue,
            asked: asked,
            state: state,
            until: Timestamp(milliseconds: row.integer(7) ?? 0)
        )
        batch.session = detail["session"]?.stringValue.flatMap { Identifier($0) }
        batch.retryOf = detail["retry_of"]?.stringValue.flatMap { BatchID($0) }
        batch.version = Int(row.integer(4) ?? 0)
        batch.endedAt = row.integer(8).map { Timestamp(milliseconds: $0) }
        batch.decidedBy = row.text(10)
        batch.releasedBy = row.text(11)
        batch.reason = row.text(12)
        batch.withdrawal = row.text(13).flatMap(Hold.Withdrawal.init(rawValue:))
        // What is next of one that waits is its reminder, as long as that is not its end.
        let next = row.integer(15).map { Timestamp(milliseconds: $0) }
        if batch.isWaiting, let next, next < batch.until { batch.remindAt = next }
        batch.looked = row.text(16).flatMap(looked)
        batch.strikes = row.text(17).map(strikes) ?? []
        batch.approvers = (row.text(14) ?? "").split(separator: " ").map(String.init)
        return batch
    }
}
