import Cryptography
import OrderedJSON

extension FeedEvent {
    /// What a key's change tells: that it is revoked.
    package static func about(_ key: APIKey, from before: APIKey) -> [FeedEvent] {
        guard before.revokedAt == nil, let revokedAt = key.revokedAt else { return [] }
        let payload: JSONObject = [
            "environment": .string(key.environment.rawValue), "role": .string(key.role.rawValue),
            "name": .string(String(key.name.prefix(namesMax))),
        ]
        return [
            about(.keyRevoked, of: key.organization, key.id.description, version: key.version, at: revokedAt, payload)
        ]
    }

    /// What an organization's change at a moment tells: that it is on another plan.
    package static func about(
        _ organization: Organization,
        from before: Organization,
        at moment: Timestamp
    ) -> [FeedEvent] {
        guard organization.plan != before.plan else { return [] }
        let payload: JSONObject = ["plan": .string(organization.plan), "was": .string(before.plan)]
        return [
            about(
                .planChanged,
                of: organization.id,
                organization.id.description,
                version: organization.version,
                at: moment,
                payload
            )
        ]
    }

    /// That an organization's plan was set anew at a moment: what its subject is, and its version.
    package static func changed(_ plan: Plan, of organization: OrganizationID, at moment: Timestamp) -> FeedEvent {
        about(
            .planChanged,
            of: organization,
            plan.name,
            version: plan.version,
            at: moment,
            ["plan": .string(plan.name)]
        )
    }

    /// That the secrets of an account were changed at a moment, and are of this version now; nothing of what they are.
    package static func changed(
        secretsOf account: AccountName,
        in environment: Environment,
        to version: Int,
        of organization: OrganizationID,
        at moment: Timestamp
    ) -> FeedEvent {
        about(
            .credentialChanged,
            of: organization,
            "\(environment.rawValue)/\(account)",
            version: version,
            at: moment,
            ["environment": .string(environment.rawValue), "account": .string(account.description)]
        )
    }

    /// What became of a plugin, told to the organization that runs the gateway.
    ///
    /// Its subject's version is the moment: a plugin that was removed and comes again would begin to count anew.
    package static func about(_ news: PluginNews, of host: OrganizationID) -> FeedEvent {
        var payload: JSONObject = ["by": .string(news.by)]
        payload["version"] = news.version.map { .string(String($0.prefix(namesMax))) }
        payload["generation"] = news.generation.map { .integer(Int64($0)) }
        payload["sha256"] = news.digest.map { .string($0) }
        payload["was"] = news.was.map { .string(String($0.prefix(namesMax))) }
        payload["why"] = news.why.map { .string(String($0.prefix(reasonMax))) }
        let kind: Kind =
            switch news.change {
            case .promoted: .pluginPromoted
            case .rolledBack: .pluginRolledBack
            case .withdrawn: .pluginWithdrawn
            }
        let version = Int(news.at.milliseconds)
        return about(kind, of: host, news.plugin, version: version, at: news.at, payload)
    }

    /// How many characters of a reason an event holds.
    private static let reasonMax = 160
    /// How many characters of a name an event holds.
    private static let namesMax = 64

    /// Its id comes of what it tells, so that a change which is made again tells the same.
    static func about(
        _ kind: Kind,
        of organization: OrganizationID,
        _ subject: String,
        version: Int,
        at moment: Timestamp,
        _ payload: JSONObject
    ) -> FeedEvent {
        let digest = SHA256.digest("\(organization) \(kind.rawValue) \(subject) \(version)").bytes
        let words = [digest[0..<8], digest[8..<16]].map { $0.reduce(0) { $0 << 8 | UInt64($1) } }
        return FeedEvent(
            organization: organization,
            id: Identifier(at: moment, random: (words[0], words[1])),
            kind: kind,
            subject: subject,
            version: version,
            at: moment,
            payload: .object(payload)
        )
    }
}

extension FeedEvent {
    /// That an endpoint is off from a moment on, or that nothing has arrived at it for long (`off` is nil).
    ///
    /// - Parameters:
    ///   - address: Where it is, without path and query.
    ///   - failingSince: Since when nothing has arrived; nil where something has.
    package static func about(
        _ endpoint: WebhookEndpoint,
        off: WebhookEndpoint.Off?,
        address: String,
        failingSince: Timestamp?,
        at moment: Timestamp
    ) -> FeedEvent {
        var payload: JSONObject = [
            "environment": .string(endpoint.environment.rawValue), "address": .string(String(address.prefix(256))),
        ]
        payload["why"] = off.map { .string($0.rawValue) }
        payload["failing_since_ms"] = failingSince.map { .integer($0.milliseconds) }
        return about(
            off == nil ? .webhookFailing : .webhookDisabled,
            of: endpoint.organization,
            endpoint.id.description,
            version: endpoint.version + (off == nil ? 0 : 1),
            at: moment,
            payload
        )
    }

    /// An event of an endpoint's own that tells of nothing: to see whether it arrives.
    package static func trial(of endpoint: WebhookEndpoint, id: Identifier) -> FeedEvent {
        FeedEvent(
            organization: endpoint.organization,
            id: id,
            kind: .webhookTest,
            subject: endpoint.id.description,
            version: 1,
            at: id.time,
            payload: ["environment": .string(endpoint.environment.rawValue)]
        )
    }
}
