import OrderedJSON

/// What the host writes for a plugin: the inputs of docs/abi.md, section 4.
///
/// Written straight to bytes.
package enum PluginDocuments {
    /// Input of `prepare`.
    ///
    /// `arguments` is the caller's object, already valid, and is passed through untouched. `original` is what a reversal
    /// gives back, and how much of it is left, in shillings. `row` is the item's, where the arguments are one of a batch's.
    package static func prepare(
        arguments: [UInt8],
        profile: Profile,
        settings: JSONObject,
        now: Timestamp,
        record: RecordID,
        originator: Identifier,
        original: (record: Record, left: Int64)? = nil,
        row: Int? = nil
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("arguments")
        writer.raw(arguments)
        write(profile, settings: settings, to: &writer)
        writer.key("now_ms")
        writer.integer(now.milliseconds)
        writer.key("ids")
        writer.beginObject()
        writer.key("record")
        writer.string(record.description)
        writer.key("originator")
        writer.string(originator.description)
        writer.endObject()
        if let row {
            writer.key("x-item")
            writer.beginObject()
            writer.key("row")
            writer.integer(Int64(row))
            writer.endObject()
        }
        if let original {
            writer.key("x-original")
            writer.beginObject()
            writer.key("record")
            write(original.record, to: &writer, forPlugin: true)
            writer.key("left")
            writer.integer(original.left)
            writer.endObject()
        }
        writer.endObject()
        return writer.bytes
    }

    /// Input of `interpret`; the raw bytes go beside it.
    ///
    /// An HTTP status belongs to a reply.
    package static func interpret(source: Evidence.Source, status: Int?, record: Record) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("source")
        writer.beginObject()
        writer.key("type")
        switch source {
        case .reply, .query:
            writer.string("reply")
            writer.key("status")
            writer.integer(Int64(status ?? 0))
        case .callback(let name):
            writer.string("callback")
            writer.key("name")
            writer.string(name)
        // What a person says is no bytes, and no plugin's to read.
        case .statement, .person:
            writer.string("statement")
        }
        writer.endObject()
        writer.key("record")
        write(record, to: &writer, forPlugin: true)
        writer.endObject()
        return writer.bytes
    }

    /// Input of `query`.
    package static func query(record: Record, profile: Profile, settings: JSONObject, now: Timestamp) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("record")
        write(record, to: &writer, forPlugin: true)
        write(profile, settings: settings, to: &writer)
        writer.key("now_ms")
        writer.integer(now.milliseconds)
        writer.endObject()
        return writer.bytes
    }

    /// Input of `render`.
    package static func render(record: Record, events: [RecordEvent]) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("record")
        write(record, to: &writer, forPlugin: true)
        writer.key("events")
        writer.beginArray()
        for event in events { write(event, to: &writer, forPlugin: true) }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    private static func write(_ profile: Profile, settings: JSONObject, to writer: inout JSONWriter) {
        writer.key("profile")
        writer.beginObject()
        writer.key("environment")
        writer.string(profile.environment.rawValue)
        writer.key("short_code")
        writer.string(profile.shortCode)
        writer.key("short_code_type")
        // Plugins know two kinds: what only pays out is none that they must tell apart.
        writer.string(profile.shortCodeType == "payout" ? "paybill" : profile.shortCodeType)
        writer.optional("till_number", profile.tillNumber)
        writer.key("organization_name")
        writer.string(profile.organizationName)
        writer.key("settings")
        writer.raw(JSON.object(settings).bytes)
        writer.endObject()
    }
}

extension PluginDocuments {
    /// A record in the form of docs/abi.md, section 2; doors show the same form, with the states of what is held, which
    /// plugins are not told of.
    package static func write(_ record: Record, to writer: inout JSONWriter, forPlugin: Bool = false) {
        writer.beginObject()
        writer.key("id")
        writer.string(record.id.description)
        writer.key("class")
        writer.string(record.recordClass.rawValue)
        writer.key("operation")
        writer.string(record.operation)
        writer.key("tool")
        writer.string(record.tool)
        writer.key("direction")
        writer.string(record.direction.rawValue)
        writer.key("environment")
        writer.string(record.environment.rawValue)
        writer.key("account")
        writer.string(record.accountName.description)
        writer.optional("caller", record.caller?.rawValue)
        writer.key("state")
        writer.string((forPlugin ? record.state.forPlugins : record.state).rawValue)
        writer.key("status")
        writer.string(record.state.status)
        writer.key("version")
        writer.integer(Int64(record.version))
        writeIntent(of: record, to: &writer)
        writeFindings(of: record, to: &writer)
        writeTimes(of: record, to: &writer)
        writer.endObject()
    }

    private static func writeIntent(of record: Record, to writer: inout JSONWriter) {
        if let amount = record.intent.amount {
            writer.key("amount")
            writer.integer(amount.amount)
        }
        writer.optional("party", record.intent.party)
        writer.optional("reference", record.intent.reference)
        writer.optional("description", record.intent.description)
        writer.optional("original", record.intent.original?.description)
        writer.optional("about", record.about?.description)
    }

    private static func writeFindings(of record: Record, to writer: inout JSONWriter) {
        writer.key("external_ids")
        writer.beginObject()
        for name in record.externalIDs.keys.sorted() { writer.optional(name, record.externalIDs[name]) }
        writer.endObject()
        writer.optional("receipt", record.receipt)
        writer.optional("code", record.code)
        writer.optional("meaning", record.meaning)
        writer.optional("whose_move", record.whoseMove)
        writer.optional("charge_again", record.advice)
        writer.key("attempts")
        writer.integer(Int64(record.attempts))
        if let data = record.data {
            writer.key("data")
            writer.raw(data.bytes)
        }
        if record.isDisputed { writeDisputes(of: record, to: &writer) }
        if let resolution = record.resolution {
            writer.key("resolution")
            resolution.write(to: &writer)
        }
        if record.reversedAmount > 0 { writer.optional("reversed_amount", record.reversedAmount) }
    }

    private static func writeDisputes(of record: Record, to writer: inout JSONWriter) {
        writer.key("disputed")
        writer.bool(true)
        writer.key("disputes")
        writer.beginArray()
        for dispute in record.disputes {
            writer.beginObject()
            writer.key("kind")
            writer.string(dispute.kind.rawValue)
            writer.optional("stated", dispute.stated)
            writer.optional("expected", dispute.expected)
            writer.optional("transaction", dispute.other?.description)
            writer.key("text")
            writer.string(dispute.text)
            writer.endObject()
        }
        writer.endArray()
    }

    private static func writeTimes(of record: Record, to writer: inout JSONWriter) {
        writer.key("created_ms")
        writer.integer(record.createdAt.milliseconds)
        writer.optional("sent_ms", record.sentAt?.milliseconds)
        writer.key("updated_ms")
        writer.integer(record.updatedAt.milliseconds)
        writer.optional("ended_ms", record.endedAt?.milliseconds)
    }

    /// One step of a record in the form of docs/abi.md, section 2.
    package static func write(_ event: RecordEvent, to writer: inout JSONWriter, forPlugin: Bool = false) {
        writer.beginObject()
        writer.key("sequence")
        writer.integer(Int64(event.sequence))
        writer.key("at_ms")
        writer.integer(event.at.milliseconds)
        writer.key("source")
        writer.string(event.source)
        writer.optional("verdict", event.verdict)
        writer.optional("code", event.code)
        writer.optional("meaning", event.meaning)
        writer.key("from")
        writer.string((forPlugin ? event.from.forPlugins : event.from).rawValue)
        writer.key("to")
        writer.string((forPlugin ? event.to.forPlugins : event.to).rawValue)
        writer.endObject()
    }
}

extension JSONWriter {
    /// Writes a member when there is a value; absent and null are alike in every document.
    package mutating func optional(_ name: String, _ value: String?) {
        guard let value else { return }
        key(name)
        string(value)
    }

    /// Writes a member when there is a value.
    package mutating func optional(_ name: String, _ value: Int64?) {
        guard let value else { return }
        key(name)
        integer(value)
    }
}

extension PluginDocuments {
    /// What the host itself can say of a record when its plugin cannot: id, state and status.
    package static func outline(of record: Record) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("transaction_id")
        writer.string(record.id.description)
        writer.key("status")
        writer.string(record.state.status)
        writer.key("state")
        writer.string(record.state.rawValue)
        writer.endObject()
        return writer.bytes
    }
}
