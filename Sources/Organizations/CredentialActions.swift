import Gateway
import OrderedJSON

/// The organization's M-Pesa short code and secrets, in the seed's words: written and tried, never readable again.
struct CredentialActions: Sendable {
    let house: Administration

    var all: [Action] { [show, update] }

    private static let secrets = [
        "consumer_key", "consumer_secret", "lipa_na_mpesa_passkey", "initiator_password", "security_credential",
    ]

    private static let schema: JSON = [
        "type": "object", "required": ["environment", "fields"],
        "properties": [
            "environment": Arguments.environment,
            "fields": [
                "type": "array", "items": ["type": "string"], "description": "The secrets that are set, by name.",
            ],
            "business_short_code": ["type": "string"], "short_code_type": ["type": "string"],
            "till_number": ["type": "string"], "initiator_name": ["type": "string"],
            "proved": [
                "type": "boolean", "description": "Whether M-Pesa gave a token for consumer key and secret just now.",
            ],
        ],
    ]

    // MARK: Show

    private var show: Action {
        Action(
            ActionRules(
                "credentials.show",
                auditAction: "CREDENTIALS_SHOWN",
                role: .orgAdmin,
                scopes: ["administration:read"]
            ),
            title: "Show which credentials are set",
            summary: "The short code, and which secrets are set; never a secret.",
            route: Route("GET", "/admin/organizations/{org_id}/credentials"),
            arguments: ["org_id": Arguments.id, "environment": Arguments.environment],
            output: .data(CredentialActions.schema)
        ) { [house] use throws(GatewayError) in
            try CredentialActions.checkOwn(use)
            let environment = CredentialActions.environment(use)
            let profile = try await house.directory.profile(
                organization: use.principal.organization,
                environment: environment
            )
            let fields = try await house.parts.credentials.fields(
                organization: use.principal.organization,
                environment: environment
            )
            return .data(.object(CredentialActions.document(environment, fields, profile)))
        }
    }

    // MARK: Update

    private var update: Action {
        Action(
            ActionRules("credentials.update", auditAction: "CREDENTIALS_UPDATED", role: .orgAdmin, isPersonal: true),
            title: "Set M-Pesa credentials",
            summary: """
                Seals what is given beside what there is. Consumer key and secret are tried with M-Pesa first; verify \
                false saves without. A token proves neither passkey nor operator: those show with the first call.
                """,
            route: Route("PUT", "/admin/organizations/{org_id}/credentials"),
            arguments: CredentialActions.arguments,
            output: .data(CredentialActions.schema),
            sensitive: CredentialActions.secrets.map { JSONPointer(tokens: [$0]) }
        ) { use throws(GatewayError) in
            try CredentialActions.checkOwn(use)
            return try await save(use)
        }
    }

    private static let arguments: JSONObject = {
        let secret: JSON = ["type": "string", "maxLength": 2048, "pattern": "[!-~]"]
        var arguments: JSONObject = [
            "org_id": Arguments.id, "environment": Arguments.environment,
            "business_short_code": [
                "type": "string", "pattern": "^[0-9]{5,7}$", "description": "For a till: the store number.",
            ],
            "short_code_type": ["enum": ["paybill", "till"]],
            "till_number": ["type": "string", "pattern": "^[0-9]{5,7}$"],
            "initiator_name": ["type": "string", "minLength": 1, "maxLength": 64],
        ]
        for name in secrets { arguments[name] = secret }
        arguments["verify"] = ["type": "boolean", "description": "Whether they are tried first; true unless said."]
        return arguments
    }()

    private func save(_ use: Action.Use) async throws(GatewayError) -> Action.Answer {
        let environment = CredentialActions.environment(use)
        _ = try await profile(use, environment)
        var given: [String: Secret<String>] = [:]
        for name in CredentialActions.secrets { given[name] = use.text(name).map { Secret($0) } }
        var isProved = false
        if given["consumer_key"] != nil || given["consumer_secret"] != nil {
            guard let key = given["consumer_key"], let secret = given["consumer_secret"] else {
                throw Administration.wrong("consumer_secret", "consumer_key and consumer_secret together")
            }
            if use.flag("verify") ?? true {
                try countTrial(of: use.principal.organization)
                try await house.parts.credentials.prove(
                    consumerKey: key,
                    consumerSecret: secret,
                    environment: environment
                )
                isProved = true
            }
        }
        let organization = use.principal.organization
        let fields = try await house.parts.credentials.put(given, organization: organization, environment: environment)
        // As it is now, not as it was before M-Pesa was asked; and written only where something of it was given.
        let profile = try await profile(use, environment)
        if let profile, CredentialActions.namesProfile(use) {
            try await house.directory.save(profile, organization: organization)
        }
        house.forget()
        var document = CredentialActions.document(environment, fields, profile)
        document["proved"] = .bool(isProved)
        return .data(.object(document), message: "The credentials were saved.")
    }

    /// M-Pesa counts wrong keys too: nobody tries them out by this gateway.
    private func countTrial(of organization: OrganizationID) throws(GatewayError) {
        do throws(GatewayError) {
            _ = try house.trials.begin(name: "\(organization)", address: "\(organization)")
        } catch {
            throw GatewayError(
                .rateLimited,
                "The organization's credentials were tried with M-Pesa too often. Save them with verify false, or wait.",
                retryAfter: error.retryAfter
            )
        }
    }

    private static func namesProfile(_ use: Action.Use) -> Bool {
        ["business_short_code", "short_code_type", "till_number", "initiator_name"].contains { use.text($0) != nil }
    }

    /// What plugins are told of the organization from now on; nil where nothing of it was given.
    private func profile(
        _ use: Action.Use,
        _ environment: Environment
    ) async throws(GatewayError) -> Profile? {
        let known = try await house.directory.profile(
            organization: use.principal.organization,
            environment: environment
        )
        guard CredentialActions.namesProfile(use) else { return known }
        guard let shortCode = use.text("business_short_code") ?? known?.shortCode else {
            throw Administration.wrong("business_short_code", "the PayBill or store number, of five to seven digits")
        }
        var profile =
            known
            ?? Profile(
                environment: environment,
                shortCode: shortCode,
                shortCodeType: "paybill",
                organizationName: use.membership.organization.name
            )
        profile.shortCode = shortCode
        profile.tillNumber = use.text("till_number") ?? profile.tillNumber
        profile.shortCodeType =
            use.text("short_code_type") ?? (use.text("till_number") == nil ? profile.shortCodeType : "till")
        guard profile.shortCodeType == "paybill" || profile.tillNumber != nil else {
            throw Administration.wrong("till_number", "the till that customers see, because short_code_type is till")
        }
        if let name = use.text("initiator_name") {
            // Where the plugin of payouts looks for it: docs/operating.md.
            var settings = profile.settings["b2c"]?.objectValue ?? JSONObject()
            settings["initiator_name"] = .string(name)
            profile.settings["b2c"] = .object(settings)
        }
        return profile
    }

    /// The path names an organization as the seed's does; it is the credential's own, or there is none.
    private static func checkOwn(_ use: Action.Use) throws(GatewayError) {
        guard use.text("org_id") == use.principal.organization.description else {
            throw GatewayError(.notFound, "There is no organization with this id.")
        }
    }

    private static func environment(_ use: Action.Use) -> Environment {
        use.text("environment").flatMap(Environment.init(rawValue:)) ?? use.principal.environment
    }

    private static func document(_ environment: Environment, _ fields: [String], _ profile: Profile?) -> JSONObject {
        var document: JSONObject = [
            "environment": .string(environment.rawValue), "fields": .array(fields.map { .string($0) }),
        ]
        document["business_short_code"] = profile.map { .string($0.shortCode) }
        document["short_code_type"] = profile.map { .string($0.shortCodeType) }
        document["till_number"] = profile?.tillNumber.map { .string($0) }
        document["initiator_name"] = profile?.settings["b2c"]?["initiator_name"]
        return document
    }
}
