import Gateway
import OrderedJSON

/// Issuers of the operator's: an organization sees those that are open to it, and accepts one by naming the keys that its
/// subjects act as. Until then none of their tokens counts there.
extension IssuerActions {
    private static let offer: JSON = [
        "type": "object", "required": ["id", "issuer", "environment", "subject_claim", "tenants"],
        "properties": [
            "id": ["type": "string", "description": "Said to issuers.accept."],
            "issuer": ["type": "string", "description": "What its tokens say in iss."],
            "environment": Arguments.environment,
            "subject_claim": ["type": "string", "description": "The claim that names the subject."],
            "tenant_claim": [
                "type": "string",
                "description":
                    "The claim by which it says whose people they are. Absent: only subjects that are named count.",
            ],
            "tenants": [
                "type": "array", "items": ["type": "string"],
                "description": "What that claim says of this organization's people.",
            ],
        ],
    ]

    private static let closed = GatewayError(
        .notFound,
        "The operator has no issuer with this id that is open to the organization."
    )

    var offered: Action {
        Action(
            Administration.rules("issuers.offered", "ISSUERS_LISTED", writes: false),
            title: "List the operator's issuers",
            summary: """
                The operator's issuers that the organization may accept (issuers.accept), and by which claims they tell its \
                people. Nothing that they sign counts here before that.
                """,
            route: Route("GET", "/admin/offered-issuers"),
            output: .data(["type": "array", "items": IssuerActions.offer])
        ) { [house] use throws(GatewayError) in
            let organization = use.principal.organization
            let open = try await house.sharedIssuers().filter { IssuerActions.isOpen($0, to: organization) }
            return .data(.array(open.map { IssuerActions.offer($0, to: organization) }))
        }
    }

    var accept: Action {
        Action(
            Administration.rules("issuers.accept", "ISSUER_ACCEPTED"),
            title: "Accept an issuer of the operator's",
            summary: """
                Takes tokens that an issuer of the operator's signs for the organization's resource, of the subjects that are \
                named here, as the keys that are named here. key, for everybody else, only where the issuer says whose people \
                they are.
                """,
            route: Route("POST", "/admin/offered-issuers/{id}", status: 201),
            arguments: ["id": Arguments.id, "key": IssuerActions.key, "subjects": IssuerActions.subjects],
            output: .data(IssuerActions.schema),
            target: "id"
        ) { [house] use throws(GatewayError) in
            _ = try resource()
            let organization = use.principal.organization
            let id = Identifier(use.text("id") ?? "")
            let found = try await house.sharedIssuers().first { $0.id == id }
            guard let found, let shared = found.shared, IssuerActions.isOpen(found, to: organization) else {
                throw IssuerActions.closed
            }
            var issuer = TokenIssuer(
                id: house.parts.entropy.identifier(),
                organization: organization,
                url: found.url,
                environment: found.environment,
                // The operator's count, whatever they are.
                algorithms: [],
                accepted: found.id
            )
            try IssuerActions.check(shared, use)
            try change(&issuer, use)
            try await hold(issuer, use)
            try await house.directory.save(issuer)
            house.forget()
            return .data(document(issuer), message: "Its tokens are taken from now on.")
        }
    }

    /// Refuses to change of an accepted issuer what is the operator's.
    func checkAccepted(_ issuer: TokenIssuer, _ use: Action.Use) async throws(GatewayError) {
        guard let id = issuer.accepted else { return }
        for name in ["keys_url", "algorithms"] where use.arguments[name] != nil {
            throw Administration.wrong(name, "nothing: it is an issuer of the operator's")
        }
        guard let shared = try await house.sharedIssuers().first(where: { $0.id == id })?.shared else { return }
        try IssuerActions.check(shared, use)
    }

    private static func isOpen(_ issuer: TokenIssuer, to organization: OrganizationID) -> Bool {
        // The organization that runs the gateway takes no tokens by its own list.
        issuer.isActive && issuer.organization != organization && issuer.shared?.isOpen(to: organization) ?? false
    }

    private static func check(_ shared: SharedIssuer, _ use: Action.Use) throws(GatewayError) {
        guard use.text("key") == nil || shared.tenantClaim != nil else {
            throw Administration.wrong("key", "subjects instead: the issuer does not say whose people its subjects are")
        }
    }

    private static func offer(_ issuer: TokenIssuer, to organization: OrganizationID) -> JSON {
        var document: JSONObject = [
            "id": .string(issuer.id.description), "issuer": .string(issuer.url),
            "environment": .string(issuer.environment.rawValue),
            "subject_claim": .string(issuer.shared?.subjectClaim ?? ""),
        ]
        document["tenant_claim"] = issuer.shared?.tenantClaim.map { .string($0) }
        let own = (issuer.shared?.tenants ?? [:]).filter { $0.value == organization }.keys.sorted()
        document["tenants"] = .array(own.map { .string($0) })
        return .object(document)
    }
}

extension Administration {
    /// The operator's issuers: those of the organization that runs the gateway which organizations may accept.
    func sharedIssuers() async throws(GatewayError) -> [TokenIssuer] {
        guard let host = try await directory.organization(slug: Organization.hostSlug) else { return [] }
        return try await directory.issuers(of: host.id).filter { $0.shared != nil }
    }
}
