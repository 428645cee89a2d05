import OrderedJSON

/// What M-Pesa was seen to send of an operation kind, as its plugin's author recorded it: `x-examples`.
///
/// Nothing that money depends on goes by it: a stub of M-Pesa answers by it while a plugin is tried. See docs/abi.md, 1.6.
package struct RecordedMessage: Sendable, Hashable {
    /// By which way it came.
    package enum Source: Sendable, Hashable {
        /// As the answer to the request, with this status.
        case reply(status: Int)
        /// Posted to the callback of this name.
        case callback(String)
    }

    /// By which way it came.
    package let source: Source
    /// What was sent; a text is what is no JSON.
    package let body: JSON
    /// What it proves; nil where it is not the record's.
    package let verdict: Evidence.Verdict?

    /// States one.
    package init(source: Source, body: JSON, verdict: Evidence.Verdict?) {
        self.source = source
        self.body = body
        self.verdict = verdict
    }

    /// Reads one; nil for what is none, which is told by `plugin check` and keeps no plugin from being loaded.
    package init?(_ example: JSON) {
        guard let body = example["body"] else { return nil }
        let stated = example["source"]
        switch stated?["type"]?.stringValue {
        case "reply":
            let status = stated?["status"]?.integerValue ?? 200
            guard (200...599).contains(status) else { return nil }
            source = .reply(status: Int(status))
        case "callback":
            guard let name = stated?["name"]?.stringValue else { return nil }
            source = .callback(name)
        default: return nil
        }
        self.body = body
        verdict = (example["evidence"]?["verdict"]?.stringValue).flatMap(Evidence.Verdict.init(rawValue:))
    }
}

extension OperationKind {
    /// What a stub answers: the first reply by which the request was taken, and the callback of each name that says it was
    /// done; nil where no such reply was recorded.
    package var recordedCourse: (status: Int, reply: JSON, callbacks: [(pointer: JSONPointer, body: JSON)])? {
        for message in recorded where message.verdict == .accepted || message.verdict == .succeeded {
            guard case .reply(let status) = message.source else { continue }
            let posted = callbacks.compactMap { binding in
                recorded.first { $0.source == .callback(binding.name) && $0.verdict == .succeeded }
                    .map { (binding.pointer, $0.body) }
            }
            return (status, message.body, posted)
        }
        return nil
    }
}
