/// What a reply says in words beside the tool's output: the same at every door, whatever the plugin shows.
extension ToolReply {
    /// A sentence or two: where the call's record stands, and what contradicts it.
    ///
    /// Never says accepted of what was not, nor done of what is not.
    package var sentence: String {
        guard let dispute = note?.dispute else { return standing }
        return standing + " Look at it before anything else is done: " + dispute
    }

    /// What is said of a call that was made before; nil when this is a new one.
    package var replaySentence: String? {
        guard isReplayed else { return nil }
        let when = note.map { " of " + ToolReply.timeOfDay($0.begunAt) } ?? ""
        if tool?.task != nil { return "This is what the same call\(when) began; nothing new was begun." }
        return "This is the payment\(when); nothing was sent now."
    }

    private var standing: String {
        if let replaySentence { return replaySentence + " It is shown as it stands." }
        switch state {
        case .succeeded: return "Succeeded."
        case .accepted: return "Accepted, and not ended yet: ask for the status."
        case .draft: return "Held, and nothing was sent: a person must approve or confirm it first."
        case .released: return "People have let it leave; it is about to be sent: ask for the status."
        case .withdrawn: return "Withdrawn, and nothing was sent."
        case .created, .sending: return "Being sent, and not ended yet: ask for the status."
        case .unknown, .reconciling: return "It is not known yet whether M-Pesa took it: ask for the status."
        case .manual: return "M-Pesa stated no outcome, and a person must look: ask for the status."
        default: return "Done."
        }
    }

    /// Hours and minutes in Nairobi, with the date.
    private static func timeOfDay(_ moment: Timestamp) -> String {
        // East Africa Time is UTC+3 all year.
        let text = (moment + .seconds(3 * 3600)).description
        return "\(text.dropFirst(11).prefix(5)) (\(text.prefix(10)), Nairobi)"
    }
}
