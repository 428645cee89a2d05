import Gateway
import OrderedJSON

/// The organization's M-Pesa accounts: several in one environment, one of which is meant where none is named.
///
/// None is ever deleted, because records name theirs: a retired one takes nothing new and goes on being asked.
struct AccountActions: Sendable {
    let house: Administration

    var all: [Action] { [list, show, create, update, setDefault, retire] }

    private static let schema: JSON = [
        "type": "object", "required": ["name", "environment", "is_default", "is_retired", "version"],
        "properties": [
            "name": ["type": "string"], "environment": Arguments.environment,
            "business_short_code": ["type": "string"], "short_code_type": ["type": "string"],
            "till_number": ["type": "string"], "initiator_name": ["type": "string"],
            "is_default": ["type": "boolean", "description": "Whether calls that name no account are its."],
            "is_retired": ["type": "boolean", "description": "Whether it takes nothing new."],
            "retired_ms": ["type": "integer"],
            "fields": [
                "type": "array", "items": ["type": "string"], "description": "The secrets that are set, by name.",
            ],
            "version": ["type": "integer"],
        ],
    ]

    private static let missing = GatewayError(
        .notFound,
        "The organization has no account of this name in this environment."
    )

    // MARK: Looking

    private var list: Action {
        Action(
            Administration.rules("accounts.list", "ACCOUNTS_LISTED", writes: false),
            title: "List M-Pesa accounts",
            summary: "The organization's accounts in one environment, by name, retired ones among them.",
            route: Route("GET", "/admin/accounts"),
            arguments: ["environment": Arguments.environment],
            output: .data(["type": "array", "items": AccountActions.schema])
        ) { [house] use throws(GatewayError) in
            let accounts = try await house.directory.accounts(
                organization: use.principal.organization,
                environment: use.askedEnvironment
            )
            return .data(.array(accounts.map { .object(AccountActions.document($0)) }))
        }
    }

    private var show: Action {
        Action(
            Administration.rules("accounts.show", "ACCOUNT_SHOWN", writes: false),
            title: "Show an M-Pesa account",
            summary: "Its short code, and which of its secrets are set; never a secret.",
            route: Route("GET", "/admin/accounts/{account}"),
            arguments: ["account": Arguments.id, "environment": Arguments.environment],
            output: .data(AccountActions.schema)
        ) { use throws(GatewayError) in
            let account = try await find(use)
            return try await answer(account, use)
        }
    }

    // MARK: Changing

    private var create: Action {
        Action(
            Administration.rules("accounts.create", "ACCOUNT_CREATED"),
            title: "Create an M-Pesa account",
            summary: """
                A PayBill, a till with its store number, or a payout short code. The first one is the default; its secrets \
                are set by credentials.update. Where there is more than one, calls may name theirs.
                """,
            route: Route("POST", "/admin/accounts", status: 201),
            arguments: JSONObject(
                [("account", AccountProfile.account), ("environment", Arguments.environment)] + AccountProfile.arguments
            ),
            required: ["account", "business_short_code"],
            output: .data(AccountActions.schema),
            target: "name"
        ) { [house] use throws(GatewayError) in
            guard let name = use.account() else { throw Administration.wrong("account", "a name") }
            try await checkFeature(use)
            let profile = try AccountProfile.changed(nil, use, use.askedEnvironment)
            try await checkUnique(profile, besides: name, use)
            try await house.directory.save(
                MPesaAccount(name: name, profile: profile),
                organization: use.principal.organization
            )
            house.forget()
            return try await answer(find(use), use, "The account was created.")
        }
    }

    /// The first account of an environment is every plan's.
    private func checkFeature(_ use: Action.Use) async throws(GatewayError) {
        guard !use.membership.has(.accounts) else { return }
        let known = try await house.directory.accounts(
            organization: use.principal.organization,
            environment: use.askedEnvironment
        )
        guard known.isEmpty else { throw Feature.accounts.missing }
    }

    private var update: Action {
        Action(
            Administration.rules("accounts.update", "ACCOUNT_UPDATED"),
            title: "Update an M-Pesa account",
            summary: "Changes what is said of it; what was begun goes on under the short code that it was begun with.",
            route: Route("PUT", "/admin/accounts/{account}"),
            arguments: JSONObject(
                [
                    ("account", Arguments.id), ("environment", Arguments.environment), ("version", Arguments.version),
                ] + AccountProfile.arguments
            ),
            output: .data(AccountActions.schema),
            target: "name"
        ) { use throws(GatewayError) in
            let known = try await find(use)
            let profile = try AccountProfile.changed(known.profile, use, use.askedEnvironment)
            try await checkUnique(profile, besides: known.name, use)
            let sight = Sight(use)
            let account = try await change(use) { account in
                // Nothing of what others have changed since it was read is written over.
                guard sight.meets(account.version) else { return }
                if account.version == known.version { account.profile = profile }
            }
            try sight.check()
            guard account.profile == profile else {
                throw GatewayError(.conflict, "The account is being changed by others. Try again.")
            }
            return try await answer(account, use, "The account was updated.")
        }
    }

    private var setDefault: Action {
        Action(
            Administration.rules("accounts.set_default", "ACCOUNT_MADE_DEFAULT"),
            title: "Make an M-Pesa account the default one",
            summary: """
                Calls that name no account are its from now on. What was begun stays its account's; without an idempotency \
                key, a call that is repeated across this change is another payment.
                """,
            route: Route("POST", "/admin/accounts/{account}/default"),
            arguments: ["account": Arguments.id, "environment": Arguments.environment],
            output: .data(AccountActions.schema),
            target: "name"
        ) { [house] use throws(GatewayError) in
            let account = try await find(use)
            let isDone = try await house.directory.makeDefault(
                account.name,
                organization: use.principal.organization,
                environment: use.askedEnvironment
            )
            guard isDone else {
                throw Administration.wrong("account", "one that is not retired")
            }
            house.forget()
            return try await answer(find(use), use, "The account is the default one.")
        }
    }

    private var retire: Action {
        Action(
            Administration.rules("accounts.retire", "ACCOUNT_RETIRED"),
            title: "Retire an M-Pesa account",
            summary: """
                It takes nothing new. What is open of it goes on being asked about, and what it took can be given back. The \
                default one is not retired: make another the default first.
                """,
            route: Route("POST", "/admin/accounts/{account}/retire"),
            arguments: ["account": Arguments.id, "environment": Arguments.environment],
            output: .data(AccountActions.schema),
            target: "name"
        ) { [house] use throws(GatewayError) in
            let now = house.parts.entropy.now()
            let account = try await change(use) { account in
                guard !account.isDefault else { return }
                account.retiredAt = account.retiredAt ?? now
            }
            guard account.retiredAt != nil else {
                throw GatewayError(
                    .conflict,
                    "\(account.name) is the default account. Make another one the default first."
                )
            }
            return try await answer(account, use, "The account was retired.")
        }
    }

    // MARK: Parts

    private func find(_ use: Action.Use) async throws(GatewayError) -> MPesaAccount {
        let accounts = try await house.directory.accounts(
            organization: use.principal.organization,
            environment: use.askedEnvironment
        )
        guard let name = use.account(), let found = accounts.first(where: { $0.name == name }) else {
            throw AccountActions.missing
        }
        return found
    }

    private func change(
        _ use: Action.Use,
        _ change: @escaping @Sendable (inout MPesaAccount) -> Void
    ) async throws(GatewayError) -> MPesaAccount {
        guard let name = use.account(),
            let account = try await house.directory.change(
                name,
                organization: use.principal.organization,
                environment: use.askedEnvironment,
                change
            )
        else { throw AccountActions.missing }
        house.forget()
        return account
    }

    /// The same till twice would be two names for one account; two tills of one store are two.
    private func checkUnique(
        _ profile: Profile,
        besides name: AccountName,
        _ use: Action.Use
    ) async throws(GatewayError) {
        let accounts = try await house.directory.accounts(
            organization: use.principal.organization,
            environment: use.askedEnvironment
        )
        let other = accounts.first { account in
            account.name != name && account.retiredAt == nil && account.profile.shortCode == profile.shortCode
                && account.profile.tillNumber == profile.tillNumber
        }
        guard let other else { return }
        throw GatewayError(.conflict, "The account \(other.name) has this short code already.")
    }

    private func answer(
        _ account: MPesaAccount,
        _ use: Action.Use,
        _ message: String? = nil
    ) async throws(GatewayError) -> Action.Answer {
        var document = AccountActions.document(account)
        let fields = try await house.parts.credentials.fields(
            organization: use.principal.organization,
            environment: account.profile.environment,
            account: account.name
        )
        document["fields"] = .array(fields.map { .string($0) })
        return .data(.object(document), message: message)
    }

    private static func document(_ account: MPesaAccount) -> JSONObject {
        var document: JSONObject = [
            "name": .string(account.name.description),
            "environment": .string(account.profile.environment.rawValue),
        ]
        for (name, value) in AccountProfile.document(account.profile) { document[name] = value }
        document["is_default"] = .bool(account.isDefault)
        document["is_retired"] = .bool(account.retiredAt != nil)
        document["retired_ms"] = account.retiredAt.map { .integer($0.milliseconds) }
        document["version"] = .integer(Int64(account.version))
        return document
    }
}
