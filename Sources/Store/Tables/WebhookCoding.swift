import Cryptography
import Gateway
import OrderedJSON

/// Endpoints, deliveries and wishes as rows.
enum WebhookCoding {
    // MARK: Endpoints

    static let endpointColumns = """
        e.organization_id, e.endpoint_id, e.environment, e.url, e.detail, e.secrets, e.off, e.off_ms, e.version
        """
    static let progressColumns = "p.place, p.failures, p.failing_since_ms, p.noticed_ms, p.paused_until_ms"

    /// The values of an endpoint's own row, in the order of its columns.
    static func values(_ endpoint: WebhookEndpoint) -> [SQLValue] {
        [
            .text(endpoint.organization.description), .text(endpoint.id.description),
            .text(endpoint.environment.rawValue), .text(endpoint.url), .text(detail(endpoint)),
            .text(JSON.array(endpoint.secrets.map(secret)).text), .optional(endpoint.off?.rawValue),
            .optional(endpoint.offSince?.milliseconds), .integer(Int64(endpoint.version)),
        ]
    }

    private static func detail(_ endpoint: WebhookEndpoint) -> String {
        JSON.object([
            "made_by": .string(endpoint.madeBy), "made_ms": .integer(endpoint.madeAt.milliseconds),
            "document": .integer(Int64(endpoint.document)), "description": .string(endpoint.description),
            "types": .array(endpoint.kinds.map { .string($0.rawValue) }), "phones": .bool(endpoint.showsPhones),
        ])
        .text
    }

    private static func secret(_ secret: WebhookSecret) -> JSON {
        var members: JSONObject = [
            "form": .string(secret.form.rawValue), "sealed": .string(Base64.encode(secret.sealed)),
            "key": .integer(Int64(secret.keyVersion)),
        ]
        members["public"] = secret.publicKey.map { .string($0) }
        members["ends_ms"] = secret.endsAt.map { .integer($0.milliseconds) }
        return .object(members)
    }

    /// Reads `endpointColumns`.
    static func endpoint(_ row: any SQLRow) throws -> WebhookEndpoint {
        let detail = try JSON(parsing: row.text(4) ?? "")
        guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
            let id = row.text(1).flatMap({ Identifier($0) }),
            let environment = row.text(2).flatMap(Environment.init(rawValue:)),
            case .array(let kept) = try JSON(parsing: row.text(5) ?? "")
        else { throw SQLError(message: "an endpoint's row is damaged") }
        var endpoint = WebhookEndpoint(
            id: id,
            organization: organization,
            environment: environment,
            madeBy: detail["made_by"]?.stringValue ?? "",
            madeAt: Timestamp(milliseconds: detail["made_ms"]?.integerValue ?? 0),
            url: row.text(3) ?? "",
            secrets: try kept.map(secret),
            document: Int(detail["document"]?.integerValue ?? 1),
            version: Int(row.integer(8) ?? 0)
        )
        endpoint.description = detail["description"]?.stringValue ?? ""
        endpoint.kinds = (detail["types"]?.arrayValue ?? [])
            .compactMap { $0.stringValue.flatMap(FeedEvent.Kind.init(rawValue:)) }
        endpoint.showsPhones = detail["phones"] == true
        endpoint.off = row.text(6).flatMap(WebhookEndpoint.Off.init(rawValue:))
        endpoint.offSince = row.integer(7).map { Timestamp(milliseconds: $0) }
        return endpoint
    }

    private static func secret(_ json: JSON) throws -> WebhookSecret {
        guard let form = json["form"]?.stringValue.flatMap(WebhookSecret.Form.init(rawValue:)),
            let sealed = json["sealed"]?.stringValue.flatMap({ Base64.decode($0) })
        else { throw SQLError(message: "an endpoint's secret is damaged") }
        return WebhookSecret(
            form: form,
            sealed: sealed,
            keyVersion: Int(json["key"]?.integerValue ?? 0),
            publicKey: json["public"]?.stringValue,
            endsAt: json["ends_ms"]?.integerValue.map { Timestamp(milliseconds: $0) }
        )
    }

    /// Reads `endpointColumns`, `progressColumns` and when something is due.
    static func served(_ row: any SQLRow) throws -> ServedWebhook {
        var progress = WebhookProgress(place: row.integer(9) ?? 0)
        progress.failures = Int(row.integer(10) ?? 0)
        progress.failingSince = row.integer(11).map { Timestamp(milliseconds: $0) }
        progress.noticedAt = row.integer(12).map { Timestamp(milliseconds: $0) }
        progress.pausedUntil = row.integer(13).map { Timestamp(milliseconds: $0) }
        return ServedWebhook(
            endpoint: try endpoint(row),
            progress: progress,
            dueAt: row.integer(14).map { Timestamp(milliseconds: $0) }
        )
    }

    // MARK: Deliveries

    static let deliveryColumns = """
        organization_id, endpoint_id, event_id, kind, position, state, tries, due_ms, replay, at_ms, attempts,
            replay_id
        """

    /// The values of `deliveryColumns`.
    static func values(_ delivery: WebhookDelivery) -> [SQLValue] {
        [
            .text(delivery.organization.description), .text(delivery.endpoint.description),
            .text(delivery.event.description), .text(delivery.kind.rawValue), .integer(delivery.position),
            .text(delivery.state.rawValue), .integer(Int64(delivery.tries)), .optional(delivery.dueAt?.milliseconds),
            .flag(delivery.isReplay), .integer(delivery.at.milliseconds),
            .text(JSON.array(delivery.attempts.suffix(WebhookDelivery.attemptsMax).map(attempt)).text),
            .optional(delivery.replay?.description),
        ]
    }

    private static func attempt(_ attempt: WebhookAttempt) -> JSON {
        var members: JSONObject = ["at": .integer(attempt.at.milliseconds), "ms": .integer(attempt.milliseconds)]
        members["status"] = attempt.status.map { .integer(Int64($0)) }
        members["fault"] = attempt.fault.map { .string($0) }
        if !attempt.beginning.isEmpty { members["beginning"] = .string(Base64.encode(attempt.beginning)) }
        if attempt.isReplay { members["replay"] = true }
        return .object(members)
    }

    /// Reads `deliveryColumns`.
    static func delivery(_ row: any SQLRow) throws -> WebhookDelivery {
        guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
            let endpoint = row.text(1).flatMap({ Identifier($0) }), let event = row.text(2).flatMap({ Identifier($0) }),
            let kind = row.text(3).flatMap(FeedEvent.Kind.init(rawValue:)),
            let state = row.text(5).flatMap(WebhookDelivery.State.init(rawValue:)),
            case .array(let attempts) = try JSON(parsing: row.text(10) ?? "")
        else { throw SQLError(message: "a delivery's row is damaged") }
        return WebhookDelivery(
            organization: organization,
            endpoint: endpoint,
            event: event,
            kind: kind,
            position: row.integer(4) ?? 0,
            state: state,
            tries: Int(row.integer(6) ?? 0),
            dueAt: row.integer(7).map { Timestamp(milliseconds: $0) },
            isReplay: row.integer(8) == 1,
            replay: row.text(11).flatMap { Identifier($0) },
            at: Timestamp(milliseconds: row.integer(9) ?? 0),
            attempts: attempts.map(attempt)
        )
    }

    private static func attempt(_ json: JSON) -> WebhookAttempt {
        WebhookAttempt(
            at: Timestamp(milliseconds: json["at"]?.integerValue ?? 0),
            milliseconds: json["ms"]?.integerValue ?? 0,
            status: json["status"]?.integerValue.map { Int($0) },
            fault: json["fault"]?.stringValue,
            beginning: json["beginning"]?.stringValue.flatMap { Base64.decode($0) } ?? [],
            isReplay: json["replay"] == true
        )
    }

    // MARK: Wishes

    static let replayColumns = """
        organization_id, replay_id, endpoint_id, wish, made_by, made_ms, place, found, ended_ms,
            stopped_ms
        """

    /// The values of `replayColumns`.
    static func values(_ replay: WebhookReplay) -> [SQLValue] {
        [
            .text(replay.organization.description), .text(replay.id.description),
            .text(replay.endpoint.description), .text(wish(replay.wish).text), .text(replay.madeBy),
            .integer(replay.madeAt.milliseconds), .integer(replay.place), .integer(Int64(replay.found)),
            .optional(replay.endedAt?.milliseconds), .optional(replay.stoppedAt?.milliseconds),
        ]
    }

    private static func wish(_ wish: WebhookReplay.Wish) -> JSON {
        switch wish {
        case .test: [:]
        case .event(let id): ["event": .string(id.description)]
        case .span(let from, let to, let kinds, let onlyMissing):
            [
                "from": .integer(from.milliseconds), "to": .integer(to.milliseconds),
                "types": .array(kinds.map { .string($0.rawValue) }), "missing": .bool(onlyMissing),
            ]
        }
    }

    private static func wish(_ json: JSON) -> WebhookReplay.Wish {
        if let id = json["event"]?.stringValue.flatMap({ Identifier($0) }) { return .event(id) }
        guard let from = json["from"]?.integerValue, let to = json["to"]?.integerValue else { return .test }
        let kinds = (json["types"]?.arrayValue ?? [])
            .compactMap { $0.stringValue.flatMap(FeedEvent.Kind.init(rawValue:)) }
        return .span(
            from: Timestamp(milliseconds: from),
            to: Timestamp(milliseconds: to),
            kinds: kinds,
            onlyMissing: json["missing"] == true
        )
    }

    /// Reads `replayColumns`.
    static func replay(_ row: any SQLRow) throws -> WebhookReplay {
        guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
            let id = row.text(1).flatMap({ Identifier($0) }), let endpoint = row.text(2).flatMap({ Identifier($0) })
        else { throw SQLError(message: "a wish's row is damaged") }
        return WebhookReplay(
            id: id,
            organization: organization,
            endpoint: endpoint,
            wish: wish(try JSON(parsing: row.text(3) ?? "")),
            madeBy: row.text(4) ?? "",
            madeAt: Timestamp(milliseconds: row.integer(5) ?? 0),
            place: row.integer(6) ?? 0,
            found: Int(row.integer(7) ?? 0),
            endedAt: row.integer(8).map { Timestamp(milliseconds: $0) },
            stoppedAt: row.integer(9).map { Timestamp(milliseconds: $0) }
        )
    }
}
