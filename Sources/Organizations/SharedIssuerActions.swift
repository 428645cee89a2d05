import Gateway
import OrderedJSON

/// Issuers that the operator registers for organizations to accept, with a map of claims: which one names the subject, and
/// which one, value by value, whose people they are.
///
/// A registration lets nobody in. Which key a subject acts as, and so role, scopes and environment, each organization says.
struct SharedIssuerActions: Sendable {
    let house: Administration
    private var own: IssuerActions { IssuerActions(house: house) }

    var all: [Action] { [list, create, update, delete] }

    private static func rules(_ name: String, _ audit: String, writes: Bool = true) -> ActionRules {
        ActionRules(name, auditAction: audit, role: .superAdmin, isPersonal: writes, reach: .host)
    }

    private static let schema: JSON = [
        "type": "object",
        "required": ["id", "issuer", "environment", "algorithms", "subject_claim", "tenants", "is_active", "version"],
        "properties": [
            "id": ["type": "string"], "issuer": ["type": "string", "description": "What its tokens say in iss."],
            "environment": Arguments.environment,
            "keys_url": ["type": "string", "description": "Absent: where its metadata says."],
            "algorithms": ["type": "array", "items": ["type": "string"]],
            "subject_claim": ["type": "string"], "tenant_claim": ["type": "string"], "tenants": tenants,
            "is_active": ["type": "boolean"], "version": ["type": "integer"],
        ],
    ]

    private static let tenants: JSON = [
        "type": "array", "maxItems": .integer(Int64(SharedIssuer.tenantsMax)),
        "items": [
            "type": "object", "required": ["tenant", "organization"], "additionalProperties": false,
            "properties": [
                "tenant": [
                    "type": "string", "minLength": 1, "maxLength": .integer(Int64(TokenIssuer.subjectBytesMax)),
                    "pattern": "^[!-~]+$",
                ],
                "organization": ["type": "string", "maxLength": 64],
            ],
        ],
        "description": "Whose people each value of tenant_claim means; all of them are said anew.",
    ]

    private static func claim(_ description: String) -> JSON {
        [
            "type": "string", "minLength": 1, "maxLength": .integer(Int64(SharedIssuer.claimBytesMax)),
            "pattern": "^[!-~]+$", "description": .string(description),
        ]
    }

    private var list: Action {
        Action(
            SharedIssuerActions.rules("shared_issuers.list", "SHARED_ISSUERS_LISTED", writes: false),
            title: "List issuers for all organizations",
            summary: "Those that organizations may accept, and by which claims they tell whose people somebody is.",
            route: Route("GET", "/admin/shared-issuers"),
            output: .data(["type": "array", "items": SharedIssuerActions.schema])
        ) { [house] _ throws(GatewayError) in
            .data(.array(try await house.sharedIssuers().map { SharedIssuerActions.document($0) }))
        }
    }

    private var create: Action {
        Action(
            SharedIssuerActions.rules("shared_issuers.create", "SHARED_ISSUER_CREATED"),
            title: "Register an issuer for all organizations",
            summary: """
                Organizations may accept it, and none of its tokens counts where none does. With tenant_claim only those whose \
                values are listed may, and a token counts for one alone.
                """,
            route: Route("POST", "/admin/shared-issuers", status: 201),
            arguments: [
                "issuer": IssuerActions.url, "environment": Arguments.environment, "keys_url": IssuerActions.keysURL,
                "algorithms": IssuerActions.algorithms,
                "subject_claim": SharedIssuerActions.claim(
                    "The claim that names who somebody is, which nobody else is ever given; sub unless said. For good."
                ),
                "tenant_claim": SharedIssuerActions.claim(
                    "The claim by which the issuer says whose people they are, whoever asks for the token. For good."
                ),
                "tenants": SharedIssuerActions.tenants,
            ],
            required: ["issuer", "environment"],
            output: .data(SharedIssuerActions.schema),
            target: "id"
        ) { [house] use throws(GatewayError) in
            _ = try own.resource()
            let environment = use.text("environment").flatMap(Environment.init(rawValue:)) ?? .test
            var issuer = TokenIssuer(
                id: house.parts.entropy.identifier(),
                organization: use.principal.organization,
                url: use.text("issuer") ?? "",
                environment: environment,
                shared: try SharedIssuerActions.claims(use)
            )
            guard TokenIssuer.isAddress(issuer.url, in: environment) else {
                throw Administration.wrong("issuer", IssuerActions.address(environment))
            }
            try await change(&issuer, use)
            try await house.directory.save(issuer)
            house.forget()
            return .data(SharedIssuerActions.document(issuer), message: "Organizations may accept it from now on.")
        }
    }

    private var update: Action {
        Action(
            SharedIssuerActions.rules("shared_issuers.update", "SHARED_ISSUER_UPDATED"),
            title: "Update an issuer for all organizations",
            summary: """
                Changes what is given of it and leaves the rest; null takes it away. With is_active false none of its tokens \
                counts anywhere from now on; a tenant that is taken out of the list is nobody's.
                """,
            route: Route("PUT", "/admin/shared-issuers/{id}"),
            arguments: [
                "id": Arguments.id, "keys_url": IssuerActions.keysURL, "algorithms": IssuerActions.algorithms,
                "tenants": SharedIssuerActions.tenants, "is_active": ["type": "boolean"], "version": Arguments.version,
            ],
            output: .data(SharedIssuerActions.schema)
        ) { use throws(GatewayError) in
            let known = try await find(use)
            let sight = Sight(use)
            _ = sight.meets(known.version)
            try sight.check()
            var wanted = known
            try await change(&wanted, use)
            let changed = try await own.exchange(known, for: wanted, sight, telling: news("SHARED_ISSUER_UPDATED", use))
            return .data(SharedIssuerActions.document(changed), message: "The issuer was updated.")
        }
    }

    private var delete: Action {
        Action(
            SharedIssuerActions.rules("shared_issuers.delete", "SHARED_ISSUER_DELETED"),
            title: "Delete an issuer for all organizations",
            summary: "None of its tokens counts anywhere from now on, also where it was accepted. Keys stay.",
            route: Route("DELETE", "/admin/shared-issuers/{id}"),
            arguments: ["id": Arguments.id],
            output: .data(["type": "null"])
        ) { [house] use throws(GatewayError) in
            let known = try await find(use)
            let news = news("SHARED_ISSUER_DELETED", use)
            guard try await house.directory.removeIssuer(known.id, of: known.organization, telling: news) else {
                throw IssuerActions.missing
            }
            house.forget()
            return .data(.null, message: "The issuer was deleted.")
        }
    }

    // MARK: Parts

    /// What organizations find in their audit that have accepted it: how it stands for them now, and nothing of others.
    private func news(_ action: String, _ use: Action.Use) -> IssuerNews {
        IssuerNews { [house] registration, _, now in
            var detail: JSONObject = [
                "id": .string(registration.id.description), "issuer": .string(registration.url),
                "is_active": .bool(now?.isActive ?? false),
            ]
            if let now {
                detail["algorithms"] = .array(now.algorithms.map { .string($0.rawValue) })
                detail["keys_url"] = now.keysURL.map { .string($0) }
                if let shared = now.shared, shared.tenantClaim != nil {
                    detail["tenants"] = .array(shared.tenants(of: registration.organization).map { .string($0) })
                }
            }
            return house.line(action, on: registration.organization, use, .object(detail))
        }
    }

    private func find(_ use: Action.Use) async throws(GatewayError) -> TokenIssuer {
        let id = Identifier(use.text("id") ?? "")
        guard let found = try await house.sharedIssuers().first(where: { $0.id == id }) else {
            throw IssuerActions.missing
        }
        return found
    }

    private static let lastingClaim = """
        a claim that says for good who somebody is, that no client chooses and nobody else is given later: no address, number or \
        name of a person
        """

    private static func claims(_ use: Action.Use) throws(GatewayError) -> SharedIssuer {
        let (subject, tenant) = (use.text("subject_claim") ?? "sub", use.text("tenant_claim"))
        guard SharedIssuer.isClaim(subject) else {
            throw Administration.wrong("subject_claim", Self.lastingClaim)
        }
        if let tenant {
            guard SharedIssuer.isClaim(tenant), tenant != subject, tenant != "sub" else {
                throw Administration.wrong("tenant_claim", "another claim, and one that no client chooses")
            }
        }
        return SharedIssuer(subjectClaim: subject, tenantClaim: tenant)
    }

    private func change(_ issuer: inout TokenIssuer, _ use: Action.Use) async throws(GatewayError) {
        try own.change(&issuer, use)
        guard let listed = use.arguments["tenants"]?.arrayValue else { return }
        guard listed.isEmpty || issuer.shared?.tenantClaim != nil else {
            throw Administration.wrong("tenants", "a tenant_claim, of which these are values")
        }
        var tenants: [String: OrganizationID] = [:]
        for link in listed {
            let tenant = link["tenant"]?.stringValue ?? ""
            guard TokenIssuer.isSubject(tenant), tenants[tenant] == nil else {
                throw Administration.wrong("tenants", "each tenant once")
            }
            guard let id = OrganizationID(link["organization"]?.stringValue ?? ""), id != issuer.organization,
                try await house.directory.organization(id) != nil
            else { throw Administration.wrong("tenants", "ids of organizations other than the gateway's own") }
            tenants[tenant] = id
        }
        issuer.shared?.tenants = tenants
    }

    private static func document(_ issuer: TokenIssuer) -> JSON {
        var document: JSONObject = [
            "id": .string(issuer.id.description), "issuer": .string(issuer.url),
            "environment": .string(issuer.environment.rawValue),
            "algorithms": .array(issuer.algorithms.map { .string($0.rawValue) }),
            "subject_claim": .string(issuer.shared?.subjectClaim ?? ""),
        ]
        document["keys_url"] = issuer.keysURL.map { .string($0) }
        document["tenant_claim"] = issuer.shared?.tenantClaim.map { .string($0) }
        let tenants = (issuer.shared?.tenants ?? [:]).sorted { $0.key < $1.key }
        document["tenants"] = .array(
            tenants.map { ["tenant": .string($0.key), "organization": .string($0.value.description)] }
        )
        document["is_active"] = .bool(issuer.isActive)
        document["version"] = .integer(Int64(issuer.version))
        return .object(document)
    }
}
