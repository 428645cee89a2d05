import Gateway
import OrderedJSON

/// Whom a rule asks, as it is kept with what is held.
extension RecordCoding {
    static func write(_ asked: Hold.Asked, to writer: inout JSONWriter) {
        writer.key("asked")
        writer.beginObject()
        writer.optional("role", asked.role.rawValue)
        writer.optional("count", Int64(asked.count))
        let marks = [
            ("new_receiver", asked.isNewReceiver), ("confirm", asked.isConfirmation), ("tool", asked.isOfTool),
            ("there", asked.isAskedThere),
        ]
        for (name, isSo) in marks where isSo {
            writer.key(name)
            writer.bool(true)
        }
        writer.optional("session", asked.session?.description)
        writer.optional("bearer", asked.bearer)
        if let people = asked.people {
            writer.key("people")
            writer.value(.object(people.json))
        }
        writer.endObject()
    }

    static func asked(_ kept: JSON) -> Hold.Asked {
        Hold.Asked(
            // What cannot be read must not let money out.
            role: kept["role"]?.stringValue.flatMap(Role.init(rawValue:)) ?? .superAdmin,
            count: Int(kept["count"]?.integerValue ?? 1),
            isNewReceiver: kept["new_receiver"] == true,
            people: kept["people"].map { Approvers($0, within: .zero) ?? .nobody },
            isConfirmation: kept["confirm"] == true,
            isOfTool: kept["tool"] == true,
            isAskedThere: kept["there"] == true,
            session: kept["session"]?.stringValue.flatMap { Identifier($0) },
            bearer: kept["bearer"]?.stringValue
        )
    }
}
