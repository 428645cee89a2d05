import Synchronization

/// Part of the fourth stage: not more calls of a tool at once than its descriptor allows an organization.
final class LimitConcurrency: Sendable {
    /// A call's place among those that run; give it back when the call has ended.
    struct Place: Hashable, Sendable {
        fileprivate let organization: OrganizationID
        fileprivate let tool: String
    }

    private let running = Mutex<[Place: Int]>([:])

    /// Makes a limiter with nothing running.
    init() {}

    /// Takes a place; nil for a tool without a limit of its own.
    ///
    /// - Throws: `rateLimited` when all places are taken.
    func enter(_ tool: ToolDescriptor, organization: OrganizationID) throws(GatewayError) -> Place? {
        guard let most = tool.concurrencyMax else { return nil }
        let place = Place(organization: organization, tool: tool.name)
        let isFree = running.withLock { running in
            guard running[place, default: 0] < most else { return false }
            running[place, default: 0] += 1
            return true
        }
        guard isFree else {
            throw GatewayError(
                .rateLimited,
                "\(tool.name) already runs \(most) times for this organization. Wait for one of them to end.",
                retryAfter: .seconds(1)
            )
        }
        return place
    }

    /// Whether all places are taken now.
    func isFull(_ tool: ToolDescriptor, organization: OrganizationID) -> Bool {
        guard let most = tool.concurrencyMax else { return false }
        return running.withLock { $0[Place(organization: organization, tool: tool.name), default: 0] >= most }
    }

    /// Gives a place back.
    func leave(_ place: Place) {
        running.withLock { running in
            let left = (running[place] ?? 1) - 1
            running[place] = left == 0 ? nil : left
        }
    }
}
