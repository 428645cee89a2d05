import Gateway
import OrderedJSON

/// Who would lose what by a change of a plan: told before it is made.
struct PlanLosses: Sendable {
    let house: Administration

    /// How many organizations are looked at at most.
    static let organizationsMax = 10_000
    private static let pageMax = 100

    /// Of the answer to a preview.
    static let schema: JSON = [
        "type": "object", "required": ["organizations", "losses", "is_whole"],
        "properties": [
            "organizations": ["type": "integer", "description": "How many are concerned."],
            "changes": [
                "type": "array", "description": "What a plan would say otherwise than it does; of plans.set alone.",
                "items": [
                    "type": "object", "required": ["member", "was", "becomes"],
                    "properties": [
                        "member": ["type": "string"], "was": ["description": "null where it says nothing of it."],
                        "becomes": ["description": "null where it says nothing of it any more."],
                    ],
                ],
            ],
            "is_whole": ["type": "boolean", "description": "False where there are more than were looked at."],
            "losses": [
                "type": "array",
                "items": [
                    "type": "object", "required": ["slug", "loses"],
                    "properties": [
                        "slug": ["type": "string"], "loses": ["type": "array", "items": ["type": "string"]],
                        "withdraws": DraftLosses.schema,
                    ],
                ],
            ],
        ],
    ]

    /// Of every organization on a plan that would become another one.
    func losses(from old: Plan, to new: Plan) async throws(GatewayError) -> JSON {
        var losses: [JSON] = []
        var count = 0
        var after: String?
        var isWhole = true
        while true {
            let page = try await house.parts.plans.organizations(
                on: old.name,
                after: after,
                limit: PlanLosses.pageMax
            )
            for organization in page {
                let lost = try await self.losses(of: organization, from: old, to: new)
                if !lost.isEmpty { losses.append(try await document(organization, lost, from: old, to: new)) }
            }
            count += page.count
            guard page.count == PlanLosses.pageMax, let last = page.last else { break }
            guard count < PlanLosses.organizationsMax else {
                isWhole = false
                break
            }
            after = last.slug
        }
        return [
            "organizations": .integer(Int64(count)), "losses": .array(losses), "is_whole": .bool(isWhole),
        ]
    }

    /// Of one organization that would come from one plan to another.
    func losses(of one: Organization, to new: Plan) async throws(GatewayError) -> JSON {
        guard let old = try await house.directory.plan(one.plan) else { return PlanLosses.none }
        let lost = try await losses(of: one, from: old, to: new)
        guard !lost.isEmpty else { return PlanLosses.none }
        return [
            "organizations": 1, "losses": [try await document(one, lost, from: old, to: new)], "is_whole": true,
        ]
    }

    /// Of one organization that would switch tools off.
    func losses(of one: Organization, switchingOff tools: Set<String>) async throws(GatewayError) -> JSON {
        guard let plan = try await house.directory.plan(one.plan) else { return PlanLosses.none }
        var wished = one
        wished.disabledTools = tools
        let before = DirectoryCache.Membership(organization: one, plan: plan)
        let after = DirectoryCache.Membership(organization: wished, plan: plan)
        let lost = self.tools(of: one, before, after)
        guard !lost.isEmpty else { return PlanLosses.none }
        let named = lost.sorted().map { "the tool \($0)" }
        return ["organizations": 1, "losses": [try await document(one, named, without: lost)], "is_whole": true]
    }

    private static let none: JSON = ["organizations": 1, "losses": [], "is_whole": true]

    /// The tools that an organization has now, and would not have.
    private func tools(
        of organization: Organization,
        _ before: DirectoryCache.Membership,
        _ after: DirectoryCache.Membership
    ) -> Set<String> {
        let all = house.parts.registry.snapshot.entries(for: organization.id).map(\.tool)
        return Set(all.filter { before.has($0) && !after.has($0) }.map(\.name))
    }

    private func document(
        _ organization: Organization,
        _ lost: [String],
        from old: Plan,
        to new: Plan
    ) async throws(GatewayError) -> JSON {
        let before = DirectoryCache.Membership(organization: organization, plan: old)
        let after = DirectoryCache.Membership(organization: organization, plan: new)
        return try await document(organization, lost, without: tools(of: organization, before, after))
    }

    private func document(
        _ organization: Organization,
        _ lost: [String],
        without tools: Set<String>
    ) async throws(GatewayError) -> JSON {
        var document: JSONObject = [
            "slug": .string(organization.slug), "loses": .array(lost.map { .string($0) }),
        ]
        document["withdraws"] = try await DraftLosses(house: house).withdrawn(of: organization.id, without: tools)
        return .object(document)
    }

    private func losses(
        of organization: Organization,
        from old: Plan,
        to new: Plan
    ) async throws(GatewayError) -> [String] {
        let before = DirectoryCache.Membership(organization: organization, plan: old)
        let after = DirectoryCache.Membership(organization: organization, plan: new)
        var lost = house.parts.registry.snapshot.entries(for: organization.id).map(\.tool)
            .filter { before.has($0) && !after.has($0) }
            .map { "the tool \($0.name)" }
        lost += old.featureNames.subtracting(new.featureNames).sorted().map { "the feature \($0)" }
        lost += rates(old.organizationLimits, new.organizationLimits, organization.limitOverrides, "the organization")
        lost += rates(old.principalLimits, new.principalLimits, [:], "each key and user")
        let (was, will) = (before.ceilings, after.ceilings)
        for (counted, limit) in will.quotas.sorted(by: { $0.key < $1.key }) {
            guard was.quotas[counted].map({ limit < $0 }) ?? true else { continue }
            let had = was.quotas[counted].map { "\($0)" } ?? "any number of"
            lost.append("\(had) \(counted) calls a month, for \(limit)")
        }
        for (direction, amount) in will.amounts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            guard was.amounts[direction].map({ amount < $0 }) ?? true else { continue }
            lost.append("calls of direction \(direction.rawValue) above \(amount) shillings")
        }
        for (direction, amount) in will.dayAmounts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            guard was.dayAmounts[direction].map({ amount < $0 }) ?? true else { continue }
            lost.append("more than \(amount) shillings a day of direction \(direction.rawValue)")
        }
        if let most = will.callsMax, was.callsMax.map({ most < $0 }) ?? true {
            lost.append("calls at once above \(most)")
        }
        if let most = will.usersMax, was.usersMax.map({ most < $0 }) ?? true {
            let active = try await house.activeUsers(of: organization.id)
            if active > most {
                lost.append("room for \(active - most) of \(active) people; they stay, no other is made")
            }
        }
        if let most = will.keysMax, was.keysMax.map({ most < $0 }) ?? true {
            let inForce = try await house.keysInForce(of: organization.id)
            if inForce > most {
                lost.append("room for \(inForce - most) of \(inForce) keys; they stay, no other is made")
            }
        }
        if let most = will.batchesMax, was.batchesMax.map({ most < $0 }) ?? true {
            lost.append("more than \(most) open batches; what is open stays")
        }
        return lost + ofEvents(before, after)
    }

    private func ofEvents(
        _ before: DirectoryCache.Membership,
        _ after: DirectoryCache.Membership
    ) -> [String] {
        var lost: [String] = []
        if let days = before.plan.eventDays, after.plan.eventDays ?? 0 < days {
            lost.append("events for \(days) days; what there is stays for as long")
        }
        if let most = after.ceilings.webhooksMax, before.ceilings.webhooksMax.map({ most < $0 }) ?? true {
            lost.append("more than \(most) webhook endpoints of an environment; what there is stays")
        }
        return lost
    }

    private func rates(
        _ old: [String: RateLimit],
        _ new: [String: RateLimit],
        _ own: [String: RateLimit],
        _ whose: String
    ) -> [String] {
        new.filter { own[$0.key] == nil }.sorted { $0.key < $1.key }
            .flatMap { bucket, limit in
                var lost = [loss(old[bucket], limit, bucket, whose)]
                for beside in limit.besides {
                    // One of a period for which there was none takes away any number in that time.
                    let was = old[bucket]?.all.first { $0.periodMilliseconds == beside.periodMilliseconds }
                    lost.append(loss(was, beside, bucket, whose))
                }
                return lost.compactMap { $0 }
            }
    }

    private func loss(_ was: RateLimit?, _ limit: RateLimit, _ bucket: String, _ whose: String) -> String? {
        guard let was else { return "\(whose): any number of \(bucket) calls, for \(text(limit))" }
        let isLess =
            Int64(limit.units) * was.periodMilliseconds < Int64(was.units) * limit.periodMilliseconds
            || limit.burst < was.burst
        return isLess ? "\(whose): \(text(was)) \(bucket) calls, for \(text(limit))" : nil
    }

    private func text(_ limit: RateLimit) -> String { "\(limit.units) in \(limit.period) (burst \(limit.burst))" }
}

extension Administration {
    /// How many people of an organization may log in.
    func activeUsers(of organization: OrganizationID) async throws(GatewayError) -> Int {
        var count = 0
        var after: String?
        while true {
            let users = try await directory.users(organization: organization, after: after, limit: 100)
            count += users.count(where: \.isActive)
            guard users.count == 100, let last = users.last else { return count }
            after = last.username
        }
    }

    func keysInForce(of organization: OrganizationID) async throws(GatewayError) -> Int {
        let now = parts.entropy.now()
        return try await directory.apiKeys(organization: organization, limit: KeyActions.readMax)
            .count { $0.isInForce(at: now) }
    }
}
