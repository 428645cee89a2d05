import Synchronization

/// Does something once for each claim: two that come at once, and a repeat after the process ended, find the first.
///
/// A claim is written before anything is done under it, so that it stays taken whatever becomes of the process; what
/// came of it is kept beside it. The same claim again shows that, one for something else is refused, and neither does
/// anything.
final class Once: Sendable {
    /// What is said where a claim leads to nothing.
    struct Refusals: Sendable {
        /// Somebody does it now.
        let isRunning: GatewayError
        /// It was taken for something else.
        let isOther: GatewayError
        /// Nobody knows what came of it.
        let isUnknown: GatewayError
    }

    /// What was done now, or what is kept of what was done before.
    enum Outcome<Value> {
        case done(Value)
        case kept(String)
    }

    private struct Slot: Hashable {
        let organization: OrganizationID
        let id: Identifier
    }

    private let repository: any OnceRepository
    /// Claims that are worked on now: no more than there are calls.
    private let running = Mutex<Set<Slot>>([])

    init(repository: any OnceRepository) { self.repository = repository }

    /// Does the work, unless the claim was taken before.
    ///
    /// - Parameters:
    ///   - isUndone: Whether an error says that nothing was done, so that the claim is free again.
    ///   - work: Answers also what is kept; nil gives the claim back.
    func run<Value>(
        _ claim: OnceClaim,
        _ refusals: Refusals,
        isUndone: (GatewayError) -> Bool = { _ in false },
        work: () async throws(GatewayError) -> (value: Value, kept: String?)
    ) async throws(GatewayError) -> Outcome<Value> {
        let slot = Slot(organization: claim.organization, id: claim.id)
        guard running.withLock({ $0.insert(slot).inserted }) else { throw refusals.isRunning }
        defer { _ = running.withLock { $0.remove(slot) } }
        if case .earlier(let digest, let outcome) = try await repository.take(claim) {
            guard digest == claim.digest else { throw refusals.isOther }
            guard let outcome else { throw refusals.isUnknown }
            return .kept(outcome)
        }
        let done: (value: Value, kept: String?)
        do throws(GatewayError) { done = try await work() } catch {
            if isUndone(error) { await giveBack(claim) }
            throw error
        }
        guard let kept = done.kept else {
            try await repository.giveBack(claim.id, organization: claim.organization)
            return .done(done.value)
        }
        do throws(GatewayError) {
            try await repository.keep(kept, of: claim.id, organization: claim.organization)
        } catch {
            // It was done: its caller hears of it. Who asks again is told that nobody knows.
        }
        return .done(done.value)
    }

    private func giveBack(_ claim: OnceClaim) async {
        do throws(GatewayError) { try await repository.giveBack(claim.id, organization: claim.organization) } catch {
            // It stays taken: who asks again is told that nobody knows, and nothing is done twice.
        }
    }
}
