/// The call behind a held record, made again of what was kept: who asked, whether they still may, and what the plugin
/// would send now.
///
/// It is asked when the record is let go and when it is about to be sent. Whatever speaks against it once and for all
/// withdraws it; everything else may pass.
struct HeldCalls: Sendable {
    let operations: Operations
    let authenticate: Authenticate
    let registry: ToolRegistry

    /// Why a held record cannot leave.
    enum Obstacle: Error {
        /// It never will.
        case never(String)
        /// It may later.
        case notNow(GatewayError)
    }

    /// A call that may leave now.
    struct Ready: Sendable {
        let work: Dispatch.Work
        let kind: OperationKind
        let planned: Operations.Planned
    }

    /// Makes the call again, and does something with it; its generation is not retired before that is done.
    func ready<Answer>(
        _ record: Record,
        _ use: (Ready) async throws(GatewayError) -> Answer
    ) async throws(Obstacle) -> Answer {
        let (membership, maker) = try await standing(record)
        let entry = try entry(for: record)
        defer { entry.plugin.calls.end(hasFailed: false) }
        try Self.check(maker, of: record, entry, membership)
        if record.isDamaged { throw .never(Settlement.damaged) }
        guard case .operation(let index) = entry.tool.kind, let hold = record.hold else {
            throw .never("\(record.tool) is another tool by now.")
        }
        let call = ToolCall(
            id: CallID(record.id.raw),
            door: .rest,
            credential: .none,
            tool: record.tool,
            arguments: hold.arguments,
            account: record.accountName
        )
        let work = Dispatch.Work(
            call: call,
            entry: entry,
            principal: maker,
            membership: membership,
            arguments: hold.arguments,
            reservation: nil,
            quota: nil,
            begun: nil,
            mayGoOn: {},
            held: record.id,
            batch: record.batch
        )
        let kind = entry.plugin.operations[index]
        let planned = try await passing { () async throws(GatewayError) in
            try await operations.plan(work, kind: kind)
        }
        if let difference = planned.record.difference(from: record, at: planned.place) { throw .never(difference) }
        return try await passing { () async throws(GatewayError) in
            try await use(Ready(work: work, kind: kind, planned: planned))
        }
    }

    /// Why a held record will never leave, by what the host knows of its maker and its tool; nil where it may.
    ///
    /// Its plugin is not asked. What is suspended, stopped or not loaded may leave later.
    /// - Throws: as the store does.
    func whyLapsed(_ record: Record) async throws(GatewayError) -> String? {
        let known: (membership: DirectoryCache.Membership, maker: Principal)
        do throws(Obstacle) { known = try await standing(record) } catch {
            switch error {
            case .never(let reason): return reason
            case .notNow(let error):
                if error.code == .unavailable { throw error }
                return nil
            }
        }
        do throws(Obstacle) {
            let live = registry.snapshot.live(record.plugin)
            let entry = try entry(for: record)
            defer { entry.plugin.calls.end(hasFailed: false) }
            // What a version on trial asks for may be taken back with it.
            guard live == nil || entry.plugin === live else { return nil }
            try Self.check(known.maker, of: record, entry, known.membership)
            return nil
        } catch {
            if case .never(let reason) = error { return reason }
            return nil
        }
    }

    /// Whose it is and who asked for it, where nothing speaks against them.
    private func standing(
        _ record: Record
    ) async throws(Obstacle) -> (membership: DirectoryCache.Membership, maker: Principal) {
        let membership = try await passing { () async throws(GatewayError) in
            try await operations.directory.membership(of: record.organization)
        }
        guard membership.organization.isActive else { throw .never("The organization has been closed.") }
        if let refusal = membership.organization.refusal(at: operations.directory.now) { throw .notNow(refusal) }
        let maker = try await passing { () async throws(GatewayError) in
            try await authenticate.inForce(record.madeBy, of: record.organization, in: record.environment)
        }
        guard let maker else { throw .never("Whoever asked for it may do nothing any more.") }
        try await check(membership.organization.approvals, record)
        return (membership, maker)
    }

    private static func check(
        _ maker: Principal,
        of record: Record,
        _ entry: ToolRegistry.Entry,
        _ membership: DirectoryCache.Membership
    ) throws(Obstacle) {
        do throws(GatewayError) { try Authorize.check(entry.tool, principal: maker, membership: membership) } catch {
            throw .never("Whoever asked for it may not use \(record.tool) any more.")
        }
        // A batch is asked about as a whole.
        guard entry.tool.needsApproval, record.batch == nil else { return }
        if record.hold?.asked?.isConfirmation ?? true {
            throw .never("\(record.tool) has others agree to what it moves by now, and nobody was asked.")
        }
    }

    /// What is stopped waits; what somebody has approved who may not any more does not leave.
    private func check(_ policy: ApprovalPolicy, _ record: Record) async throws(Obstacle) {
        let now = operations.directory.now
        let refusal = policy.refusal(tool: record.tool, madeBy: record.madeBy, record.caller, at: now)
        if let refusal { throw .notNow(refusal) }
        let doubt = try await passing { () async throws(GatewayError) in try await authenticate.doubt(about: record) }
        if let doubt { throw .never(doubt) }
    }

    private func passing<Answer>(
        _ work: () async throws(GatewayError) -> Answer
    ) async throws(Obstacle) -> Answer {
        do throws(GatewayError) { return try await work() } catch {
            switch error.code {
            case .invalidArgument, .notSupported, .notFound, .permissionDenied: throw .never(error.message)
            default: throw .notNow(error)
            }
        }
    }

    /// The tool and a generation that is counted in.
    private func entry(for record: Record) throws(Obstacle) -> ToolRegistry.Entry {
        while true {
            let snapshot = registry.snapshot
            let id = CallID(record.id.raw)
            guard let entry = snapshot.entry(record.tool, organization: record.organization, call: id) else {
                // A plugin that is not there at all may be loaded yet.
                guard snapshot.live(record.plugin) == nil else { throw .never("\(record.tool) is gone.") }
                throw .notNow(GatewayError(.unavailable, "\(record.tool) is not loaded now.", retryAfter: .seconds(5)))
            }
            if entry.plugin.calls.begin() { return entry }
        }
    }
}

extension Record {
    /// What makes it another payment than the one that was held; nil when it is the same.
    ///
    /// - Parameter place: What its account is now, which may be set up otherwise than when it was asked for.
    fileprivate func difference(from held: Record, at place: AccountPlace) -> String? {
        let differs: [(String, Bool)] = [
            ("plugin", plugin != held.plugin), ("operation", operation != held.operation),
            ("amount", intent.amount != held.intent.amount), ("receiver", intent.party != held.intent.party),
            ("reference", intent.reference != held.intent.reference),
            ("original", intent.original != held.intent.original), ("short code", account != held.account),
            ("account", accountName != held.accountName), ("till", held.hold?.place.map { $0 != place } ?? false),
        ]
        guard let found = differs.first(where: { $0.1 }) else { return nil }
        return "It would be another payment by now: its \(found.0) has changed."
    }
}
