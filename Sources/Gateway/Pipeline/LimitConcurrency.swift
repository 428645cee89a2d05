import Synchronization

/// Part of the fourth stage: not more calls of a tool at once than its descriptor allows an organization, and not more of
/// all tools than its plan does.
final class LimitConcurrency: Sendable {
    /// A call's place among those that run; give it back when the call has ended.
    struct Place: Sendable {
        fileprivate let organization: OrganizationID
        /// Whose limit counts it; nil where the tool has none.
        fileprivate let tool: String?
        fileprivate let isOfPlan: Bool
    }

    private struct Running {
        struct OfTool: Hashable {
            let organization: OrganizationID
            let tool: String
        }

        var tools: [OfTool: Int] = [:]
        var organizations: [OrganizationID: Int] = [:]
    }

    /// Whose limit it is that leaves no place.
    private enum Full {
        case tool(Int)
        case plan(Int)
    }

    private let running = Mutex(Running())

    /// Makes a limiter with nothing running.
    init() {}

    /// Takes a place; nil where neither the tool nor the plan has a limit.
    ///
    /// - Throws: `rateLimited` when all places are taken.
    func enter(
        _ tool: ToolDescriptor,
        organization: OrganizationID,
        _ ceilings: Ceilings
    ) throws(GatewayError) -> Place? {
        guard tool.concurrencyMax != nil || ceilings.callsMax != nil else { return nil }
        let place = Place(
            organization: organization,
            tool: tool.concurrencyMax == nil ? nil : tool.name,
            isOfPlan: ceilings.callsMax != nil
        )
        let full = running.withLock { running -> Full? in
            if let full = LimitConcurrency.full(tool, organization, ceilings, in: running) { return full }
            LimitConcurrency.count(1, place, in: &running)
            return nil
        }
        if let full { throw LimitConcurrency.refusal(full, tool) }
        return place
    }

    /// Why a call would get no place now; nil where there is one.
    func refusal(
        of tool: ToolDescriptor,
        organization: OrganizationID,
        _ ceilings: Ceilings
    ) -> GatewayError? {
        running.withLock { LimitConcurrency.full(tool, organization, ceilings, in: $0) }
            .map { LimitConcurrency.refusal($0, tool) }
    }

    /// Gives a place back.
    func leave(_ place: Place) { running.withLock { LimitConcurrency.count(-1, place, in: &$0) } }

    private static func full(
        _ tool: ToolDescriptor,
        _ organization: OrganizationID,
        _ ceilings: Ceilings,
        in running: Running
    ) -> Full? {
        if let most = tool.concurrencyMax {
            let place = Running.OfTool(organization: organization, tool: tool.name)
            if running.tools[place, default: 0] >= most { return .tool(most) }
        }
        if let most = ceilings.callsMax, running.organizations[organization, default: 0] >= most { return .plan(most) }
        return nil
    }

    private static func count(_ change: Int, _ place: Place, in running: inout Running) {
        if let tool = place.tool {
            let key = Running.OfTool(organization: place.organization, tool: tool)
            let left = running.tools[key, default: 0] + change
            running.tools[key] = left > 0 ? left : nil
        }
        guard place.isOfPlan else { return }
        let left = running.organizations[place.organization, default: 0] + change
        running.organizations[place.organization] = left > 0 ? left : nil
    }

    private static func refusal(_ full: Full, _ tool: ToolDescriptor) -> GatewayError {
        let message =
            switch full {
            case .tool(let most):
                "\(tool.name) already runs \(most) times for this organization. Wait for one of them to end."
            case .plan(let most):
                "This organization already has \(most) calls running, as many as it may. Wait for one of them to end."
            }
        return GatewayError(.rateLimited, message, retryAfter: .seconds(1))
    }
}
