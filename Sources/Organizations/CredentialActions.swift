import Gateway
import OrderedJSON

/// The organization's M-Pesa short code and secrets, in the seed's words: written and tried, never readable again.
struct CredentialActions: Sendable {
    let house: Administration

    var all: [Action] { [show, update, rotateKey] }

    private static let secrets = [
        "consumer_key", "consumer_secret", "lipa_na_mpesa_passkey", "initiator_password", "security_credential",
    ]

    private static let schema: JSON = [
        "type": "object", "required": ["environment", "fields"],
        "properties": [
            "environment": Arguments.environment, "account": ["type": "string"],
            "fields": [
                "type": "array", "items": ["type": "string"], "description": "The secrets that are set, by name.",
            ],
            "business_short_code": ["type": "string"], "short_code_type": ["type": "string"],
            "till_number": ["type": "string"], "initiator_name": ["type": "string"],
            "callback_base_url": [
                "type": ["string", "null"], "description": "The organization's, where it was given.",
            ],
            "proved": [
                "type": "boolean", "description": "Whether M-Pesa gave a token for consumer key and secret just now.",
            ],
            "products": [
                "type": "array", "description": "What M-Pesa said of each product, asked something that moves nothing.",
                "items": [
                    "type": "object", "required": ["product", "state", "message"],
                    "properties": [
                        "product": ["type": "string"],
                        "state": ["enum": .array(ProductFinding.State.allCases.map { .string($0.rawValue) })],
                        "field": ["type": "string", "description": "The credential that M-Pesa refuses."],
                        "message": ["type": "string"],
                    ],
                ],
            ],
            "not_proved": [
                "type": "array", "items": ["type": "string"],
                "description": "Secrets that are set and of which M-Pesa has said nothing: the first call shows them.",
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
            arguments: [
                "org_id": Arguments.id, "environment": Arguments.environment, "account": AccountProfile.account,
            ],
            output: .data(CredentialActions.schema)
        ) { [house] use throws(GatewayError) in
            try CredentialActions.checkOwn(use)
            let account = try await find(use)
            let fields = try await house.parts.credentials.fields(
                organization: use.principal.organization,
                environment: use.askedEnvironment,
                account: account.name
            )
            return .data(.object(CredentialActions.document(use.askedEnvironment, fields, account)))
        }
    }

    // MARK: Update

    private var update: Action {
        Action(
            ActionRules("credentials.update", auditAction: "CREDENTIALS_UPDATED", role: .orgAdmin, isPersonal: true),
            title: "Set M-Pesa credentials",
            summary: """
                Seals what is given beside what there is. Consumer key and secret are tried with M-Pesa first, and M-Pesa \
                Express is asked something that moves nothing; verify false saves without. not_proved names what shows \
                with the first call.
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

    private var rotateKey: Action {
        Action(
            ActionRules(
                "credentials.rotate_key",
                auditAction: "CREDENTIALS_KEY_ROTATED",
                role: .orgAdmin,
                isPersonal: true
            ),
            title: "Seal the credentials by a new key",
            summary:
                "Gives the organization a new data key and seals every account's and webhook's secrets by it; all goes on.",
            route: Route("POST", "/admin/organizations/{org_id}/credentials/rotate-key"),
            arguments: ["org_id": Arguments.id],
            output: .data(["type": "object", "required": ["sealed"], "properties": ["sealed": ["type": "integer"]]])
        ) { [house] use throws(GatewayError) in
            try CredentialActions.checkOwn(use)
            let count = try await house.parts.credentials.rotateKey(of: use.principal.organization)
            return .data(["sealed": .integer(Int64(count))], message: "The credentials are sealed by a new key.")
        }
    }

    private static let arguments: JSONObject = {
        let secret: JSON = ["type": "string", "maxLength": 2048, "pattern": "[!-~]"]
        var arguments: JSONObject = [
            "org_id": Arguments.id, "environment": Arguments.environment, "account": AccountProfile.account,
        ]
        for (name, schema) in AccountProfile.arguments { arguments[name] = schema }
        for name in secrets { arguments[name] = secret }
        // Where the seed's clients set it.
        arguments["callback_base_url"] = CallbackActions.baseURL
        arguments["base_url"] = [
            "enum": .array(Environment.allCases.map { .string($0.baseURL) }),
            "description": "Safaricom's address, for clients that name the environment by it.",
        ]
        arguments["verify"] = ["type": "boolean", "description": "Whether they are tried first; true unless said."]
        return arguments
    }()

    private func save(_ use: Action.Use) async throws(GatewayError) -> Action.Answer {
        let environment = use.askedEnvironment
        guard use.text("base_url").map({ $0 == environment.baseURL }) ?? true else {
            throw Administration.wrong("base_url", "\(environment.baseURL), the address of \(environment.rawValue)")
        }
        let before = try await find(use)
        let base = try CallbackActions.base(in: use)
        if AccountProfile.isNamed(in: use) { _ = try AccountProfile.changed(before.account?.profile, use, environment) }
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
        let fields = try await house.parts.credentials.put(
            given,
            organization: organization,
            environment: environment,
            account: before.name
        )
        if AccountProfile.isNamed(in: use) { try await saveProfile(before.name, use) }
        if let base { _ = try await house.directory.change(organization) { $0.callbackBaseURL = base } }
        house.forget()
        var document = try await CredentialActions.document(environment, fields, find(use))
        document["proved"] = .bool(isProved)
        if let base { document["callback_base_url"] = base.map { .string($0.description) } ?? .null }
        if isProved {
            let products = await askProducts(try await find(use), use)
            document["products"] = .array(products.map(CredentialActions.document))
            let unproved = fields.filter { CredentialActions.isUnproved($0, products) }
            document["not_proved"] = .array(unproved.map { .string($0) })
        }
        return .data(.object(document), message: "The credentials were saved.")
    }

    /// What M-Pesa says of the account's products; what cannot be asked is said, and keeps nobody from saving.
    private func askProducts(_ found: Found, _ use: Action.Use) async -> [ProductFinding] {
        guard let shortCode = found.account?.profile.shortCode else { return [] }
        do throws(GatewayError) {
            return try await house.parts.credentials.askProducts(
                of: use.principal.organization,
                in: use.askedEnvironment,
                account: found.name,
                shortCode: shortCode
            )
        } catch {
            return [ProductFinding(product: "stk_push", state: .unknown, message: error.message)]
        }
    }

    /// Consumer key and secret have brought a token; of the others M-Pesa has at most refused one.
    private static func isUnproved(_ field: String, _ products: [ProductFinding]) -> Bool {
        field != "consumer_key" && field != "consumer_secret" && !products.contains { $0.field == field }
    }

    private static func document(_ finding: ProductFinding) -> JSON {
        var document: JSONObject = [
            "product": .string(finding.product), "state": .string(finding.state.rawValue),
            "message": .string(finding.message),
        ]
        document["field"] = finding.field.map { .string($0) }
        return .object(document)
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

    /// Says of the account what is given, of the account as it is now and not as it was before M-Pesa was asked; makes it
    /// where it is the organization's first one.
    private func saveProfile(_ name: AccountName, _ use: Action.Use) async throws(GatewayError) {
        let environment = use.askedEnvironment
        for _ in 0..<CredentialActions.triesMax {
            guard let known = try await find(use).account else {
                let profile = try AccountProfile.changed(nil, use, environment)
                let first = MPesaAccount(name: name, profile: profile)
                return try await house.directory.save(first, organization: use.principal.organization)
            }
            let profile = try AccountProfile.changed(known.profile, use, environment)
            let saved = try await house.directory.change(
                name,
                organization: use.principal.organization,
                environment: environment
            ) { account in
                if account.version == known.version { account.profile = profile }
            }
            if saved?.profile == profile { return }
        }
        throw GatewayError(.conflict, "Others are changing the account at this moment. Try again.")
    }

    /// How often a change is made anew before it gives way.
    private static let triesMax = 10

    /// An account, where there is one, and by which name its secrets go: before there is any, the first one's.
    private struct Found {
        let name: AccountName
        let account: MPesaAccount?
    }

    /// The account that is meant: the default one, where none is named.
    private func find(_ use: Action.Use) async throws(GatewayError) -> Found {
        let book = AccountBook(
            try await house.directory.accounts(
                organization: use.principal.organization,
                environment: use.askedEnvironment
            )
        )
        guard let named = use.account() else {
            return Found(name: book.standard?.name ?? .main, account: book.standard)
        }
        let account = book[name: named]
        guard account != nil || (book.accounts.isEmpty && named == .main) else {
            throw Administration.wrong("account", "the name of one of the organization's accounts")
        }
        return Found(name: named, account: account)
    }

    /// The path names an organization as the seed's does, or by its slug; it is the credential's own, or there is none.
    private static func checkOwn(_ use: Action.Use) throws(GatewayError) {
        let own = [use.principal.organization.description, use.membership.organization.slug]
        guard let named = use.text("org_id"), own.contains(named) else {
            throw GatewayError(.notFound, "There is no organization with this id.")
        }
    }

    private static func document(_ environment: Environment, _ fields: [String], _ found: Found) -> JSONObject {
        var document: JSONObject = [
            "environment": .string(environment.rawValue), "account": .string(found.name.description),
            "fields": .array(fields.map { .string($0) }),
        ]
        for (name, value) in AccountProfile.document(found.account?.profile) { document[name] = value }
        return document
    }
}
