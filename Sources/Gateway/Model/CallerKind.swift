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
    /// with a key that is marked as an agent's is one by every door. So is one with a log-in that was ever shown at the
    /// door of MCP, and one with a token of an issuer, which is issued for that door: whoever has them could choose another.
    package func kind(at door: Door) -> CallerKind {
        if let isAgent = rules?.isAgent { return isAgent ? .agent : .machine }
        if door == .mcp || issued != nil || logIn?.isAgents ?? false { return .agent }
        return isPerson ? .person : .machine
    }

    /// Refuses a log-in that is an agent's, where a person is asked for: whoever has given a program their token has not
    /// given it their word.
    ///
    /// - Throws: `permissionDenied`.
    func checkIsInPerson() throws(GatewayError) {
        guard logIn?.isAgents ?? false else { return }
        throw GatewayError(
            .permissionDenied,
            """
            A program has called by MCP with this very log-in, so it is an agent's. This needs a person: log in anew, and give \
            that token to no program.
            """
        )
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
