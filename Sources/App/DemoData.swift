import Cryptography
import Gateway
import OrderedJSON
import Organizations
import Simulator
import Store

/// What `dev` starts with: an organization that collects by PayBill, a second with tight limits that has a till, and
/// users of all four roles.
///
/// Made once; afterwards dev.json in the data folder remembers what only its owner may know.
struct DemoData {
    /// One demo organization and how to act for it.
    struct Organization {
        let id: OrganizationID
        let apiKey: String
    }

    let app: App
    let folder: DataFolder

    /// Safaricom's published sandbox PayBill and passkey, and a till of our own.
    static let accounts = [
        SimulatorAccount(
            consumerKey: "demo-consumer-key",
            consumerSecret: "demo-consumer-secret",
            shortCode: "174379",
            passkey: "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919",
            initiatorName: "demo-operator",
            initiatorPassword: "demo-operator-password"
        ),
        SimulatorAccount(
            consumerKey: "limited-consumer-key",
            consumerSecret: "limited-consumer-secret",
            shortCode: "600100",
            tillNumber: "510100",
            passkey: "limited-passkey",
            initiatorName: "limited-operator",
            initiatorPassword: "limited-operator-password"
        ),
    ]

    private static let demoPlan = Plan(
        name: "demo",
        tools: ["**"],
        organizationLimits: [
            "read": RateLimit(units: 100_000, per: .seconds(1)), "money": RateLimit(units: 20_000, per: .seconds(1)),
        ],
        principalLimits: [:]
    )

    private static let limitedPlan = Plan(
        name: "limited",
        tools: ["mpesa_*", "mpesa_stk_push"],
        organizationLimits: [
            "read": RateLimit(units: 10, per: .seconds(60)), "money": RateLimit(units: 3, per: .seconds(60)),
        ],
        principalLimits: [:]
    )

    /// Makes what is missing and answers what dev.json holds about it; `known` is what it held before.
    func prepare(known: JSON?) async throws -> JSONObject {
        try await app.store.save(Self.demoPlan)
        try await app.store.save(Self.limitedPlan)
        if try await app.store.plan(HostOrganization.standardPlan.name) == nil {
            try await app.store.save(HostOrganization.standardPlan)
        }
        let demo = try await organization(
            slug: "demo",
            name: "Demo Shop",
            plan: Self.demoPlan,
            account: Self.accounts[0],
            known: known?["api_key"]
        )
        let limited = try await organization(
            slug: "limited",
            name: "Limited Shop",
            plan: Self.limitedPlan,
            account: Self.accounts[1],
            known: known?["limited"]?["api_key"]
        )
        return [
            "organization_id": .string(demo.id.description), "api_key": .string(demo.apiKey),
            "users": .array(try await users(of: demo.id, known: known)),
            "limited": [
                "organization_id": .string(limited.id.description), "api_key": .string(limited.apiKey),
            ],
        ]
    }

    private func organization(
        slug: String,
        name: String,
        plan: Plan,
        account: SimulatorAccount,
        known: JSON?
    ) async throws -> Organization {
        let store = app.store
        let found = try await store.organization(slug: slug)
        let organization =
            found
            ?? Gateway.Organization(
                id: OrganizationID(app.entropy.identifier()),
                slug: slug,
                name: name,
                subscription: .active,
                plan: plan.name
            )
        if found == nil { try await store.save(organization) }
        // Saved each time, so that a folder of an earlier version gains what this one's tools need.
        try await store.save(profile(name: name, account), organization: organization.id)
        let accounts = try await store.accounts(organization: organization.id, environment: .test)
        let standard = AccountBook(accounts).standard
        try await app.credentials.save(
            [
                "consumer_key": Secret(account.consumerKey), "consumer_secret": Secret(account.consumerSecret),
                "lipa_na_mpesa_passkey": Secret(account.passkey),
                "initiator_password": Secret(account.initiatorPassword),
            ],
            organization: organization.id,
            environment: .test,
            account: standard?.name ?? .main
        )
        return Organization(id: organization.id, apiKey: try await apiKey(of: organization.id, known: known))
    }

    private func profile(name: String, _ account: SimulatorAccount) -> Profile {
        Profile(
            environment: .test,
            shortCode: account.shortCode,
            shortCodeType: account.tillNumber == nil ? "paybill" : "till",
            tillNumber: account.tillNumber,
            organizationName: name,
            settings: ["b2c": ["initiator_name": .string(account.initiatorName)]]
        )
    }

    /// The key that dev.json remembers, while the store still has it; else a new one.
    private func apiKey(of organization: OrganizationID, known: JSON?) async throws -> String {
        if let text = known?.stringValue, let key = APIKeyText(text), key.organization == organization,
            try await app.store.apiKey(key.id, organization: organization)?.revokedAt == nil
        {
            return text
        }
        let key = APIKeyText(
            environment: .test,
            organization: organization,
            id: APIKeyID(app.entropy.identifier()),
            secret: SecureRandom.bytes(20)
        )
        let text = key.text.reveal()
        try await app.store.save(
            APIKey(
                id: key.id,
                organization: organization,
                name: "demo",
                prefix: key.prefix,
                hash: SHA256.digest(Array(text.utf8)).bytes,
                environment: .test,
                role: .manager,
                scopes: nil
            )
        )
        return text
    }

    /// One user of each role; the super administrator belongs to the organization that runs the gateway.
    private func users(of organization: OrganizationID, known: JSON?) async throws -> [JSON] {
        let host = try await HostOrganization.find(in: app.store, app.entropy)
        var users: [JSON] = []
        for role in Role.allCases {
            let name = role.rawValue.filter { $0 != "_" }
            let (owner, slug) =
                role == .superAdmin ? (host.id, Gateway.Organization.hostSlug) : (organization, "demo")
            let existing = try await app.store.user(named: name, organization: owner)
            let told = known?["users"]?.arrayValue?
                .first { $0["username"] == .string(name) && $0["organization"] == .string(slug) }
            if existing != nil, let told {
                users.append(told)
                continue
            }
            let password = CrockfordBase32.encode(SecureRandom.bytes(10))
            var mustName = JSON.bool(false)
            if let existing {
                let hash = try await app.passwords.hash(Secret(password))
                _ = try await app.store.change(existing.id, organization: owner) { $0.passwordHash = hash }
            } else {
                let person = NewPerson(
                    username: name,
                    email: "\(name)@demo.example",
                    password: Secret(password),
                    role: role
                )
                let made = try await person.make(of: owner, in: app.store, app.passwords, app.entropy)
                mustName = made["must_name_organization"] ?? false
            }
            users.append([
                "username": .string(name), "password": .string(password), "role": .string(role.rawValue),
                "organization": .string(slug), "must_name_organization": mustName,
            ])
        }
        return users
    }
}
