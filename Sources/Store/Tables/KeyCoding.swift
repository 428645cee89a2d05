import Addresses
import Gateway
import OrderedJSON

/// API keys as rows and back.
extension DirectoryCoding {
    static let keyColumns = """
        organization_id, key_id, name, prefix, hash, environment, role, scopes, expires_ms, revoked_ms,
        owner_id, rules, previous_hash, previous_until_ms, version, last_used_ms
        """

    /// In the order of `keyColumns`; when it was last used is noted apart.
    static func values(of key: APIKey) -> [SQLValue] {
        [
            .text(key.organization.description), .text(key.id.description), .text(key.name), .text(key.prefix),
            .bytes(key.hash), .text(key.environment.rawValue), .text(key.role.rawValue),
            .optional(key.scopes.map { $0.sorted().joined(separator: " ") }),
            .optional(key.expiresAt?.milliseconds), .optional(key.revokedAt?.milliseconds),
            .optional(key.owner?.description), .text(rules(of: key).text),
            key.previous.map { .bytes($0.hash) } ?? .null, .optional(key.previous?.until.milliseconds),
            .integer(Int64(key.version)), .optional(key.lastUsedAt?.milliseconds),
        ]
    }

    /// What of a key may change, in the order of the statement that changes it.
    static func changeable(of key: APIKey) -> [SQLValue] {
        [
            .text(key.name), .bytes(key.hash), .text(key.role.rawValue),
            .optional(key.scopes.map { $0.sorted().joined(separator: " ") }),
            .optional(key.expiresAt?.milliseconds), .optional(key.revokedAt?.milliseconds),
            .text(rules(of: key).text), key.previous.map { .bytes($0.hash) } ?? .null,
            .optional(key.previous?.until.milliseconds), .integer(Int64(key.version)),
        ]
    }

    static func apiKey(_ row: any SQLRow) throws -> APIKey {
        guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
            let id = row.text(1).flatMap({ APIKeyID($0) }),
            let environment = row.text(5).flatMap(Environment.init(rawValue:)),
            let role = row.text(6).flatMap(Role.init(rawValue:))
        else { throw damaged("an API key") }
        var previous: APIKey.PreviousSecret?
        if let hash = row.bytes(12), let until = row.integer(13) {
            previous = APIKey.PreviousSecret(hash: hash, until: Timestamp(milliseconds: until))
        }
        let rules = try JSON(parsing: row.text(11) ?? "")
        return APIKey(
            id: id,
            organization: organization,
            owner: row.text(10).flatMap { UserID($0) },
            name: row.text(2) ?? "",
            prefix: row.text(3) ?? "",
            hash: row.bytes(4) ?? [],
            previous: previous,
            environment: environment,
            role: role,
            scopes: row.text(7).map { Set($0.split(separator: " ").map(String.init)) },
            rules: try self.rules(rules),
            pending: try pending(rules["pending"]),
            knownTo: (rules["known_to"]?.arrayValue ?? []).compactMap { $0.stringValue.flatMap { UserID($0) } },
            expiresAt: row.integer(8).map { Timestamp(milliseconds: $0) },
            revokedAt: row.integer(9).map { Timestamp(milliseconds: $0) },
            lastUsedAt: row.integer(15).map { Timestamp(milliseconds: $0) },
            version: Int(row.integer(14) ?? 1)
        )
    }

    /// What narrows a key, what it is to do later, and who has seen it.
    private static func rules(of key: APIKey) -> JSON {
        var object = rules(key.rules)
        if let pending = key.pending {
            var waiting: JSONObject = [
                "rules": .object(rules(pending.reach.rules)), "role": .string(pending.reach.role.rawValue),
                "by": .string(pending.by), "from_ms": .integer(pending.from.milliseconds),
            ]
            waiting["scopes"] = pending.reach.scopes.map { .array($0.sorted().map { .string($0) }) }
            object["pending"] = .object(waiting)
        }
        if !key.knownTo.isEmpty { object["known_to"] = .array(key.knownTo.map { .string($0.description) }) }
        return .object(object)
    }

    /// What is not understood never holds.
    private static func pending(_ value: JSON?) throws -> APIKey.Pending? {
        guard let value else { return nil }
        guard let rules = value["rules"], let by = value["by"]?.stringValue, let from = value["from_ms"]?.integerValue,
            let role = value["role"]?.stringValue.flatMap(Role.init(rawValue:))
        else { throw damaged("a key's rules") }
        let scopes = value["scopes"]?.arrayValue.map { Set($0.compactMap(\.stringValue)) }
        return APIKey.Pending(
            reach: KeyReach(role: role, scopes: scopes, rules: try self.rules(rules)),
            by: by,
            from: Timestamp(milliseconds: from)
        )
    }

    private static func rules(_ rules: KeyRules) -> JSONObject {
        var object: JSONObject = ["sources": .array(rules.sources.map { .string($0.description) })]
        object["caller"] = rules.isAgent.map { .string(($0 ? CallerKind.agent : .machine).rawValue) }
        object["accounts"] = rules.accounts.map { .array($0.sorted().map { .string($0.description) }) }
        object["tools"] = rules.tools.map { .array($0.sorted().map { .string($0) }) }
        object["amount_max"] = rules.amountMax.map { .integer($0.amount) }
        return object
    }

    /// How a key is marked; keys of before the door told say `is_agent`, and false of those that nobody marked.
    private static func agentMark(_ rules: JSON) -> Bool? {
        if let caller = rules["caller"]?.stringValue { return caller != CallerKind.machine.rawValue }
        return rules["is_agent"] == true ? true : nil
    }

    /// What is not understood narrows to nothing: a key must not grow wider by damage.
    private static func rules(_ value: JSON) throws -> KeyRules {
        let sources = (value["sources"]?.arrayValue ?? []).map { $0.stringValue.flatMap(AddressBlock.init) }
        guard value.objectValue != nil, !sources.contains(nil) else { throw damaged("a key's rules") }
        return KeyRules(
            tools: value["tools"]?.arrayValue.map { Set($0.compactMap(\.stringValue)) },
            amountMax: value["amount_max"]?.integerValue.flatMap { Shillings($0) },
            isAgent: agentMark(value),
            sources: sources.compactMap { $0 },
            accounts: value["accounts"]?.arrayValue
                .map { Set($0.compactMap { $0.stringValue.flatMap { AccountName($0) } }) }
        )
    }
}
