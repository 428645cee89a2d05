import OrderedJSON

/// The one way of every call, whatever door it came in by.
///
/// The order, and why:
///  1. authenticate      nothing is told to, or counted for, somebody unknown
///  2. admit             an organization that may not call is refused before its tools are looked at
///  3. authorize         an unknown tool and a forbidden one look alike to whoever may not see it
///  4. limit rate        before any work that costs, after it is known whose limit it is
///     count quota       of what only reads: what moves money counts in its own commit
///     limit concurrency a tool that is slow for one organization leaves places to the others
///  5. validate          nothing below ever sees arguments that are not what the schema says
///  6. reserve or replay a repeat is answered from its record, whatever below would refuse it now
///  7. require approval  of exactly the arguments that were validated
///  8. dispatch          the plugin decides, Operations acts
/// Audit and usage wrap all of it (`RecordCall`), so that a refusal leaves a line too; whoever is refused again and again
/// waits for the next answer (`PaceRefusals`).
package final class Pipeline: Sendable {
    private let registry: ToolRegistry
    let authenticate: Authenticate
    let admit: AdmitOrganization
    let authority: Authority
    private let directory: DirectoryCache
    let limit: LimitRate
    let quotas: Quotas?
    let concurrency = LimitConcurrency()
    private let reserve: ReserveIdempotent
    let once: ReserveAction
    private let dispatch: Dispatch
    let record: RecordCall
    let pace: PaceRefusals
    /// Who sees which tools.
    package let views: ToolViews
    private let actionViews = ActionViews()

    /// Puts the stages together.
    init(
        registry: ToolRegistry,
        authenticate: Authenticate,
        admit: AdmitOrganization,
        authority: Authority,
        directory: DirectoryCache,
        limit: LimitRate,
        quotas: Quotas? = nil,
        reserve: ReserveIdempotent,
        once: ReserveAction,
        dispatch: Dispatch,
        record: RecordCall,
        pace: PaceRefusals
    ) {
        self.registry = registry
        views = ToolViews(registry: registry)
        self.authenticate = authenticate
        self.admit = admit
        self.authority = authority
        self.directory = directory
        self.limit = limit
        self.quotas = quotas
        self.reserve = reserve
        self.once = once
        self.dispatch = dispatch
        self.record = record
        self.pace = pace
    }

    /// Serves one call.
    ///
    /// Never throws: a refusal is a reply too.
    package func serve(_ call: ToolCall) async -> ToolReply {
        var ending = RecordCall.Ending(call)
        var rate: RateDecision?
        do throws(GatewayError) {
            var reply = try await run(call, ending: &ending, rate: &rate)
            reply.place = ending.place
            // A money call's lines were committed with its transaction; a reply must not be lost for the last one.
            do throws(GatewayError) { try record.end(ending, error: nil) } catch {
                if ending.tool?.annotations.movesMoney != true { throw error }
            }
            return reply
        } catch {
            var error = error
            do throws(GatewayError) { try await record.end(refused: ending, error: error) } catch let lost {
                // What is told of money that was sent must not be lost for a line.
                if error.record == nil || ending.tool?.annotations.movesMoney != true { error = lost }
            }
            await turn(of: error, ending)
            // A tool that the caller may not know of is left out of the answer as one that there is not.
            let tool = error.code == .notFound && ending.isHidden ? nil : ending.tool
            var reply = ToolReply(.failure(error), record: error.record ?? ending.record, tool: tool, rate: rate)
            reply.place = ending.place
            return reply
        }
    }

    /// Counts a use of what only reads against the month's quota.
    func count(
        _ bucket: String,
        _ cost: Int,
        _ membership: DirectoryCache.Membership,
        _ rate: RateDecision?
    ) async throws(GatewayError) -> RateDecision? {
        guard let quotas, !membership.ceilings.quotas.isEmpty else { return rate }
        return .with(try await quotas.charge(bucket, cost: cost, membership), rate, at: quotas.now)
    }

    /// The tools that a caller may use now, for lists and documents; call it within an action.
    package func tools(
        for principal: Principal,
        _ membership: DirectoryCache.Membership
    ) -> [ToolRegistry.Entry] {
        views.view(for: principal, membership).tools
    }

    /// The same, by which texts that are made of it can be kept.
    package func view(for principal: Principal, _ membership: DirectoryCache.Membership) -> ToolView {
        views.view(for: principal, membership)
    }

    /// The actions of a registry, always the same one, that a caller may ask for.
    package func view(
        of registry: ActionRegistry,
        for principal: Principal,
        _ membership: DirectoryCache.Membership
    ) -> ActionView {
        actionViews.view(of: registry.sorted, for: principal, membership)
    }

    /// The caller's accounts, by which lists and documents show what may be named.
    package func accounts(of principal: Principal) async throws(GatewayError) -> AccountBook {
        try await directory.accounts(of: principal.organization, in: principal.environment)
            .limited(to: principal.accounts)
    }

    /// The tools that somebody may use now, to decide how something else is answered.
    ///
    /// It leaves no trace: whoever asks calls a tool or performs an action besides.
    /// - Throws: as the first two stages do.
    package func visibleTools(to known: Recognized) async throws(GatewayError) -> [ToolRegistry.Entry] {
        let (principal, membership) = try await standing(of: known)
        return tools(for: principal, membership)
    }

    /// Who was recognized, and what they may do now.
    ///
    /// - Throws: as the first two stages do.
    package func standing(
        of known: Recognized
    ) async throws(GatewayError) -> (principal: Principal, membership: DirectoryCache.Membership) {
        let principal = try known.principal
        return (principal, try await admit.membership(of: principal))
    }

    /// Who shows a credential, and what they may do now, for what was begun under it and goes on.
    ///
    /// It leaves no trace: how that was begun left one.
    /// - Throws: as the first two stages do.
    package func standing(
        of credential: Credential,
        environment: Environment?,
        address: String? = nil,
        at door: Door
    ) async throws(GatewayError) -> (principal: Principal, membership: DirectoryCache.Membership) {
        let principal = try await authenticate.principal(
            for: credential,
            environment: environment,
            address: address,
            at: door
        )
        return (principal, try await admit.membership(of: principal))
    }

    /// Whether a credential may call at all, for a door that must know before it reads a body; and whether it may send an
    /// action a file, where the body is one.
    ///
    /// - Throws: as the first two stages do, or the first three; a refusal leaves its trace.
    @discardableResult
    package func admit(
        _ call: ActionCall,
        toSend action: Action? = nil
    ) async throws(GatewayError) -> OrganizationID {
        var ending = RecordCall.Ending(call, action?.rules)
        do throws(GatewayError) {
            let principal = try await principal(of: call)
            ending.principal = principal
            let membership = try await admit.membership(of: principal)
            if let action { try Pipeline.check(call, action, principal, membership) }
            return principal.organization
        } catch {
            try record.end(ending, error: error)
            await turn(of: error, ending)
            throw error
        }
    }

    private static func check(
        _ call: ActionCall,
        _ action: Action,
        _ principal: Principal,
        _ membership: DirectoryCache.Membership
    ) throws(GatewayError) {
        try Authorize.check(action.rules, principal: principal, membership)
        let use = Action.Use(
            principal: principal,
            membership: membership,
            arguments: try ValidateArguments.checked(call.arguments, of: action, withFile: true, principal: principal),
            call: call.id,
            address: call.address,
            standing: { () async throws(GatewayError) in principal }
        )
        try action.file?.admits(use)
    }

    /// Waits, after a refusal has left its trace, until it may be answered.
    func turn(of error: GatewayError, _ ending: RecordCall.Ending) async {
        await pace.turn(of: error, organization: ending.principal?.organization, address: ending.address)
    }

    private func run(
        _ call: ToolCall,
        ending: inout RecordCall.Ending,
        rate: inout RateDecision?
    ) async throws(GatewayError) -> ToolReply {
        let principal = try await principal(of: call)
        ending.principal = principal
        let membership = try await admit.membership(of: principal)
        let entry = try checkOut(call, organization: principal.organization)
        ending.tool = entry.tool
        do throws(GatewayError) {
            let reply = try await run(call, entry, principal, membership, ending: &ending, rate: &rate)
            entry.plugin.calls.end(hasFailed: false, tool: entry.tool.index)
            return reply
        } catch {
            let isFault = Pipeline.isPluginsFault(error, tool: entry.tool)
            entry.plugin.calls.end(hasFailed: isFault, tool: entry.tool.index)
            throw error
        }
    }

    /// The tool and the generation that serves this call, counted in: it will not be retired before the call has ended.
    private func checkOut(_ call: ToolCall, organization: OrganizationID) throws(GatewayError) -> ToolRegistry.Entry {
        while true {
            guard let entry = registry.snapshot.entry(call.tool, organization: organization, call: call.id) else {
                throw Authorize.noSuchTool(call.tool)
            }
            // One that has just been closed is no longer in the next snapshot.
            if entry.plugin.calls.begin() { return entry }
        }
    }

    /// Whether an error speaks against the generation.
    ///
    /// A function tool that never ends, or takes its worker with it, failed too.
    static func isPluginsFault(_ error: GatewayError, tool: ToolDescriptor) -> Bool {
        switch error.code {
        case .pluginFailed: true
        case .deadlineExceeded, .unavailable, .tooLarge: tool.kind == .function
        default: false
        }
    }

    private func run(
        _ call: ToolCall,
        _ entry: ToolRegistry.Entry,
        _ principal: Principal,
        _ membership: DirectoryCache.Membership,
        ending: inout RecordCall.Ending,
        rate: inout RateDecision?
    ) async throws(GatewayError) -> ToolReply {
        let tool = entry.tool
        ending.isHidden = true
        try Authorize.check(tool, principal: principal, membership: membership)
        ending.isHidden = false
        rate = try limit.check(tool, principal: principal, membership: membership)
        if !tool.annotations.movesMoney { rate = try await count(tool.bucket, tool.cost, membership, rate) }
        let place = try concurrency.enter(tool, organization: principal.organization, membership.ceilings)
        defer { if let place { concurrency.leave(place) } }
        let book = entry.schemas.takesAccount ? try await accounts(of: principal) : nil
        let checked = try ValidateArguments.checked(
            call,
            tool: tool,
            schemas: entry.schemas,
            amongAccounts: book?.isPlural ?? false,
            principal: principal
        )
        let call = checked.call
        let account = call.account ?? book?.standard?.name ?? .main
        (ending.arguments, ending.account) = (checked.arguments, book.flatMap { $0.counts(account) ? account : nil })
        var reservation: ReserveIdempotent.Reservation?
        if tool.annotations.movesMoney {
            reservation = try reserve.reserve(
                call,
                tool: tool,
                direction: entry.direction,
                arguments: checked.arguments,
                account: account,
                principal: principal,
                organization: membership.organization
            )
        }
        defer { if let reservation { reserve.release(reservation) } }
        let work = Dispatch.Work(
            call: call,
            entry: entry,
            principal: principal,
            membership: membership,
            arguments: checked.arguments,
            reservation: reservation,
            quota: reservation == nil ? nil : quotas?.claim(Ceilings.Counted.money, membership, call: call.id),
            begun: tool.annotations.movesMoney ? record.begun(&ending) : nil,
            mayGoOn: { [authority] () async throws(GatewayError) in try await authority.check(call, tool) }
        )
        let done: Dispatch.Done
        defer { ending.isCountedByRecord = reservation?.isConsumed ?? false }
        do throws(GatewayError) { done = try await answer(work) } catch {
            throw await dispatch.told(error, to: principal)
        }
        ending.record = done.record
        // What a person has confirmed was counted when it was asked for.
        ending.isRepeat = (done.isReplayed || call.answer != nil) && reservation != nil
        return Pipeline.reply(done, tool, rate)
    }

    private static func reply(_ done: Dispatch.Done, _ tool: ToolDescriptor, _ rate: RateDecision?) -> ToolReply {
        var reply = ToolReply(
            .success(done.output),
            isReplayed: done.isReplayed,
            record: done.record,
            state: done.state,
            tool: tool,
            rate: rate
        )
        reply.ending = done.ending
        reply.note = done.note
        return reply
    }

    /// Does the work, or shows the record that an earlier call with the same key made.
    private func answer(_ work: Dispatch.Work) async throws(GatewayError) -> Dispatch.Done {
        guard let reservation = work.reservation else {
            return try await dispatch.run(work)
        }
        if let done = try await dispatch.confirmed(work) { return done }
        if reserve.remembers(reservation), let earlier = try await reserve.earlierRecord(reservation) {
            return try await dispatch.replay(earlier, for: work)
        }
        do throws(GatewayError) {
            return try await dispatch.run(work)
        } catch {
            // The commit finds a repeat; where the call is refused before that, it is looked for here.
            guard !reservation.isConsumed, let earlier = try await reserve.earlierRecord(reservation) else {
                throw error
            }
            return try await dispatch.replay(earlier, for: work)
        }
    }
}
