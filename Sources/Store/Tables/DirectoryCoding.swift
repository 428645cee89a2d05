import Gateway
import OrderedJSON

/// Organizations, plans, users, keys and profiles as rows and back.
enum DirectoryCoding {
    static let userColumns = """
        organization_id, user_id, username, email, password_hash, role, is_active, session_epoch, version,
        has_second_factor, settling_ms, settling_by
        """

    static func damaged(_ what: String) -> SQLError { SQLError(message: "the row of \(what) is damaged") }

    // MARK: Organizations and plans

    static func values(of organization: Organization) -> [SQLValue] {
        [
            .text(organization.id.description), .text(organization.slug), .text(organization.plan),
            .text(detail(of: organization)), .integer(Int64(organization.version)),
        ]
    }

    private static func detail(of organization: Organization) -> String {
        var object: JSONObject = [
            "name": .string(organization.name),
            "is_active": .bool(organization.isActive),
            "subscription": .string(organization.subscription.rawValue),
            "limits": limits(organization.limitOverrides),
            "requires_idempotency_key": .bool(organization.requiresIdempotencyKey),
            "resends_not_found": .bool(organization.resendsNotFound),
            "ceilings": ceilings(organization.ceilings),
            "second_factor": .string(organization.secondFactor.rawValue),
            "disabled_tools": .array(organization.disabledTools.sorted().map { .string($0) }),
            "grace_days": .integer(Int64(organization.graceDays)),
            "awaits_approval": .bool(organization.awaitsApproval),
        ]
        object["callback_base_url"] = organization.callbackBaseURL.map { .string($0.description) }
        object["approvals"] = organization.approvals.json
        object["subscription_until_ms"] = organization.subscriptionUntil.map { .integer($0.milliseconds) }
        return JSON.object(object).text
    }

    static func organization(_ row: any SQLRow) throws -> Organization {
        let detail = try JSON(parsing: row.text(3) ?? "")
        guard let id = row.text(0).flatMap({ OrganizationID($0) }),
            let subscription = detail["subscription"]?.stringValue.flatMap(Subscription.init(rawValue:))
        else { throw damaged("an organization") }
        return Organization(
            id: id,
            slug: row.text(1) ?? "",
            name: detail["name"]?.stringValue ?? "",
            isActive: detail["is_active"]?.boolValue ?? false,
            subscription: subscription,
            plan: row.text(2) ?? "",
            limitOverrides: limits(detail["limits"]),
            requiresIdempotencyKey: detail["requires_idempotency_key"]?.boolValue ?? false,
            resendsNotFound: detail["resends_not_found"]?.boolValue ?? false,
            ceilings: ceilings(detail["ceilings"]),
            disabledTools: Set((detail["disabled_tools"]?.arrayValue ?? []).compactMap(\.stringValue)),
            secondFactor: detail["second_factor"]?.stringValue.flatMap(SecondFactorPolicy.init(rawValue:)) ?? .nobody,
            subscriptionUntil: detail["subscription_until_ms"]?.integerValue.map { Timestamp(milliseconds: $0) },
            graceDays: Int(detail["grace_days"]?.integerValue ?? 7),
            awaitsApproval: detail["awaits_approval"]?.boolValue ?? false,
            callbackBaseURL: detail["callback_base_url"]?.stringValue.flatMap { BaseURL($0) },
            approvals: ApprovalPolicy(detail["approvals"]),
            version: Int(row.integer(4) ?? 1)
        )
    }

    static func detail(of plan: Plan) -> String {
        var detail: JSONObject = [
            "tools": .array(plan.tools.map { .string($0) }),
            "organization_limits": limits(plan.organizationLimits),
            "principal_limits": limits(plan.principalLimits),
            "ceilings": ceilings(plan.ceilings),
            "price": [
                "month_cents": .integer(plan.price.monthCents),
                "call_cents": .object(
                    JSONObject(plan.price.callCents.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })
                ),
            ],
        ]
        detail["event_days"] = plan.eventDays.map { .integer(Int64($0)) }
        detail["feature_names"] = plan.features.map { .array($0.sorted().map { .string($0) }) }
        return JSON.object(detail).text
    }

    /// The features of a plan; `features` is what plans kept before any of them had an effect.
    private static func features(_ detail: JSON) -> Set<String>? {
        let texts = { (list: [JSON]) in Set(list.compactMap(\.stringValue)) }
        if let names = detail["feature_names"]?.arrayValue { return texts(names) }
        guard let names = detail["features"]?.arrayValue, !names.isEmpty else { return nil }
        return texts(names).union(Feature.allCases.map(\.rawValue))
    }

    static func plan(_ name: String, _ detail: JSON, version: Int64?) throws -> Plan {
        Plan(
            name: name,
            tools: (detail["tools"]?.arrayValue ?? []).compactMap(\.stringValue),
            organizationLimits: limits(detail["organization_limits"]),
            principalLimits: limits(detail["principal_limits"]),
            ceilings: ceilings(detail["ceilings"]),
            features: features(detail),
            price: Plan.Price(
                monthCents: detail["price"]?["month_cents"]?.integerValue ?? 0,
                callCents: (detail["price"]?["call_cents"]?.objectValue ?? JSONObject())
                    .reduce(into: [:]) { $0[$1.key] = $1.value.integerValue }
            ),
            eventDays: detail["event_days"]?.integerValue.map(Int.init),
            version: Int(version ?? 1)
        )
    }

    private static func ceilings(_ ceilings: Ceilings) -> JSON {
        var object: JSONObject = [
            "quotas": .object(
                JSONObject(ceilings.quotas.sorted { $0.key < $1.key }.map { ($0.key, .integer(Int64($0.value))) })
            ),
            "amounts": .object(
                JSONObject(
                    ceilings.amounts.sorted { $0.key.rawValue < $1.key.rawValue }
                        .map { ($0.key.rawValue, .integer($0.value.amount)) }
                )
            ),
        ]
        if !ceilings.dayAmounts.isEmpty {
            let amounts = ceilings.dayAmounts.sorted { $0.key.rawValue < $1.key.rawValue }
            object["day_amounts"] = .object(JSONObject(amounts.map { ($0.key.rawValue, .integer($0.value)) }))
        }
        object["users_max"] = ceilings.usersMax.map { .integer(Int64($0)) }
        object["keys_max"] = ceilings.keysMax.map { .integer(Int64($0)) }
        object["batches_max"] = ceilings.batchesMax.map { .integer(Int64($0)) }
        object["calls_max"] = ceilings.callsMax.map { .integer(Int64($0)) }
        object["webhooks_max"] = ceilings.webhooksMax.map { .integer(Int64($0)) }
        return .object(object)
    }

    private static func ceilings(_ value: JSON?) -> Ceilings {
        var ceilings = Ceilings(
            usersMax: value?["users_max"]?.integerValue.map(Int.init),
            keysMax: value?["keys_max"]?.integerValue.map(Int.init),
            batchesMax: value?["batches_max"]?.integerValue.map(Int.init),
            callsMax: value?["calls_max"]?.integerValue.map(Int.init),
            webhooksMax: value?["webhooks_max"]?.integerValue.map(Int.init)
        )
        for (counted, limit) in value?["quotas"]?.objectValue ?? JSONObject() {
            ceilings.quotas[counted] = limit.integerValue.map(Int.init)
        }
        for (direction, amount) in value?["amounts"]?.objectValue ?? JSONObject() {
            guard let direction = OperationDirection(rawValue: direction) else { continue }
            ceilings.amounts[direction] = amount.integerValue.flatMap { Shillings($0) }
        }
        for (direction, amount) in value?["day_amounts"]?.objectValue ?? JSONObject() {
            guard let direction = OperationDirection(rawValue: direction) else { continue }
            ceilings.dayAmounts[direction] = amount.integerValue
        }
        return ceilings
    }

    private static func limits(_ limits: [String: RateLimit]) -> JSON {
        var object = JSONObject()
        for (bucket, limit) in limits.sorted(by: { $0.key < $1.key }) {
            var written = Self.limit(limit)
            if !limit.besides.isEmpty { written["besides"] = .array(limit.besides.map { .object(Self.limit($0)) }) }
            object[bucket] = .object(written)
        }
        return .object(object)
    }

    private static func limit(_ limit: RateLimit) -> JSONObject {
        [
            "units": .integer(Int64(limit.units)), "period_ms": .integer(limit.period.wholeMilliseconds),
            "burst": .integer(Int64(limit.burst)),
        ]
    }

    private static func limits(_ value: JSON?) -> [String: RateLimit] {
        var limits: [String: RateLimit] = [:]
        for (bucket, limit) in value?.objectValue ?? JSONObject() {
            limits[bucket] = Self.limit(limit, besides: (limit["besides"]?.arrayValue ?? []).map { Self.limit($0) })
        }
        return limits
    }

    private static func limit(_ value: JSON, besides: [RateLimit] = []) -> RateLimit {
        RateLimit(
            units: Int(value["units"]?.integerValue ?? 1),
            per: .milliseconds(value["period_ms"]?.integerValue ?? 1000),
            burst: value["burst"]?.integerValue.map { Int($0) },
            besides: besides
        )
    }

    // MARK: Users and keys

    static func values(of user: User) -> [SQLValue] {
        [
            .text(user.organization.description), .text(user.id.description), .text(user.username),
            .text(user.email), .text(user.passwordHash), .text(user.role.rawValue), .flag(user.isActive),
            .integer(Int64(user.sessionEpoch)), .integer(Int64(user.version)), .flag(user.hasSecondFactor),
        ] + settling(of: user)
    }

    /// The columns that say who made a user what they are, and when.
    static func settling(of user: User) -> [SQLValue] {
        [
            user.settling.map { .integer($0.since.milliseconds) } ?? .null,
            user.settling.map { .text($0.by) } ?? .null,
        ]
    }

    static func user(_ row: any SQLRow) throws -> User {
        guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
            let id = row.text(1).flatMap({ UserID($0) }), let role = row.text(5).flatMap(Role.init(rawValue:))
        else { throw damaged("a user") }
        return User(
            id: id,
            organization: organization,
            username: row.text(2) ?? "",
            email: row.text(3) ?? "",
            passwordHash: row.text(4) ?? "",
            role: role,
            isActive: row.integer(6) == 1,
            sessionEpoch: Int(row.integer(7) ?? 0),
            version: Int(row.integer(8) ?? 1),
            hasSecondFactor: row.integer(9) == 1,
            settling: row.integer(10)
                .map { User.Settling(since: Timestamp(milliseconds: $0), by: row.text(11) ?? "host") }
        )
    }

    // MARK: Profiles

    static func detail(of profile: Profile) -> String {
        var object: JSONObject = [
            "short_code": .string(profile.shortCode), "short_code_type": .string(profile.shortCodeType),
            "organization_name": .string(profile.organizationName), "settings": .object(profile.settings),
        ]
        object["till_number"] = profile.tillNumber.map { .string($0) }
        return JSON.object(object).text
    }

    static func profile(_ environment: Environment, _ detail: JSON) throws -> Profile {
        guard let shortCode = detail["short_code"]?.stringValue,
            let shortCodeType = detail["short_code_type"]?.stringValue
        else { throw damaged("a profile") }
        return Profile(
            environment: environment,
            shortCode: shortCode,
            shortCodeType: shortCodeType,
            tillNumber: detail["till_number"]?.stringValue,
            organizationName: detail["organization_name"]?.stringValue ?? "",
            settings: detail["settings"]?.objectValue ?? JSONObject()
        )
    }
}
