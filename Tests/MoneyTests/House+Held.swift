import Gateway
import OrderedJSON
import Synchronization

/// Says what must wait for a person, as a test has it.
final class Doorkeeper: Sendable {
    private let hold = Mutex<HoldOrder?>(nil)

    /// From now on everything waits, until then.
    func holdAll(until end: Timestamp, asking asked: Hold.Asked? = nil) {
        hold.withLock { $0 = HoldOrder(reason: "A test says so.", until: end, asked: asked) }
    }
    /// From now on nothing waits.
    func holdNothing() { hold.withLock { $0 = nil } }

    func order(for asked: RequireApproval.Asked) -> HoldOrder? { hold.withLock { $0 } }
}

extension House {
    /// Calls something that is held for an hour.
    func held(_ call: () async -> ToolReply) async throws -> Record {
        doorkeeper.holdAll(until: clock.now + .seconds(3_600))
        defer { doorkeeper.holdNothing() }
        return try await record(await call())
    }

    /// Lets a draft leave.
    func release(_ record: Record) async throws {
        try await gateway.drafts.release(
            record.id,
            organization: organization,
            environment: record.environment,
            by: "user:1"
        )
    }

    /// Withdraws what has not left.
    func withdraw(_ record: Record, as why: Hold.Withdrawal = .declined) async throws {
        try await gateway.drafts.withdraw(
            record.id,
            organization: organization,
            environment: record.environment,
            as: why,
            by: "user:1",
            because: "No."
        )
    }

    /// Why a draft cannot leave; nil where it left.
    func refusal(of record: Record) async -> GatewayError? {
        do {
            try await release(record)
            return nil
        } catch { return error as? GatewayError }
    }
}

extension House {
    /// Suspends the house's organization, or lets it go on.
    func suspend(_ isSuspended: Bool) async throws {
        _ = try await store.change(organization) { $0.subscription = isSuspended ? .suspended : .active }
        gateway.configuration.forget()
    }
}
