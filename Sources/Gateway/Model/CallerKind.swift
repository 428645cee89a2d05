import OrderedJSON

/// What kind of caller makes a call: by it rules ask for a person, and audit, usage and records tell calls apart.
package enum CallerKind: String, Sendable, Hashable, CaseIterable {
    /// Somebody who logged in.
    case person
    /// A program that does what it was written to do.
    case machine
    /// A program that decides for itself, such as a model.
    case agent
}

extension Principal {
    /// What kind of caller this is at a door: the one place that decides it.
    ///
    /// A call by MCP is an agent's, a person's token included, unless an administrator marked the key otherwise; a call
    /// with a key that is marked as an agent's is one by every door.
    package func kind(at door: Door) -> CallerKind {
        if let isAgent = rules?.isAgent { return isAgent ? .agent : .machine }
        if door == .mcp { return .agent }
        return isPerson ? .person : .machine
    }

    /// Whether it is somebody who logged in, and no key.
    private var isPerson: Bool { if case .user = subject { true } else { false } }
}

extension AuditRecord {
    /// The member of `detail` by which a line says that an agent called; all others are told by their subject.
    package static let callerMember = "$caller"

    /// What kind of caller a line is of; nil where nobody called, such as of what M-Pesa told.
    package var caller: CallerKind? {
        if let detail, detail.contains(AuditRecord.callerMember),
            let told = (try? JSON(parsing: detail))?[AuditRecord.callerMember]?.stringValue
        {
            return CallerKind(rawValue: told)
        }
        if subject.hasPrefix("user:") { return .person }
        return subject.hasPrefix("key:") ? .machine : nil
    }
}

extension Record {
    /// What kind of caller asked for it; nil for what the host does of itself.
    package var caller: CallerKind? {
        if isByAgent { return .agent }
        if madeBy.hasPrefix("user:") { return .person }
        return madeBy.hasPrefix("key:") ? .machine : nil
    }
}
