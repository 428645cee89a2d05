import Gateway
import OrderedJSON

/// A record as a row: columns for what is asked for, two JSON texts for the rest, and its events.
///
/// `plan` never changes, `detail` does, `events` grows.
package enum RecordCoding {
    package static let columns = """
        organization_id, record_id, environment, class, plugin, operation, tool, direction, made_by, amount, party,
        reference, created_ms, plan, state, version, receipt, sent_ms, updated_ms, ended_ms, next_action_ms, released_ms,
        held_until_ms, detail
        """
    /// What a record is read of: `columns`, and what tells of one whose texts are damaged.
    package static let selected = columns + ", account_name, batch_id, batch_sequence"
    static let selectedCount = 27

    /// Binds the values of `columns`.
    static func bind(_ record: Record, to row: inout SQLRowBuffer) {
        row.bind(record.organization)
        row.bind(record.id)
        row.bind(record.environment.rawValue)
        row.bind(record.recordClass.rawValue)
        row.bind(record.plugin)
        row.bind(record.operation)
        row.bind(record.tool)
        row.bind(record.direction.rawValue)
        row.bind(record.madeBy)
        row.bind(record.intent.amount?.amount)
        row.bind(record.intent.party)
        row.bind(record.intent.reference)
        row.bind(record.createdAt.milliseconds)
        row.bind(text: plan(record))
        bindChanging(record, to: &row)
    }

    /// Binds the values of `state` to `detail`.
    static func bindChanging(_ record: Record, to row: inout SQLRowBuffer) {
        row.bind(record.state.rawValue)
        row.bind(Int64(record.version))
        row.bind(record.receipt)
        row.bind(record.sentAt?.milliseconds)
        row.bind(record.updatedAt.milliseconds)
        row.bind(record.endedAt?.milliseconds)
        row.bind(record.nextActionAt?.milliseconds)
        row.bind(record.releasedAt?.milliseconds)
        row.bind(record.hold?.until.milliseconds)
        row.bind(text: detail(record))
    }

    private static func plan(_ record: Record) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.optional("description", record.intent.description)
        writer.optional("original", record.intent.original?.description)
        writer.optional("about", record.about?.description)
        writer.key("send_before_ms")
        writer.integer(record.sendBefore.milliseconds)
        if !record.account.isEmpty { writer.optional("account", record.account) }
        if record.accountName != .main { writer.optional("account_name", record.accountName.description) }
        if record.isByAgent {
            writer.key("by_agent")
            writer.bool(true)
        }
        if let query = record.query {
            // As a list: its names would be a third of the plan.
            writer.key("asks")
            writer.beginArray()
            writer.string(query.operation)
            writer.integer(query.firstAfter.wholeMilliseconds)
            writer.beginArray()
            for wait in query.every { writer.integer(wait.wholeMilliseconds) }
            writer.endArray()
            writer.integer(query.trustFailureAfter.wholeMilliseconds)
            writer.integer(query.horizon.wholeMilliseconds)
            writer.endArray()
        }
        if let place = record.batch { write(place, to: &writer) }
        if let hold = record.hold {
            writer.key("arguments")
            writer.value(hold.arguments)
            if let beside = hold.beside {
                writer.key("beside")
                writer.value(beside)
            }
            writer.optional("held_because", hold.reason)
            if let asked = hold.asked { write(asked, to: &writer) }
            if !hold.unmoved.isEmpty {
                writer.key("unmoved")
                writer.beginArray()
                for id in hold.unmoved { writer.string(id.description) }
                writer.endArray()
            }
            if let place = hold.place {
                writer.key("place")
                writer.beginArray()
                for text in [place.shortCode, place.kind] + (place.till.map { [$0] } ?? []) { writer.string(text) }
                writer.endArray()
            }
        } else {
            write(record.request, to: &writer)
        }
        writer.endObject()
        return writer.bytes
    }

    private static func write(_ request: RequestTemplate, to writer: inout JSONWriter) {
        if !request.headers.isEmpty {
            writer.key("headers")
            writer.beginObject()
            for (name, value) in request.headers { writer.optional(name, value) }
            writer.endObject()
        }
        writer.key("body")
        writer.value(request.body)
    }

    /// What was held is made anew when it leaves, so its request changes.
    private static func write(_ hold: Hold, _ request: RequestTemplate, to writer: inout JSONWriter) {
        writer.optional("decided_by", hold.decidedBy)
        writer.optional("withdrawal", hold.withdrawal?.rawValue)
        if hold.unsent > 0 { writer.optional("unsent", Int64(hold.unsent)) }
        writer.optional("used_ms", hold.countedAt?.milliseconds)
        writer.optional("remind_ms", hold.remindAt?.milliseconds)
        if !hold.approvers.isEmpty {
            writer.key("approvers")
            writer.beginArray()
            for who in hold.approvers { writer.string(who) }
            writer.endArray()
        }
        if let confirmation = hold.confirmation {
            writer.key("confirmation")
            writer.value(confirmation.json)
        }
        write(request, to: &writer)
    }

    private static func hold(_ plan: JSON, _ row: any SQLRow) -> Hold? {
        guard let until = row.integer(22) else { return nil }
        var hold = Hold(
            arguments: plan["arguments"] ?? .null,
            reason: plan["held_because"]?.stringValue ?? "",
            until: Timestamp(milliseconds: until)
        )
        hold.beside = plan["beside"]
        hold.asked = plan["asked"].map { asked($0) }
        hold.unmoved = (plan["unmoved"]?.arrayValue ?? []).compactMap { $0.stringValue.flatMap { RecordID($0) } }
        if let place = plan["place"]?.arrayValue?.compactMap(\.stringValue), place.count > 1 {
            hold.place = AccountPlace(shortCode: place[0], kind: place[1], till: place.count > 2 ? place[2] : nil)
        }
        return hold
    }

    private static func detail(_ record: Record) -> [UInt8] {
        var writer = JSONWriter(capacity: 256)
        writer.beginObject()
        if !record.externalIDs.isEmpty {
            writer.key("external_ids")
            writer.beginObject()
            for (name, value) in record.externalIDs { writer.optional(name, value) }
            writer.endObject()
        }
        writer.optional("code", record.code)
        writer.optional("meaning", record.meaning)
        writer.optional("whose_move", record.whoseMove)
        writer.optional("charge_again", record.chargeAgain)
        if let data = record.data {
            writer.key("data")
            writer.value(data)
        }
        if record.attempts > 0 { writer.optional("attempts", Int64(record.attempts)) }
        if let resentAt = record.resentAt { writer.optional("resent_ms", resentAt.milliseconds) }
        if record.queries > 0 { writer.optional("queries", Int64(record.queries)) }
        if record.answers > 0 { writer.optional("answers", Int64(record.answers)) }
        if let month = record.countedIn { writer.optional("counted_in", Int64(month.number)) }
        let flags = [
            ("arrived", record.hasArrived), ("unaskable", record.isUnaskable), ("counted_by_us", record.isCountedByUs),
        ]
        for (name, isSet) in flags where isSet {
            writer.key(name)
            writer.bool(true)
        }
        if let hold = record.hold { write(hold, record.request, to: &writer) }
        if let resend = record.resend { writer.optional("resend", resend.rawValue) }
        // Where it moves on from what the plan says.
        if record.resend != nil || record.hold != nil {
            writer.optional("send_before_ms", record.sendBefore.milliseconds)
        }
        if let countedAt = record.countedAt { writer.optional("counted_ms", countedAt.milliseconds) }
        writer.optional("fee_cents", record.feeCents)
        for (name, disputes) in [("disputes", record.disputes), ("closed_disputes", record.closedDisputes)]
        where !disputes.isEmpty {
            writer.key(name)
            writer.beginArray()
            for dispute in disputes { write(dispute, to: &writer) }
            writer.endArray()
        }
        if let mark = record.limited { write(mark, to: &writer) }
        if let resolution = record.resolution {
            writer.key("resolution")
            resolution.write(to: &writer)
        }
        if !record.reversals.isEmpty {
            writer.key("reversals")
            writer.beginArray()
            for mark in record.reversals { write(mark, to: &writer) }
            writer.endArray()
        }
        writer.endObject()
        return writer.bytes
    }

    private static func write(_ mark: ReversalMark, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.optional("id", mark.id.description)
        writer.optional("amount", mark.amount.amount)
        for (name, isSet) in [("done", mark.isDone), ("called_unmoved", mark.isCalledUnmoved)] where isSet {
            writer.key(name)
            writer.bool(true)
        }
        writer.endObject()
    }

    private static func reversals(_ detail: JSON) -> [ReversalMark] {
        (detail["reversals"]?.arrayValue ?? [])
            .compactMap { item in
                guard let id = item["id"]?.stringValue.flatMap({ RecordID($0) }),
                    let amount = item["amount"]?.integerValue.flatMap({ Shillings($0) })
                else { return nil }
                var mark = ReversalMark(id: id, amount: amount)
                mark.isDone = item["done"] == true
                mark.isCalledUnmoved = item["called_unmoved"] == true
                return mark
            }
    }

    private static func write(_ dispute: Dispute, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.optional("kind", dispute.kind.rawValue)
        writer.optional("stated", dispute.stated)
        writer.optional("expected", dispute.expected)
        writer.optional("other", dispute.other?.description)
        writer.endObject()
    }

    /// The disputes in a row's `detail`; rows of before they were kept only say that there was one.
    static func disputes(_ detail: JSON) -> [Dispute] {
        guard let list = detail["disputes"]?.arrayValue else {
            return detail["disputed"] == true ? [Dispute(.contradiction)] : []
        }
        return list.compactMap(dispute)
    }

    private static func dispute(_ item: JSON) -> Dispute? {
        guard let kind = item["kind"]?.stringValue.flatMap(Dispute.Kind.init(rawValue:)) else { return nil }
        return Dispute(
            kind,
            stated: item["stated"]?.stringValue,
            expected: item["expected"]?.stringValue,
            other: item["other"]?.stringValue.flatMap { RecordID($0) }
        )
    }

    /// Reads a row of `selected`.
    ///
    /// One whose texts are damaged is what its columns say, and is marked: it keeps no other from being read.
    package static func record(_ row: any SQLRow) throws -> Record {
        func word<Word: RawRepresentable>(_ column: Int, _: Word.Type) throws -> Word where Word.RawValue == String {
            guard let word = row.text(column).flatMap(Word.init(rawValue:)) else { throw damaged(column) }
            return word
        }
        guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
            let id = row.text(1).flatMap({ RecordID($0) })
        else { throw damaged(0) }
        let (parsed, detail) = (object(row.text(13)), object(row.text(23)))
        let plan = parsed ?? .null
        let words = try Self.words(of: row)
        var record = Record(
            id: id,
            organization: organization,
            environment: try word(2, Environment.self),
            recordClass: words.recordClass ?? .transaction,
            plugin: row.text(4) ?? "",
            operation: row.text(5) ?? "",
            tool: row.text(6) ?? "",
            direction: words.direction ?? .outgoing,
            madeBy: row.text(8) ?? "",
            intent: Intent(
                amount: row.integer(9).flatMap { Shillings($0) },
                party: row.text(10),
                reference: row.text(11),
                description: plan["description"]?.stringValue,
                original: plan["original"]?.stringValue.flatMap { RecordID($0) }
            ),
            about: plan["about"]?.stringValue.flatMap { RecordID($0) },
            createdAt: Timestamp(milliseconds: row.integer(12) ?? 0),
            query: query(plan),
            sendBefore: Timestamp(milliseconds: plan["send_before_ms"]?.integerValue ?? 0),
            account: plan["account"]?.stringValue ?? "",
            accountName: row.text(24).flatMap { AccountName($0) } ?? .main,
            request: RequestTemplate(headers: texts(plan["headers"]), body: plan["body"] ?? .null),
            state: words.state ?? .manual
        )
        record.isByAgent = plan["by_agent"]?.boolValue ?? false
        record.batch = place(plan["batch"]) ?? place(row)
        readChanging(row, into: &record)
        record.hold = hold(plan, row)
        readDetail(detail ?? .null, into: &record)
        let lacks = record.batch != nil && plan["batch"] == nil || record.hold != nil && plan["arguments"] == nil
        record.isDamaged = parsed == nil || detail == nil || lacks || !words.areWhole || !hasNumbers(row)
        return record
    }

    private static func object(_ text: String?) -> JSON? {
        guard let found = try? JSON(parsing: text ?? ""), found.objectValue != nil else { return nil }
        return found
    }

    private static func readChanging(_ row: any SQLRow, into record: inout Record) {
        record.version = Int(row.integer(15) ?? 0)
        record.receipt = row.text(16)
        record.sentAt = row.integer(17).map { Timestamp(milliseconds: $0) }
        record.updatedAt = Timestamp(milliseconds: row.integer(18) ?? 0)
        record.endedAt = row.integer(19).map { Timestamp(milliseconds: $0) }
        record.nextActionAt = row.integer(20).map { Timestamp(milliseconds: $0) }
        record.releasedAt = row.integer(21).map { Timestamp(milliseconds: $0) }
    }

    private static func readDetail(_ detail: JSON, into record: inout Record) {
        record.externalIDs = texts(detail["external_ids"])
        record.code = detail["code"]?.stringValue
        record.meaning = detail["meaning"]?.stringValue
        record.whoseMove = detail["whose_move"]?.stringValue
        record.chargeAgain = detail["charge_again"]?.stringValue
        record.data = detail["data"]
        record.attempts = Int(detail["attempts"]?.integerValue ?? 0)
        record.resentAt = detail["resent_ms"]?.integerValue.map { Timestamp(milliseconds: $0) }
        record.queries = Int(detail["queries"]?.integerValue ?? 0)
        record.answers = Int(detail["answers"]?.integerValue ?? 0)
        record.countedIn = detail["counted_in"]?.integerValue.flatMap { Month(number: Int($0)) }
        record.isUnaskable = detail["unaskable"]?.boolValue ?? false
        record.hasArrived = detail["arrived"]?.boolValue ?? false
        record.resend = detail["resend"]?.stringValue.flatMap(Evidence.Verdict.init(rawValue:))
        if let moved = detail["send_before_ms"]?.integerValue { record.sendBefore = Timestamp(milliseconds: moved) }
        if record.hold != nil {
            record.hold?.decidedBy = detail["decided_by"]?.stringValue
            record.hold?.withdrawal = detail["withdrawal"]?.stringValue.flatMap(Hold.Withdrawal.init(rawValue:))
            record.hold?.unsent = Int(detail["unsent"]?.integerValue ?? 0)
            record.hold?.remindAt = detail["remind_ms"]?.integerValue.map { Timestamp(milliseconds: $0) }
            record.hold?.approvers = (detail["approvers"]?.arrayValue ?? []).compactMap(\.stringValue)
            record.hold?.confirmation = Hold.Confirmation(detail["confirmation"])
            record.hold?.countedAt = detail["used_ms"]?.integerValue.map { Timestamp(milliseconds: $0) }
            record.request = RequestTemplate(headers: texts(detail["headers"]), body: detail["body"] ?? .null)
        }
        record.countedAt = detail["counted_ms"]?.integerValue.map { Timestamp(milliseconds: $0) }
        record.feeCents = detail["fee_cents"]?.integerValue
        record.isCountedByUs = detail["counted_by_us"] == true
        record.disputes = disputes(detail)
        record.closedDisputes = detail["closed_disputes"]?.arrayValue?.compactMap(dispute) ?? []
        record.reversals = reversals(detail)
        record.resolution = Resolution(detail["resolution"])
        record.limited = limited(detail)
    }

    private static func query(_ plan: JSON) -> QueryPlan? {
        guard let asks = plan["asks"]?.arrayValue else { return namedQuery(plan["query"]) }
        guard asks.count == 5, let operation = asks[0].stringValue else { return nil }
        let milliseconds = { (place: Int) in Duration.milliseconds(asks[place].integerValue ?? 0) }
        return QueryPlan(
            operation: operation,
            firstAfter: milliseconds(1),
            every: (asks[2].arrayValue ?? []).compactMap { $0.integerValue.map { .milliseconds($0) } },
            trustFailureAfter: milliseconds(3),
            horizon: milliseconds(4)
        )
    }

    /// As rows of before 2026-11-27 have it.
    private static func namedQuery(_ query: JSON?) -> QueryPlan? {
        guard let query, let operation = query["operation"]?.stringValue else { return nil }
        let milliseconds = { (name: String) in Duration.milliseconds(query[name]?.integerValue ?? 0) }
        return QueryPlan(
            operation: operation,
            firstAfter: milliseconds("first_after_ms"),
            every: (query["every_ms"]?.arrayValue ?? []).compactMap { $0.integerValue.map { .milliseconds($0) } },
            trustFailureAfter: milliseconds("trust_failure_after_ms"),
            horizon: milliseconds("horizon_ms")
        )
    }

    private static func texts(_ object: JSON?) -> [String: String] {
        var texts: [String: String] = [:]
        for (name, value) in object?.objectValue ?? JSONObject() { texts[name] = value.stringValue }
        return texts
    }
}
