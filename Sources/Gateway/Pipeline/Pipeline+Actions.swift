import Cryptography
import OrderedJSON

// The way of what a principal asks of the host itself.
extension Pipeline {
    /// Does what a principal asks of the host itself: the one way of everything that has a principal and is no tool.
    ///
    /// It passes the stages that a tool passes, as far as they are about callers and arguments; audit, usage and metrics
    /// wrap it.
    ///
    /// Never throws: a refusal is a reply too.
    package func serve(_ action: Action, _ call: ActionCall) async -> ActionReply {
        var ending = RecordCall.Ending(call, action.rules)
        ending.changes = !action.isReadOnly
        var rate: RateDecision?
        var isReplayed = false
        do throws(GatewayError) {
            let answer = try await pass(action.rules, call, &ending, &rate) {
                principal,
                membership,
                ending throws(GatewayError) in
                let arguments = try Pipeline.arguments(of: call, action, principal)
                ending.arguments = arguments
                ending.sensitive = action.sensitive
                ending.addresses = action.addresses
                var use = Action.Use(
                    principal: principal,
                    membership: membership,
                    arguments: arguments,
                    file: call.file,
                    call: call.id,
                    address: call.address,
                    standing: { [authority] () async throws(GatewayError) in
                        try await authority.check(call, action.rules)
                    }
                )
                (use.door, use.answer, use.canBeAsked) = (call.door, call.answer, call.canBeAsked)
                let asked = use
                let done = try await once.answer(call, of: action, arguments, principal) {
                    () async throws(GatewayError) in
                    // A change without a line in the chain must not be possible, whenever the process ends.
                    var asked = asked
                    if action.rules.writesItsLines {
                        asked.lines = record.lines(ending)
                    } else if !action.isReadOnly {
                        try await begin(&ending, action, membership)
                    }
                    let answer = try await action.answer(asked, following: call.follows)
                    if let written = asked.lines { ending.note(written) }
                    return answer
                }
                isReplayed = done.isReplayed
                ending.isReplayed = done.isReplayed
                ending.target = action.target(of: done.answer)
                return done.answer
            }
            return ActionReply(result: .success(answer), isReplayed: isReplayed, rate: rate, place: ending.place)
        } catch {
            return ActionReply(result: .failure(error), rate: rate, place: ending.place)
        }
    }

    /// The arguments, of their schema; a file is known by its digest among them, so that its repeat is one.
    private static func arguments(
        of call: ActionCall,
        _ action: Action,
        _ principal: Principal
    ) throws(GatewayError) -> JSON {
        let checked = try ValidateArguments.checked(
            call.arguments,
            of: action,
            withFile: call.file != nil,
            principal: principal
        )
        guard let file = call.file, var members = checked.objectValue else { return checked }
        members[FileInput.digest] = .string(SHA256.digest(file).hexadecimal)
        return .object(members)
    }

    /// Writes that a change begins, and counts it in the same commit.
    ///
    /// What ends something, and what is open to an organization that may not call, is never refused for a quota.
    private func begin(
        _ ending: inout RecordCall.Ending,
        _ action: Action,
        _ membership: DirectoryCache.Membership
    ) async throws(GatewayError) {
        let isFree = action.rules.isOpenWhenSuspended || action.route.method == "DELETE"
        let counted = Ceilings.Counted.administration
        guard !isFree, let quotas, let claim = quotas.claim(counted, membership, call: ending.call) else {
            return try await record.begin(&ending)
        }
        try await record.begin(&ending) { line, usage throws(GatewayError) in
            try await quotas.append(line, usage: usage, taking: claim)
        }
        ending.claim = claim
    }

    /// Writes what became of a change that was refused, and gives back what it took of a quota.
    private func end(begun ending: RecordCall.Ending, error: GatewayError) async throws(GatewayError) {
        guard let quotas, let claim = ending.claim else { return try await record.end(begun: ending, error: error) }
        try await record.end(begun: ending, error: error) { line, usage throws(GatewayError) in
            try await quotas.append(line, usage: usage, givingBack: claim)
        }
    }

    /// The same for what has rules and no arguments.
    /// - Throws: as the stages and the work do.
    package func perform<Answer>(
        _ rules: ActionRules,
        _ call: ActionCall,
        _ work: (Principal, DirectoryCache.Membership) async throws(GatewayError) -> Answer
    ) async throws(GatewayError) -> Answer {
        var ending = RecordCall.Ending(call, rules)
        var rate: RateDecision?
        return try await pass(rules, call, &ending, &rate) { principal, membership, _ throws(GatewayError) in
            try await work(principal, membership)
        }
    }

    private func pass<Answer>(
        _ rules: ActionRules,
        _ call: ActionCall,
        _ ending: inout RecordCall.Ending,
        _ rate: inout RateDecision?,
        _ work: (Principal, DirectoryCache.Membership, inout RecordCall.Ending) async throws(GatewayError) -> Answer
    ) async throws(GatewayError) -> Answer {
        let answer: Answer
        do throws(GatewayError) {
            let principal = try await principal(of: call)
            ending.principal = principal
            let membership = try await admit.membership(
                of: principal,
                suspendedToo: rules.isOpenWhenSuspended,
                withoutFactor: rules.isAboutOneself
            )
            try Authorize.check(rules, principal: principal, membership)
            let isApart = rules.isApart(for: principal)
            rate = try limit.check(
                bucket: rules.bucket,
                cost: rules.cost,
                principal: principal,
                membership: membership,
                isApart: isApart
            )
            // What changes something is counted where it begins (`begin`). What others have read keeps nobody who
            // administers in person from finding what must be ended.
            if !rules.isOpenWhenSuspended, !ending.changes, !isApart {
                rate = try await count(rules.bucket, rules.cost, membership, rate)
            }
            answer = try await work(principal, membership, &ending)
        } catch {
            try await end(begun: ending, error: error)
            await turn(of: error, ending)
            throw error
        }
        try record.end(ending, error: nil)
        return answer
    }
}
