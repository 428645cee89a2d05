import Gateway
import OrderedJSON

/// Organizations: a super administrator's view of all, and an administrator's of their own.
struct OrganizationActions: Sendable {
    let house: Administration

    var all: [Action] { [list, show, create, update, showOwn, updateOwn] }

    /// Of an organization, with what its administrators set.
    private static let schema: JSON = [
        "type": "object",
        "required": ["id", "slug", "name", "is_active", "subscription_status", "subscription_plan", "version"],
        "properties": [
            "id": ["type": "string"], "slug": Arguments.slug, "name": ["type": "string"],
            "is_active": ["type": "boolean"], "subscription_status": subscription,
            "subscription_plan": ["type": "string"], "requires_idempotency_key": ["type": "boolean"],
            "resends_not_found": ["type": "boolean"],
            "disabled_tools": ["type": "array", "items": ["type": "string"]],
            "second_factor": OrganizationActions.factor,
            "subscription_until": ["type": "string"], "grace_days": ["type": "integer"],
            "awaits_approval": ["type": "boolean"], "callback_base_url": ["type": "string"],
            "ceilings": CeilingDocuments.schema, "version": ["type": "integer"],
            "features": [
                "type": "array", "items": ["type": "string"], "description": "What its plan has besides tools.",
            ],
        ],
    ]

    private static let subscription: JSON = ["enum": .array(Subscription.allCases.map { .string($0.rawValue) })]

    private static let factor: JSON = [
        "enum": .array(SecondFactorPolicy.allCases.map { .string($0.rawValue) }),
        "description": "Who must set up a second factor before they do anything else.",
    ]

    private static let switches: [(String, JSON)] = [
        (
            "requires_idempotency_key",
            [
                "type": "boolean", "description": "Whether every call that moves money must carry a key.",
            ]
        ),
        (
            "resends_not_found",
            [
                "type": "boolean", "description": "Whether a payout that M-Pesa does not know may be sent once more.",
            ]
        ),
        ("disabled_tools", Arguments.tools), ("second_factor", OrganizationActions.factor),
        ("callback_base_url", CallbackActions.baseURL),
        ("version", Arguments.version),
    ]

    private static func document(_ organization: Organization) -> JSON {
        var document = DirectoryDocuments.document(organization).objectValue ?? JSONObject()
        document["requires_idempotency_key"] = .bool(organization.requiresIdempotencyKey)
        document["resends_not_found"] = .bool(organization.resendsNotFound)
        document["second_factor"] = .string(organization.secondFactor.rawValue)
        document["subscription_until"] = organization.subscriptionUntil.map { .string($0.description) }
        document["grace_days"] = .integer(Int64(organization.graceDays))
        document["awaits_approval"] = .bool(organization.awaitsApproval)
        document["callback_base_url"] = organization.callbackBaseURL.map { .string($0.description) }
        document["disabled_tools"] = .array(organization.disabledTools.sorted().map { .string($0) })
        document["ceilings"] = CeilingDocuments.document(organization.ceilings)
        document["version"] = .integer(Int64(organization.version))
        return .object(document)
    }

    private static let ceilings: JSON = {
        var schema = CeilingDocuments.schema.objectValue ?? JSONObject()
        schema["type"] = ["object", "null"]
        return .object(schema)
    }()

    private static func host(_ name: String, _ audit: String, writes: Bool = true) -> ActionRules {
        ActionRules(name, auditAction: audit, role: .superAdmin, isPersonal: writes, reach: .host)
    }

    // MARK: Every organization

    private var list: Action {
        Action(
            OrganizationActions.host("organizations.list", "ORGANIZATIONS_LISTED", writes: false),
            title: "List organizations",
            summary: "Every organization by slug; after is the last slug of the page before.",
            route: Route("GET", "/admin/organizations"),
            arguments: ["limit": Arguments.limit, "after": Arguments.slug],
            output: .data(["type": "array", "items": OrganizationActions.schema])
        ) { [house] use throws(GatewayError) in
            let found = try await house.directory.organizations(after: use.text("after"), limit: use.limit)
            return .data(.array(found.map(OrganizationActions.document)))
        }
    }

    private var show: Action {
        Action(
            OrganizationActions.host("organizations.show", "ORGANIZATION_SHOWN", writes: false),
            title: "Show an organization",
            summary: "One organization, by its id or its slug.",
            route: Route("GET", "/admin/organizations/{org_id}"),
            arguments: ["org_id": Arguments.id],
            output: .data(OrganizationActions.schema)
        ) { [house] use throws(GatewayError) in
            .data(OrganizationActions.document(try await house.named(use)))
        }
    }

    private var create: Action {
        Action(
            OrganizationActions.host("organizations.create", "ORGANIZATION_CREATED"),
            title: "Create an organization",
            summary: """
                An organization on a plan, and its first administrator. Without a password one is made and shown this \
                once. What was begun and not finished, the same call finishes.
                """,
            route: Route("POST", "/admin/organizations", status: 201),
            arguments: [
                "name": Arguments.name, "slug": Arguments.slug, "plan": Arguments.name,
                "subscription_status": OrganizationActions.subscription, "admin_username": Arguments.username,
                "admin_email": Arguments.email, "admin_password": Arguments.password,
            ],
            required: ["name", "slug", "plan", "admin_username", "admin_email"],
            output: .data([
                "type": "object", "required": ["organization", "admin"],
                "properties": [
                    "organization": OrganizationActions.schema,
                    "admin": ["type": "object", "required": ["user", "must_name_organization"]],
                ],
            ]),
            sensitive: [JSONPointer(tokens: ["admin_password"])],
            shownOnce: ["admin/password"],
            target: "organization/id"
        ) { [house] use throws(GatewayError) in
            if let password = use.text("admin_password") {
                let names = [use.text("admin_username") ?? "", use.text("admin_email") ?? "", use.text("slug") ?? ""]
                try PasswordRules.check(Secret(password), names: names, field: "admin_password")
            }
            let organization = try await begin(use)
            let person = NewPerson(
                username: use.text("admin_username") ?? "",
                email: use.text("admin_email") ?? "",
                password: use.text("admin_password").map { Secret($0) },
                role: .orgAdmin
            )
            let admin = try await house.make(person, of: organization.id)
            try await house.note("ORGANIZATION_CREATED", on: organization.id, use)
            return .data(
                ["organization": OrganizationActions.document(organization), "admin": .object(admin)],
                message: "The organization was created."
            )
        }
    }

    /// The new organization, or one that was begun by the same call and has nobody yet.
    private func begin(_ use: Action.Use) async throws(GatewayError) -> Organization {
        let (slug, plan) = (use.text("slug") ?? "", use.text("plan") ?? "")
        guard try await house.directory.plan(plan) != nil else {
            throw Administration.wrong("plan", "a plan that there is")
        }
        if let found = try await house.directory.organization(slug: slug) {
            let people = try await house.directory.users(organization: found.id, after: nil, limit: 1)
            guard people.isEmpty, found.name == use.text("name") else {
                throw GatewayError(.conflict, "Another organization has the slug \(slug). Choose another one.")
            }
            return found
        }
        let organization = Organization(
            id: OrganizationID(house.parts.entropy.identifier()),
            slug: slug,
            name: use.text("name") ?? "",
            subscription: use.text("subscription_status").flatMap(Subscription.init(rawValue:)) ?? .trial,
            plan: plan
        )
        try await house.directory.save(organization)
        return organization
    }

    private var update: Action {
        Action(
            OrganizationActions.host("organizations.update", "ORGANIZATION_UPDATED"),
            title: "Update an organization",
            summary: """
                Changes what is given and leaves the rest. A suspended organization reads what became of its money, and \
                starts nothing. ceilings replace the plan's for it alone; null takes them away. With preview nothing is \
                changed, and the answer says what it would lose by the plan.
                """,
            route: Route("PUT", "/admin/organizations/{org_id}"),
            arguments: JSONObject(
                [
                    ("org_id", Arguments.id), ("name", Arguments.name), ("plan", Arguments.name),
                    ("subscription_status", OrganizationActions.subscription), ("is_active", ["type": "boolean"]),
                    (
                        "subscription_until_ms",
                        [
                            "type": ["integer", "null"], "minimum": 0, "maximum": .integer(Timestamp.latest),
                            "description": "When trial or subscription ends, in milliseconds since 1970; null: never.",
                        ]
                    ),
                    (
                        "grace_days",
                        [
                            "type": "integer", "minimum": 0, "maximum": 365,
                            "description": "For how many days calls are let through after that.",
                        ]
                    ),
                    (
                        "is_approved",
                        ["const": true, "description": "Lets an organization in that registered itself."]
                    ),
                    ("ceilings", OrganizationActions.ceilings), ("preview", Arguments.preview),
                ] + OrganizationActions.switches
            ),
            output: .data(["anyOf": [OrganizationActions.schema, PlanLosses.schema]])
        ) { [house] use throws(GatewayError) in
            let before = try await house.named(use)
            let plan = use.text("plan")
            let found = try await house.directory.plan(plan ?? before.plan)
            if plan != nil, found == nil { throw Administration.wrong("plan", "a plan that there is") }
            let subscription = use.text("subscription_status").flatMap(Subscription.init(rawValue:))
            let isActive = use.flag("is_active")
            let keepsHost = plan == nil && (subscription ?? .active) == .active && isActive ?? true
            guard !before.isHost || keepsHost else {
                throw GatewayError(
                    .conflict,
                    "The organization that runs the gateway keeps its plan, and is never suspended or closed."
                )
            }
            if use.flag("preview") ?? false, let found {
                let losses = try await PlanLosses(house: house).losses(of: before, to: found)
                return .data(losses, message: "Nothing was changed.")
            }
            let ceilings = use.arguments["ceilings"].map { CeilingDocuments.read($0) }
            let until = use.arguments["subscription_until_ms"]
                .map { $0.integerValue.map { Timestamp(milliseconds: $0) } }
            let graceDays = use.arguments["grace_days"]?.integerValue.map(Int.init)
            let isApproved = use.flag("is_approved") ?? false
            let answer = try await change(before.id, use) { organization in
                if let ceilings { organization.ceilings = ceilings }
                if let until { organization.subscriptionUntil = until }
                if let graceDays { organization.graceDays = graceDays }
                if isApproved { organization.awaitsApproval = false }
                if let plan { organization.plan = plan }
                if let subscription { organization.subscription = subscription }
                if let isActive { organization.isActive = isActive }
            }
            try await house.note("ORGANIZATION_UPDATED", on: before.id, use)
            return answer
        }
    }

    // MARK: One's own

    private var showOwn: Action {
        Action(
            ActionRules(
                "organization.show",
                auditAction: "ORGANIZATION_SHOWN",
                role: .manager,
                scopes: ["administration:read"],
                isOpenWhenSuspended: true
            ),
            title: "Show one's own organization",
            summary: "The organization of the credential, its plan and switches.",
            route: Route("GET", "/admin/organization"),
            output: .data(OrganizationActions.schema)
        ) { [house] use throws(GatewayError) in
            guard let found = try await house.directory.organization(use.principal.organization) else {
                throw GatewayError(.notFound, "There is no such organization any more.")
            }
            var document = OrganizationActions.document(found).objectValue ?? JSONObject()
            let plan = try await house.directory.plan(found.plan)
            document["features"] = .array((plan?.featureNames ?? []).sorted().map { .string($0) })
            return .data(.object(document))
        }
    }

    private var updateOwn: Action {
        Action(
            ActionRules(
                "organization.update",
                auditAction: "ORGANIZATION_UPDATED",
                role: .orgAdmin,
                isPersonal: true
            ),
            title: "Update one's own organization",
            summary: """
                Changes name and switches; what is left out stays. With preview nothing is changed, and the answer says \
                which tools disabled_tools takes away, and what waits that would be withdrawn.
                """,
            route: Route("PUT", "/admin/organization"),
            arguments: JSONObject(
                [("name", Arguments.name), ("preview", Arguments.preview)] + OrganizationActions.switches
            ),
            output: .data(["anyOf": [OrganizationActions.schema, PlanLosses.schema]])
        ) { [house] use throws(GatewayError) in
            let own = use.principal.organization
            guard use.flag("preview") ?? false else { return try await change(own, use) { _ in } }
            guard let found = try await house.directory.organization(own) else {
                throw GatewayError(.notFound, "There is no such organization any more.")
            }
            let tools = use.arguments["disabled_tools"].map { Set(($0.arrayValue ?? []).compactMap(\.stringValue)) }
            let losses = try await PlanLosses(house: house)
                .losses(
                    of: found,
                    switchingOff: tools ?? found.disabledTools
                )
            return .data(losses, message: "Nothing was changed.")
        }
    }

    /// Changes what both may change, and what is handed in besides.
    private func change(
        _ id: OrganizationID,
        _ use: Action.Use,
        _ more: @escaping @Sendable (inout Organization) -> Void
    ) async throws(GatewayError) -> Action.Answer {
        let name = use.text("name")
        let (needsKey, resends) = (use.flag("requires_idempotency_key"), use.flag("resends_not_found"))
        let tools = use.arguments["disabled_tools"].map { Set(($0.arrayValue ?? []).compactMap(\.stringValue)) }
        let factor = use.text("second_factor").flatMap(SecondFactorPolicy.init(rawValue:))
        let base = try CallbackActions.base(in: use)
        let sight = Sight(use)
        let changed = try await house.directory.change(id, at: house.parts.entropy.now()) { organization in
            guard sight.meets(organization.version) else { return }
            if let base { organization.callbackBaseURL = base }
            if let tools { organization.disabledTools = tools }
            if let factor { organization.secondFactor = factor }
            if let name { organization.name = name }
            if let needsKey { organization.requiresIdempotencyKey = needsKey }
            if let resends { organization.resendsNotFound = resends }
            more(&organization)
        }
        house.forget()
        try sight.check()
        guard let changed else { throw GatewayError(.notFound, "There is no organization with this id.") }
        return .data(OrganizationActions.document(changed), message: "The organization was updated.")
    }
}

extension Administration {
    /// The organization that a host action names, by its id or its slug.
    func named(_ use: Action.Use) async throws(GatewayError) -> Organization {
        let name = use.text("org_id") ?? ""
        if let id = OrganizationID(name), let found = try await directory.organization(id) { return found }
        guard let found = try await directory.organization(slug: name) else {
            throw GatewayError(.notFound, "There is no organization with this id or slug.")
        }
        return found
    }
}
