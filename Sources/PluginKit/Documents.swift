import OrderedJSON

/// The documents of docs/abi.md, section 4, read and written in one place.
enum Documents {
    static func prepareInput(_ json: JSON) -> PrepareInput {
        PrepareInput(
            arguments: json["arguments"] ?? .null,
            profile: Profile(json["profile"] ?? .null),
            nowMilliseconds: json["now_ms"]?.integerValue ?? 0,
            recordID: json["ids"]?["record"]?.stringValue ?? "",
            originatorID: json["ids"]?["originator"]?.stringValue ?? "",
            original: Original(json["x-original"]),
            row: json["x-item"]?["row"]?.integerValue.map { Int($0) }
        )
    }

    static func source(_ json: JSON) -> Source {
        switch json["type"]?.stringValue {
        case "callback": .callback(json["name"]?.stringValue ?? "")
        case "statement": .statement
        default: .reply(status: Int(json["status"]?.integerValue ?? 0))
        }
    }

    static func write(_ refusal: Refusal, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("refusal")
        writer.beginObject()
        member("code", refusal.code, &writer)
        member("field", refusal.field, &writer)
        member("message", refusal.message, &writer)
        writer.endObject()
        writer.endObject()
    }

    static func write(_ plan: OperationPlan, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("plan")
        writer.beginObject()
        writer.key("intent")
        writer.beginObject()
        member("amount", plan.amount, &writer)
        member("party", plan.party, &writer)
        member("reference", plan.reference, &writer)
        member("description", plan.description, &writer)
        writer.key("guards")
        writer.beginArray()
        for rule in plan.guards {
            writer.beginObject()
            member("key", rule.key, &writer)
            member("open_max", Int64(rule.openMax), &writer)
            member("window_ms", rule.windowMilliseconds, &writer)
            member("message", rule.message, &writer)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        writeRequest(plan.body, to: &writer)
        writer.endObject()
        writer.endObject()
    }

    static func writeQuery(_ body: JSON?, to writer: inout JSONWriter) {
        writer.beginObject()
        if let body {
            writer.key("plan")
            writer.beginObject()
            writeRequest(body, to: &writer)
            writer.endObject()
        } else {
            writer.key("none")
            writer.bool(true)
        }
        writer.endObject()
    }

    private static func writeRequest(_ body: JSON, to writer: inout JSONWriter) {
        writer.key("request")
        writer.beginObject()
        writer.key("headers")
        writer.beginObject()
        writer.endObject()
        writer.key("body")
        writer.value(body)
        writer.endObject()
    }

    static func write(_ evidence: Evidence?, to writer: inout JSONWriter) {
        writer.beginObject()
        if let evidence {
            writer.key("evidence")
            writer.beginObject()
            member("verdict", evidence.verdict.rawValue, &writer)
            writer.key("external_ids")
            writer.beginObject()
            for name in evidence.externalIDs.keys.sorted() { member(name, evidence.externalIDs[name], &writer) }
            writer.endObject()
            member("receipt", evidence.receipt, &writer)
            member("code", evidence.code, &writer)
            member("meaning", evidence.meaning, &writer)
            member("whose_move", evidence.whoseMove, &writer)
            member("charge_again", evidence.chargeAgain, &writer)
            member("amount", evidence.amount, &writer)
            member("amount_text", evidence.amountText, &writer)
            member("party", evidence.party, &writer)
            member("retry_after_ms", evidence.retryAfterMilliseconds, &writer)
            member("x-completed_ms", evidence.completedMilliseconds, &writer)
            member("x-fee_cents", evidence.feeCents, &writer)
            if !evidence.balances.isEmpty {
                writer.key("x-balances")
                writer.value(.array(evidence.balances.map(\.document)))
            }
            if let data = evidence.data {
                writer.key("data")
                writer.value(data)
            }
            writer.endObject()
        } else {
            writer.key("not_mine")
            writer.bool(true)
        }
        writer.endObject()
    }

    private static func member(_ name: String, _ value: String?, _ writer: inout JSONWriter) {
        guard let value else { return }
        writer.key(name)
        writer.string(value)
    }

    private static func member(_ name: String, _ value: Int64?, _ writer: inout JSONWriter) {
        guard let value else { return }
        writer.key(name)
        writer.integer(value)
    }
}
