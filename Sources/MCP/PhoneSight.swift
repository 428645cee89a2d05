import Gateway
import OrderedJSON

/// What of phones a caller is shown.
struct PhoneSight: Sendable {
    /// So many of a call's own phones are shown again.
    static let ownMax = 16

    /// The caller's own message: a phone that its arguments name is no secret.
    let message: Message
    var fields = PhoneFields()

    /// What a call says is shown as it is but for phones; nil where there is none to hide.
    func masked(_ sent: [UInt8]) -> [UInt8]? {
        let (stated, hasEscapedDigits) = PhoneMask.search(sent, fields)
        // A plugin's own JSON may have them: it is written anew, without.
        if hasEscapedDigits, let plain = try? JSON(parsing: sent) { return masked(plain.bytes) }
        let ids = PhoneMask.endsOfIDs(in: sent)
        guard !stated.isEmpty || !ids.isEmpty else { return nil }
        let phones = ids.isEmpty ? stated : (stated + ids).sorted { $0.place.lowerBound < $1.place.lowerBound }
        // What the call is about, and the id that it is answered by; not whatever else came with it: a list of guesses
        // would be told which are right. Numbers count as well.
        let about = [message.id] + ["arguments", "uri", "taskId"].compactMap { message.params[$0] }
        let own = JSON.array(about).bytes
        let all = PhoneMask.phones(in: own, fields: fields, takesNumbers: true) + PhoneMask.endsOfIDs(in: own)
        let known = Set(all.prefix(PhoneSight.ownMax).map { PhoneMask.tail(of: own[$0.place]) })
        let hidden = phones.filter { !known.contains(PhoneMask.tail(of: sent[$0.place])) }
        return hidden.isEmpty ? nil : PhoneMask.masking(hidden, in: sent)
    }

    /// A text as it is shown.
    func shown(_ text: String) -> String {
        guard let masked = masked(JSON.string(text).bytes) else { return text }
        return (try? JSON(parsing: masked))?.stringValue ?? text
    }
}

extension MCPServer {
    /// Whether a message's answer may show what others have said: lists of what there is show nobody's phone.
    static func tells(_ message: Message) -> Bool {
        [
            "tools/call", "resources/read", "prompts/get", "completion/complete", "tasks/get", "tasks/update",
            "tasks/cancel",
        ]
        .contains(message.method)
    }

    /// What of phones is shown to whoever sent a message.
    func phoneSight(of exchange: Exchange) -> PhoneSight {
        PhoneSight(message: exchange.message, fields: PhoneFields(registry: registry))
    }

    /// Whether a message's credential has the scope that shows phones; not where nobody can say.
    func showsPhones(to known: Recognized) async -> Bool {
        do throws(GatewayError) { return try await pipeline.standing(of: known).principal.showsPhones } catch {
            return false
        }
    }
}

extension Principal {
    /// Whether a model that acts for it may read phones.
    var showsPhones: Bool { scopes?.contains(PhoneMask.scope) ?? false }
}
