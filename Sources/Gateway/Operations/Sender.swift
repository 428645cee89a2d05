import Logging

/// Sends a committed record's request, once, and records what came back.
struct Sender: Sendable {
    private let upstream: any Upstream
    /// Whose places requests leave from.
    let dispatcher: Dispatcher
    private let plugins: PluginCalls
    private let settlement: Settlement
    private let keeper: AnswerKeeper
    private let addresses: CallbackAddresses
    private let directory: DirectoryCache
    private let entropy: Entropy
    private let failpoints: Failpoints
    private let logger: Logger

    /// Makes it.
    init(
        upstream: any Upstream,
        dispatcher: Dispatcher,
        plugins: PluginCalls,
        settlement: Settlement,
        keeper: AnswerKeeper,
        addresses: CallbackAddresses,
        directory: DirectoryCache,
        entropy: Entropy,
        failpoints: Failpoints,
        logger: Logger
    ) {
        self.upstream = upstream
        self.dispatcher = dispatcher
        self.plugins = plugins
        self.settlement = settlement
        self.keeper = keeper
        self.addresses = addresses
        self.directory = directory
        self.entropy = entropy
        self.failpoints = failpoints
        self.logger = logger
    }

    /// Gets everything that sending needs, before anything is committed: a missing credential or an M-Pesa that cannot
    /// be reached then costs the caller an error and leaves no record.
    func makeReady(_ record: Record, kind: OperationKind) async throws(GatewayError) -> PreparedRequest {
        if record.isDamaged { throw Settlement.isDamaged(record) }
        var callbacks: [String: String] = [:]
        var base: BaseURL?
        if !kind.callbacks.isEmpty {
            base = try await directory.membership(of: record.organization).organization.callbackBaseURL
        }
        for callback in kind.callbacks {
            callbacks[callback.name] = addresses.address(
                for: CallbackAddresses.Target(
                    organization: record.organization,
                    environment: record.environment,
                    record: record.id,
                    name: callback.name
                ),
                below: base
            )
        }
        return try await upstream.prepare(
            UpstreamRequest(
                organization: record.organization,
                environment: record.environment,
                account: record.accountName,
                kind: kind,
                template: record.request,
                callbacks: callbacks
            )
        )
    }

    /// A request that is ready, with its place among those that may leave.
    struct Turn: Sendable {
        let prepared: PreparedRequest
        let place: Dispatcher.Place
    }

    /// Waits until a request may leave, before anything says that it does.
    ///
    /// - Parameter duration: How long from now on it may leave.
    /// - Throws: `upstreamUnavailable` when it cannot leave in time; nothing was sent then.
    func turn(
        for record: Record,
        _ prepared: PreparedRequest,
        within duration: Duration
    ) async throws(GatewayError) -> Turn {
        let leaveBy = entropy.uptime() + duration
        guard duration > .zero else { throw Self.late }
        let place = try await dispatcher.enter(AccountID(of: record), atMost: duration)
        guard entropy.uptime() < leaveBy else {
            place.leave()
            throw Self.late
        }
        var prepared = prepared
        prepared.leaveBy = leaveBy
        return Turn(prepared: prepared, place: place)
    }

    private static let tooLate = "Never sent: the time in which it may be sent has passed."
    private static let late = GatewayError(
        .upstreamUnavailable,
        "M-Pesa could not be reached in time, so nothing was sent. Try again in a moment.",
        detail: "send_before has passed",
        retryAfter: .seconds(5)
    )

    /// Sends the request of a waiting record, one in state `created`, and settles the outcome.
    ///
    /// If the process dies before `sending` is committed, the row is as it was. An item leaves while its batch runs.
    /// - Returns: The record as it stands afterwards. The answer's meaning is committed when this returns.
    /// - Throws: `unavailable` when the store could not keep up; the sweeper then finishes the record.
    func send(_ record: Record, _ prepared: PreparedRequest) async throws(GatewayError) -> Record {
        let turn = try await turn(for: record, prepared, within: record.sendBefore - entropy.now())
        defer { turn.place.leave() }
        let claimed: Settlement.Settled
        do throws(GatewayError) {
            let batch = record.batch?.batch
            // A batch that runs no longer looks like a record that has changed, and is not asked twice.
            var isFirst = true
            claimed = try await settlement.settle(record, whileRunning: batch) { current in
                defer { isFirst = false }
                // Another worker may have sent or ended it meanwhile; then there is nothing left to claim.
                guard batch == nil || isFirst, current.state == .created else { return nil }
                return entropy.now() <= current.sendBefore ? .sending : nil
            }
        } catch {
            if let beginning = settlement.beginning(record, at: entropy.now()) { withdraw(beginning.record) }
            throw error
        }
        guard claimed.hasChanged else { return claimed.record }
        return try await deliver(claimed.record, turn).record
    }

    /// Sends what was let go, in the form that its request has now, and settles the outcome.
    ///
    /// If the process dies before `sending` is committed, the row is as it was. An item leaves while its batch runs, and
    /// while the tries before it are what they were.
    /// - Returns: The record as it stands afterwards, or why what it claims is another's: `stale` where the transaction that
    ///   it gives back has been changed since it was looked at.
    /// - Throws: As `send`.
    func send(
        released record: Record,
        _ prepared: PreparedRequest,
        from place: Dispatcher.Place,
        within duration: Duration,
        claiming claims: LateClaims?,
        of original: Reversals.Original?,
        after tries: [Record] = [],
        whileRunning batch: BatchID? = nil
    ) async throws(GatewayError) -> Settlement.Settled {
        defer { place.leave() }
        let now = entropy.now()
        let before = min(now + duration, record.hold?.until ?? now)
        var prepared = prepared
        prepared.leaveBy = entropy.uptime() + (before - now)
        let sending = RecordMachine.ReleasedSending(
            request: prepared.request.template,
            begunAt: now,
            before: before,
            limited: claims.flatMap { LimitMark($0.limits) }
        )
        let change = original.flatMap { settlement.beginning(record, of: $0, at: now) }
        guard original == nil || change != nil else {
            return Settlement.Settled(record: record, event: nil, refusal: original.map { .stale($0.record.id) })
        }
        failpoints.reach(.beforeHeldSending)
        let claimed: Settlement.Settled
        do throws(GatewayError) {
            // A batch that runs no longer looks like a record that has changed, and is not asked twice.
            var isFirst = true
            claimed = try await settlement.settle(
                record,
                claiming: claims,
                beside: (change.map { [$0] } ?? [])
                    + tries.compactMap { settlement.trying(again: $0, as: record, at: now) },
                whileRunning: batch
            ) { current in
                defer { isFirst = false }
                return current.version == record.version && (batch == nil || isFirst) ? .sendingReleased(sending) : nil
            }
        } catch {
            if let beginning = settlement.beginning(record, of: sending) { withdraw(beginning.record) }
            throw error
        }
        guard claimed.hasChanged else { return claimed }
        return try await deliver(claimed.record, Turn(prepared: prepared, place: place))
    }

    /// Sends the request of a record that is committed as `sending`, and settles the outcome.
    ///
    /// If the process dies here, nobody knows whether the request left: the row becomes `unknown` and is asked about.
    /// - Returns: The record as it stands afterwards, durably.
    /// - Throws: `unavailable` when the store could not keep up; the sweeper then finishes the record.
    ///   `upstreamUnavailable` when nothing was sent and the store could not keep that; it is tried again.
    func deliver(_ record: Record, _ turn: Turn) async throws(GatewayError) -> Settlement.Settled {
        failpoints.reach(.beforeSend)
        let outcome = await send(record, turn)
        failpoints.reach(.afterSend)
        let settled: Settlement.Settled
        do throws(GatewayError) {
            settled = try await keeper.settle(outcome, of: record) { () async throws(GatewayError) in
                try await settle(outcome, of: record)
            }
        } catch {
            guard case .notSent = outcome else { throw error }
            throw Self.unsent(record, error)
        }
        failpoints.reach(.afterReplyCommit)
        return settled
    }

    /// Ends a record whose commit failed and may have happened all the same: nothing was sent for it.
    ///
    /// A connection can be lost while the answer to a commit is on its way.
    func withdraw(_ record: Record) {
        keeper.withdraw(record, because: "Never sent: the gateway's store failed as it was to be kept.")
    }

    /// The commit may have taken long: what is too late by now stays here.
    private func send(_ record: Record, _ turn: Turn) async -> UpstreamOutcome {
        defer { turn.place.leave() }
        let isInTime = turn.prepared.leaveBy.map { entropy.uptime() < $0 } ?? true
        guard isInTime, entropy.now() <= record.sendBefore else { return .notSent(Self.tooLate) }
        return await upstream.send(turn.prepared)
    }

    private static func unsent(_ record: Record, _ error: GatewayError) -> GatewayError {
        GatewayError(
            .upstreamUnavailable,
            "M-Pesa could not be reached, so this was not sent. Ask for its status in a moment, then try again.",
            detail: error.detail ?? error.message,
            retryAfter: .seconds(5),
            record: record.id
        )
    }

    private func settle(
        _ outcome: UpstreamOutcome,
        of record: Record
    ) async throws(GatewayError) -> Settlement.Settled {
        // Whatever came of this sending says nothing of a later one.
        let attempt = record.attempts
        switch outcome {
        case .notSent(let reason):
            return try await settlement.settle(record) { $0.attempts == attempt ? .notSent(reason) : nil }
        case .unknown(let reason):
            return try await settlement.settle(record) { $0.attempts == attempt ? .noAnswer(reason) : nil }
        case .answered(let status, let body):
            return try await settlement.settle(record) { current throws(GatewayError) in
                let evidence = try await plugins.interpret(body, from: .reply, status: status, for: current)
                let found = evidence ?? Evidence(.unknown, meaning: "The answer is not one to this request.")
                return found.says(ofSending: attempt, of: current) ? .evidence(found, .reply) : nil
            }
        }
    }
}
