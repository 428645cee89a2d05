import OrderedJSON

/// The one way of every call, whatever door it came in by.
///
/// The order, and why:
///  1. authenticate      nothing is told to, or counted for, somebody unknown
///  2. admit             an organization that may not call is refused before its tools are looked at
///  3. authorize         an unknown tool and a forbidden one look alike to whoever may not see it
///  4. limit rate        before any work that costs, after it is known whose limit it is
///  5. validate          nothing below ever sees arguments that are not what the schema says
///  6. reserve or replay a repeat is answered from its record, whatever below would refuse it now
///  7. require approval  of exactly the arguments that were validated
///  8. dispatch          the plugin decides, Operations acts
/// Audit and usage wrap all of it (`RecordCall`), so that a refusal leaves a line too.
package final class Pipeline: Sendable {
    private let registry: ToolRegistry
    private let authenticate: Authenticate
    private let admit: AdmitOrganization
    private let limit: LimitRate
    private let concurrency = LimitConcurrency()
    private let reserve: ReserveIdempotent
    private let dispatch: Dispatch
    private let record: RecordCall

    /// Puts the stages together.
    package init(
        registry: ToolRegistry,
        authenticate: Authenticate,
        admit: AdmitOrganization,
        limit: LimitRate,
        reserve: ReserveIdempotent,
        dispatch: Dispatch,
        record: RecordCall
    ) {
        self.registry = registry
        self.authenticate = authenticate
        self.admit = admit
        self.limit = limit
        self.reserve = reserve
        self.dispatch = dispatch
        self.record = record
    }

    /// Serves one call.
    ///
    /// Never throws: a refusal is a reply too.
    package func serve(_ call: ToolCall) async -> ToolReply {
        var ending = RecordCall.Ending(call: call)
        var rate: RateDecision?
        do throws(GatewayError) {
            let reply = try await run(call, ending: &ending, rate: &rate)
            // A money call's lines were committed with its transaction; a reply must not be lost for the last one.
            do throws(GatewayError) { try record.end(ending, error: nil) } catch {
                if ending.tool?.annotations.movesMoney != true { throw error }
            }
            return reply
        } catch {
            var error = error
            do { try record.end(ending, error: error) } catch let lost { error = lost }
            return ToolReply(.failure(error), record: error.record ?? ending.record, tool: ending.tool, rate: rate)
        }
    }

    /// The tools that a credential may use now, for lists.
    ///
    /// - Throws: as the first two stages do.
    package func visibleTools(
        for credential: Credential,
        environment: Environment?
    ) async throws(GatewayError) -> (principal: Principal, tools: [ToolRegistry.Entry]) {
        let principal = try await authenticate.principal(for: credential, environment: environment)
        let membership = try await admit.membership(of: principal)
        let tools = registry.snapshot.entries(for: principal.organization)
            .filter {
                Authorize.allows($0.tool, principal: principal, membership: membership)
            }
        return (principal, tools)
    }

    /// Who shows a credential, for routes that are no tools.
    ///
    /// The same first two stages.
    package func principal(
        for credential: Credential,
        environment: Environment?
    ) async throws(GatewayError) -> Principal {
        let principal = try await authenticate.principal(for: credential, environment: environment)
        _ = try await admit.membership(of: principal)
        return principal
    }

    /// Whether a tool of this name moves money; doors that add an idempotency key to arguments ask.
    package func movesMoney(tool name: String) -> Bool {
        registry.snapshot.tool(name)?.annotations.movesMoney ?? false
    }

    private func run(
        _ call: ToolCall,
        ending: inout RecordCall.Ending,
        rate: inout RateDecision?
    ) async throws(GatewayError) -> ToolReply {
        let principal = try await authenticate.principal(for: call.credential, environment: call.environment)
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
                throw Pipeline.noSuchTool(call.tool)
            }
            // One that has just been closed is no longer in the next snapshot.
            if entry.plugin.calls.begin() { return entry }
        }
    }

    /// Whether an error speaks against the generation.
    ///
    /// A function tool that never ends, or takes its worker with it, failed too.
    private static func isPluginsFault(_ error: GatewayError, tool: ToolDescriptor) -> Bool {
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
        try Authorize.check(tool, principal: principal, membership: membership)
        rate = try limit.check(tool, principal: principal, membership: membership)
        let place = try concurrency.enter(tool, organization: principal.organization)
        defer { if let place { concurrency.leave(place) } }
        let arguments = try ValidateArguments.checked(call.arguments, tool: tool, principal: principal)
        var reservation: ReserveIdempotent.Reservation?
        if tool.annotations.movesMoney {
            reservation = try reserve.reserve(
                call,
                tool: tool,
                direction: entry.direction,
                arguments: arguments,
                principal: principal,
                organization: membership.organization
            )
        }
        defer { if let reservation { reserve.release(reservation) } }
        let work = Dispatch.Work(
            call: call,
            entry: entry,
            principal: principal,
            arguments: arguments,
            reservation: reservation,
            begun: tool.annotations.movesMoney ? record.line(ending, outcome: .begun) : nil
        )
        let done = try await answer(work)
        ending.record = done.record
        var reply = ToolReply(
            .success(done.output),
            isReplayed: done.isReplayed,
            record: done.record,
            state: done.state,
            tool: tool,
            rate: rate
        )
        reply.ending = done.ending
        return reply
    }

    /// Does the work, or shows the record that an earlier call with the same key made.
    private func answer(_ work: Dispatch.Work) async throws(GatewayError) -> Dispatch.Done {
        guard let reservation = work.reservation else {
            try RequireApproval.check(work.entry.tool)
            return try await dispatch.run(work)
        }
        if reserve.remembers(reservation), let earlier = try await reserve.earlierRecord(reservation) {
            return try await dispatch.replay(earlier, for: work)
        }
        do throws(GatewayError) {
            try RequireApproval.check(work.entry.tool)
            return try await dispatch.run(work)
        } catch {
            // The commit finds a repeat; where the call is refused before that, it is looked for here.
            guard !reservation.isConsumed, let earlier = try await reserve.earlierRecord(reservation) else {
                throw error
            }
            return try await dispatch.replay(earlier, for: work)
        }
    }

    private static func noSuchTool(_ name: String) -> GatewayError {
        // The name is a stranger's text: it is not repeated beyond what a tool's name may look like.
        let isName = name.utf8.count <= 64 && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        return GatewayError(.notFound, isName ? "There is no tool \(name)." : "There is no tool of this name.")
    }
}
