import Gateway
import OrderedJSON

/// Organizations, plans, users, keys and profiles as rows and back.
enum DirectoryCoding {
    static let userColumns = """
        organization_id, user_id, username, email, password_hash, role, is_active, failed_logins, session_epoch
        """
    static let keyColumns = """
        organization_id, key_id, name, prefix, hash, environment, role, scopes, expires_ms, revoked_ms
        """

    private static func damaged(_ what: String) -> SQLError { SQLError(message: "the row of \(what) is damaged") }

    // MARK: Organizations and plans

    static func values(of organization: Organization) -> [SQLValue] {
        [
            .text(organization.id.description), .text(organization.slug), .text(organization.plan),
            .text(detail(of: organization)),
        ]
    }

    private static func detail(of organization: Organization) -> String {
        JSON.object([
            "name": .string(organization.name),
            "is_active": .bool(organization.isActive),
            "subscription": .string(organization.subscription.rawValue),
            "limits": limits(organization.limitOverrides),
            "requires_idempotency_key": .bool(organization.requiresIdempotencyKey),
            "resends_not_found": .bool(organization.resendsNotFound),
        ])
        .text
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
            resendsNotFound: detail["resends_not_found"]?.boolValue ?? false
        )
    }

    static func detail(of plan: Plan) -> String {
        JSON.object([
            "tools": .array(plan.tools.map { .string($0) }),
            "organization_limits": limits(plan.organizationLimits),
            "principal_limits": limits(plan.principalLimits),
        ])
        .text
    }

    static func plan(_ name: String, _ detail: JSON) throws -> Plan {
        Plan(
            name: name,
            tools: (detail["tools"]?.arrayValue ?? []).compactMap(\.stringValue),
            organizationLimits: limits(detail["organization_limits"]),
            principalLimits: limits(detail["principal_limits"])
        )
    }

    private static func limits(_ limits: [String: RateLimit]) -> JSON {
        var object = JSONObject()
        for (bucket, limit) in limits.sorted(by: { $0.key < $1.key }) {
            object[bucket] = [
                "units": .integer(Int64(limit.units)), "period_ms": .integer(limit.period.wholeMilliseconds),
                "burst": .integer(Int64(limit.burst)),
            ]
        }
        return .object(object)
    }

    private static func limits(_ value: JSON?) -> [String: RateLimit] {
        var limits: [String: RateLimit] = [:]
        for (bucket, limit) in value?.objectValue ?? JSONObject() {
            limits[bucket] = RateLimit(
                units: Int(limit["units"]?.integerValue ?? 1),
                per: .milliseconds(limit["period_ms"]?.integerValue ?? 1000),
                burst: limit["burst"]?.integerValue.map { Int($0) }
            )
        }
        return limits
    }

    // MARK: Users and keys

    static func values(of user: User) -> [SQLValue] {
        [
            .text(user.organization.description), .text(user.id.description), .text(user.username),
            .text(user.email), .text(user.passwordHash), .text(user.role.rawValue), .flag(user.isActive),
            .integer(Int64(user.failedLogins)), .integer(Int64(user.sessionEpoch)),
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
            failedLogins: Int(row.integer(7) ?? 0),
            sessionEpoch: Int(row.integer(8) ?? 0)
        )
    }

    static func values(of key: APIKey) -> [SQLValue] {
        [
            .text(key.organization.description), .text(key.id.description), .text(key.name), .text(key.prefix),
            .bytes(key.hash), .text(key.environment.rawValue), .text(key.role.rawValue),
            .optional(key.scopes.map { $0.sorted().joined(separator: " ") }),
            .optional(key.expiresAt?.milliseconds), .optional(key.revokedAt?.milliseconds),
        ]
    }

    /// What of a key may change, in the order of the statement that changes it.
    static func changeable(of key: APIKey) -> [SQLValue] {
        [
            .text(key.name), .text(key.role.rawValue),
            .optional(key.scopes.map { $0.sorted().joined(separator: " ") }),
            .optional(key.expiresAt?.milliseconds), .optional(key.revokedAt?.milliseconds),
        ]
    }

    static func apiKey(_ row: any SQLRow) throws -> APIKey {
        guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
            let id = row.text(1).flatMap({ APIKeyID($0) }),
            let environment = row.text(5).flatMap(Environment.init(rawValue:)),
            let role = row.text(6).flatMap(Role.init(rawValue:))
        else { throw damaged("an API key") }
        return APIKey(
            id: id,
            organization: organization,
            name: row.text(2) ?? "",
            prefix: row.text(3) ?? "",
            hash: row.bytes(4) ?? [],
            environment: environment,
            role: role,
            scopes: row.text(7).map { Set($0.split(separator: " ").map(String.init)) },
            expiresAt: row.integer(8).map { Timestamp(milliseconds: $0) },
            revokedAt: row.integer(9).map { Timestamp(milliseconds: $0) }
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
