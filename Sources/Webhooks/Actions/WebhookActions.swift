import Cryptography
import Gateway
import OrderedJSON

/// Receivers of an organization's events, as its administrators set them up: what is sent where, and signed with what.
package struct WebhookActions: Sendable {
    let webhooks: any WebhookRepository
    let safe: any WebhookSafe
    let documents: WebhookDocuments
    let entropy: Entropy
    let settings: WebhookSettings
    let address: @Sendable (String, Environment) throws(GatewayError) -> String

    /// Makes them over where endpoints are kept, their secrets sealed, and what they are sent of.
    ///
    /// - Parameter address: Reads an address that events may be sent to, in its one usual way of writing; throws
    ///   `invalidArgument` with what was expected.
    package init(
        webhooks: any WebhookRepository,
        safe: any WebhookSafe,
        feed: any FeedRepository,
        records: any RecordRepository,
        entropy: Entropy,
        settings: WebhookSettings = WebhookSettings(),
        address: @escaping @Sendable (_ text: String, Environment) throws(GatewayError) -> String
    ) {
        self.webhooks = webhooks
        self.safe = safe
        documents = WebhookDocuments(feed: feed, records: records)
        self.entropy = entropy
        self.settings = settings
        self.address = address
    }

    /// The actions.
    package var all: [Action] {
        [list, show, create, update, enable, disable, delete, rotate, test, replay, recover, replays]
            + [listDeliveries, showDelivery]
    }

    /// An administrator's, by a session or by a key that may: what an endpoint is sent is of all accounts.
    ///
    /// - Parameter takesAway: Whether it shows what there is, or ends it: nothing keeps anybody from that.
    static func rules(
        _ name: String,
        _ audit: String,
        writes: Bool = true,
        takesAway: Bool = false
    ) -> ActionRules {
        ActionRules(
            name,
            auditAction: audit,
            role: .orgAdmin,
            scopes: [writes ? "webhooks:write" : "webhooks:read"],
            isOpenWhenSuspended: takesAway,
            showsAllAccounts: true
        )
    }

    /// What people say of an endpoint.
    private static let said: [(String, JSON)] = [
        (
            "url",
            [
                "type": "string", "minLength": 1, "maxLength": 2048,
                "description": "Where events are posted to: https, and in test http as well.",
            ]
        ),
        ("description", ["type": "string", "maxLength": 256]),
        ("types", WebhookForms.types),
        (
            "shows_phones",
            [
                "type": "boolean",
                "description": "Whether phones are sent whole; else their middle is hidden. A key needs phones:read.",
            ]
        ),
    ]

    // MARK: What there is

    private var list: Action {
        Action(
            WebhookActions.rules("webhooks.list", "WEBHOOKS_LISTED", writes: false, takesAway: true),
            title: "List webhook endpoints",
            summary: "The organization's receivers of events in this environment, and how each does; never a secret.",
            route: Route("GET", "/webhooks"),
            output: .data(["type": "array", "items": WebhookForms.endpoint])
        ) { use throws(GatewayError) in
            let all = try await webhooks.webhooks(
                of: use.principal.organization,
                environment: use.principal.environment
            )
            return .data(.array(all.map { WebhookForms.document($0, at: entropy.now()) }))
        }
    }

    private var show: Action {
        Action(
            WebhookActions.rules("webhooks.show", "WEBHOOK_SHOWN", writes: false, takesAway: true),
            title: "Show a webhook endpoint",
            summary: "One receiver of events, and how it does; never a secret.",
            route: Route("GET", "/webhooks/{id}"),
            arguments: ["id": WebhookForms.id],
            output: .data(WebhookForms.endpoint)
        ) { use throws(GatewayError) in
            .data(WebhookForms.document(try await find(use), at: entropy.now()))
        }
    }

    // MARK: What is changed

    private var create: Action {
        Action(
            WebhookActions.rules("webhooks.create", "WEBHOOK_CREATED"),
            title: "Create a webhook endpoint",
            summary: """
                A receiver of what becomes true from now on, in this environment. What is sent is signed as Standard \
                Webhooks says; the secret is shown this once.
                """,
            route: Route("POST", "/webhooks", status: 201),
            arguments: JSONObject(WebhookActions.said + [("signing", WebhookForms.signing)]),
            required: ["url"],
            output: .data(WebhookForms.withSecret),
            addresses: ["url"],
            shownOnce: ["secret"],
            target: "webhook/id"
        ) { use throws(GatewayError) in
            let principal = use.principal
            let id = entropy.identifier()
            let url = try url(in: use) ?? ""
            let (secret, given) = try await makeSecret(form(in: use) ?? .symmetric, of: id, principal.organization)
            var endpoint = WebhookEndpoint(
                id: id,
                organization: principal.organization,
                environment: principal.environment,
                madeBy: principal.subjectText,
                madeAt: entropy.now(),
                url: url,
                secrets: [secret]
            )
            try say(use, of: &endpoint)
            try await webhooks.add(endpoint, endpointsMax: use.membership.ceilings.webhooksMax ?? settings.endpointsMax)
            return try await shown(id, given, use)
        }
    }

    private var update: Action {
        Action(
            WebhookActions.rules("webhooks.update", "WEBHOOK_UPDATED"),
            title: "Update a webhook endpoint",
            summary: """
                Changes what is given of an endpoint and leaves the rest. What was not delivered yet goes where it is \
                then, as it is asked for then.
                """,
            route: Route("PUT", "/webhooks/{id}"),
            arguments: JSONObject(
                [("id", WebhookForms.id)] + WebhookActions.said + [("version", WebhookForms.version)]
            ),
            output: .data(WebhookForms.endpoint),
            addresses: ["url"]
        ) { use throws(GatewayError) in
            let changed = try await change(use) { endpoint throws(GatewayError) in
                if let url = try url(in: use) { endpoint.url = url }
                try say(use, of: &endpoint)
            }
            guard use.text("url") != nil else {
                return .data(WebhookForms.document(changed, at: entropy.now()), message: "The endpoint was updated.")
            }
            // Another place has a health of its own.
            var note = WebhookNote(organization: changed.endpoint.organization, endpoint: changed.endpoint.id)
            let place = changed.progress.place
            note.progress = (from: place, to: WebhookProgress(place: place))
            try await webhooks.note([note])
            let now = try await find(use)
            return .data(WebhookForms.document(now, at: entropy.now()), message: "The endpoint was updated.")
        }
    }

    private var delete: Action {
        Action(
            WebhookActions.rules("webhooks.delete", "WEBHOOK_DELETED", takesAway: true),
            title: "Delete a webhook endpoint",
            summary: "Nothing more is sent there, of what waited either.",
            route: Route("DELETE", "/webhooks/{id}"),
            arguments: ["id": WebhookForms.id],
            output: .data(["type": "object", "required": ["id"], "properties": ["id": ["type": "string"]]])
        ) { use throws(GatewayError) in
            let id = try await find(use).endpoint.id
            guard try await webhooks.removeWebhook(id, organization: use.principal.organization) else {
                throw WebhookActions.missing
            }
            return .data(["id": .string(id.description)], message: "The endpoint was deleted.")
        }
    }

    // MARK: What they share

    static let missing = GatewayError(.notFound, "There is no webhook endpoint with this id in this environment.")

    func find(_ use: Action.Use) async throws(GatewayError) -> ServedWebhook {
        guard let id = Identifier(use.text("id") ?? "") else { throw WebhookActions.missing }
        return try await find(id, use)
    }

    private func find(_ id: Identifier, _ use: Action.Use) async throws(GatewayError) -> ServedWebhook {
        let found = try await webhooks.webhook(
            id,
            organization: use.principal.organization,
            environment: use.principal.environment
        )
        guard let found else { throw WebhookActions.missing }
        return found
    }

    /// Changes an endpoint as it was when the caller saw it; made anew where others, or whoever sends, were faster.
    ///
    /// - Parameter begins: Whether it begins anew behind the newest event, in health.
    func change(
        _ use: Action.Use,
        begins: Bool = false,
        _ change: (inout WebhookEndpoint) async throws(GatewayError) -> Void
    ) async throws(GatewayError) -> ServedWebhook {
        for _ in 0..<WebhookActions.triesMax {
            let before = try await find(use)
            let now = before.endpoint.version
            guard use.arguments["version"]?.integerValue.map({ $0 == Int64(now) }) ?? true else {
                throw GatewayError(
                    .staleVersion,
                    "It was changed meanwhile: it is version \(now) by now. Read it again, and change that."
                )
            }
            var next = before.endpoint
            try await change(&next)
            guard next != before.endpoint else { return before }
            next.version = now + 1
            let told = told(next, from: before)
            if try await webhooks.change(next, begins: begins, telling: told) { return try await find(next.id, use) }
        }
        throw GatewayError(.conflict, "Others are changing the endpoint at this moment. Try again.")
    }

    /// That somebody has switched an endpoint off.
    private func told(_ next: WebhookEndpoint, from before: ServedWebhook) -> [FeedEvent] {
        guard before.endpoint.off == nil, let off = next.off else { return [] }
        return [
            FeedEvent.about(
                before.endpoint,
                off: off,
                address: WebhookAddress.masked(before.endpoint.url),
                failingSince: before.progress.failingSince,
                at: next.offSince ?? entropy.now()
            )
        ]
    }

    /// How often a change is made anew before it gives way.
    private static let triesMax = 10

    private func url(in use: Action.Use) throws(GatewayError) -> String? {
        guard let text = use.text("url") else { return nil }
        do throws(GatewayError) { return try address(text, use.principal.environment) } catch {
            throw .wrong("url", error.message)
        }
    }

    private func say(_ use: Action.Use, of endpoint: inout WebhookEndpoint) throws(GatewayError) {
        if let text = use.text("description") { endpoint.description = text }
        if let kinds = try WebhookForms.kinds(in: use) { endpoint.kinds = kinds }
        if let shows = use.arguments["shows_phones"]?.boolValue { endpoint.showsPhones = shows }
        // Whoever sends them elsewhere must be one who may see them, too.
        let isAbout = use.arguments["shows_phones"] != nil || use.text("url") != nil
        if endpoint.showsPhones, isAbout, !WebhookActions.showsPhones(to: use.principal) {
            throw GatewayError(.permissionDenied, "This key may not have phones sent whole: it lacks phones:read.")
        }
    }

    /// Whether somebody may see phones whole: a key that has scopes needs one for it.
    static func showsPhones(to principal: Principal) -> Bool { principal.scopes?.contains("phones:read") ?? true }

    func form(in use: Action.Use) -> WebhookSecret.Form? {
        switch use.text("signing") {
        case "ed25519": .asymmetric
        case "hmac": .symmetric
        default: nil
        }
    }

    /// A new secret of an endpoint, and what of it is shown once: of one that has a public half, nothing.
    func makeSecret(
        _ form: WebhookSecret.Form,
        of endpoint: Identifier,
        _ organization: OrganizationID
    ) async throws(GatewayError) -> (WebhookSecret, given: Secret<String>?) {
        let bytes = SecureRandom.bytes(32)
        guard let key = WebhookKey(form, bytes: bytes) else {
            throw GatewayError.fault("no key of the form \(form.rawValue) is made")
        }
        let (sealed, version) = try await safe.seal(Secret(bytes), form: form, of: endpoint, organization: organization)
        let secret = WebhookSecret(form: form, sealed: sealed, keyVersion: version, publicKey: key.publicText)
        return (secret, form == .symmetric ? Secret(key.given) : nil)
    }

    func shown(
        _ id: Identifier,
        _ given: Secret<String>?,
        _ use: Action.Use
    ) async throws(GatewayError) -> Action.Answer {
        var members: JSONObject = ["webhook": WebhookForms.document(try await find(id, use), at: entropy.now())]
        members["secret"] = given.map { .string($0.reveal()) }
        return .data(
            .object(members),
            message: given == nil
                ? "Receivers check signatures by the public key." : "Keep the secret: it is shown this once."
        )
    }
}
