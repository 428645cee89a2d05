import Gateway
import OrderedJSON

/// What administration stands on, and the rules that several of its actions share.
package struct Administration: Sendable {
    /// The parts it is made of.
    package struct Parts: Sendable {
        let directory: any DirectoryRepository
        let cache: DirectoryCache
        let authenticate: Authenticate
        let audit: any AuditRepository
        let credentials: any CredentialSafe
        let passwords: any Passwords
        let throttle: AttemptLimit
        let entropy: Entropy
        let registry: ToolRegistry
        let plans: any PlanRepository
        let quotas: Quotas
        let outlook: CallOutlook
        let usage: any UsageRepository
        let people: any PeopleRepository
        let factors: SecondFactors?
        let reading: any AuditReading
        let signer: AuditSigner?
        let owned: any OwnedDataRepository
        let addresses: CallbackAddresses
        let probes: CallbackProbes
        let prober: (any CallbackProbing)?
        let letters: Letters?
        let approvalLetters: ApprovalLetters?
        let records: any RecordRepository
        let batches: any BatchRepository

        /// Those of an assembled Gateway, and where secrets are sealed.
        package init(
            _ gateway: Assembly,
            credentials: any CredentialSafe,
            usage: any UsageRepository,
            people: any PeopleRepository,
            reading: any AuditReading,
            owned: any OwnedDataRepository,
            signer: AuditSigner? = nil,
            prober: (any CallbackProbing)? = nil,
            letters: Letters? = nil
        ) {
            directory = gateway.ports.store.directory
            cache = gateway.directory
            authenticate = gateway.authenticate
            audit = gateway.ports.store.audit
            self.credentials = credentials
            passwords = gateway.ports.passwords
            throttle = gateway.throttle
            entropy = gateway.ports.entropy
            registry = gateway.ports.registry
            plans = gateway.ports.store.plans
            quotas = gateway.quotas
            outlook = gateway.outlook
            self.usage = usage
            self.people = people
            factors = gateway.factors
            self.reading = reading
            self.signer = signer
            self.owned = owned
            addresses = gateway.addresses
            probes = gateway.probes
            self.prober = prober
            self.letters = letters
            approvalLetters = gateway.approvalLetters
            records = gateway.ports.store.records
            batches = gateway.ports.store.batches
        }
    }

    let parts: Parts
    /// How often an organization's secrets are tried with M-Pesa.
    let trials: AttemptLimit
    /// How often an organization's callbacks are checked.
    let checks: AttemptLimit
    /// How many files of an organization are being made while they are saved.
    let streams = StreamPlaces()
    /// How often an organization mails, and somebody is mailed to.
    let lettering: AttemptLimit
    var directory: any DirectoryRepository { parts.directory }

    /// Makes it of its parts.
    ///
    /// An organization's secrets are tried with M-Pesa at most `trialsMax` times an hour, and its callbacks checked as
    /// often: default 10.
    package init(_ parts: Parts, trialsMax: Int = 10) {
        self.parts = parts
        var settings = AttemptLimit.Settings()
        settings.ofName = RateLimit(units: trialsMax, per: .seconds(3600))
        settings.ofAddress = settings.ofName
        trials = AttemptLimit(entropy: parts.entropy, settings: settings)
        checks = AttemptLimit(entropy: parts.entropy, settings: settings)
        settings.ofName = RateLimit(units: Links.lettersToOneMax, per: .seconds(3600))
        settings.ofAddress = RateLimit(units: Links.lettersMax, per: .seconds(3600))
        lettering = AttemptLimit(entropy: parts.entropy, settings: settings)
    }

    /// Every action of it.
    package var actions: [Action] {
        OrganizationActions(house: self).all + OrganizationRescue(house: self).all + PlanActions(house: self).all
            + UserActions(house: self).all
            + KeyActions(house: self).all + KeyExplanation(house: self).all + CredentialActions(house: self).all
            + IssuerActions(house: self).all + SharedIssuerActions(house: self).all
            + AccountActions(house: self).all + CallbackActions(house: self).all
            + AuditActions(house: self).all
            + OwnershipActions(house: self, data: parts.owned).all + AuditProof(house: self, signer: parts.signer).all
            + UsageActions(house: self).all + InvoiceActions(house: self).all
            + PeopleActions(house: self).all + SecondFactorActions(house: self).all
    }

    /// Lets every call from now on feel what was changed.
    func forget() {
        parts.cache.forget()
        parts.authenticate.forget()
    }

    /// Writes a line in the chain of an organization that somebody of another one acted on.
    func note(_ action: String, on organization: OrganizationID, _ use: Action.Use) async throws(GatewayError) {
        let detail = use.arguments.masking([JSONPointer(tokens: ["admin_password"])], with: "•••")
        try await parts.audit.append([line(action, on: organization, use, detail)], usage: [])
    }

    /// A line in the chain of an organization.
    func line(
        _ action: String,
        on organization: OrganizationID,
        _ use: Action.Use,
        _ detail: JSON,
        error: GatewayError? = nil
    ) -> AuditRecord {
        AuditRecord(
            id: parts.entropy.identifier(),
            organization: organization,
            at: parts.entropy.now(),
            call: use.call,
            subject: use.principal.subjectText,
            action: action,
            door: "rest",
            outcome: error == nil ? .success : .failed,
            code: error?.code.rawValue,
            address: use.address,
            detail: detail.text
        )
    }

    /// A file that is made while it is saved, at most so many of an organization at once; how it ended is a line of the
    /// audit too, which `make` says more of.
    ///
    /// - Throws: `rateLimited` when there are too many.
    func stream(
        _ name: String,
        _ mediaType: String,
        ended: String,
        _ use: Action.Use,
        make: @escaping @Sendable (_ write: @escaping FileStream.Write) async throws(GatewayError) -> JSON
    ) throws(GatewayError) -> FileStream {
        let place = try streams.enter(use.principal.organization)
        let house = self
        return FileStream(name: name, mediaType: mediaType) { write throws(GatewayError) in
            defer { withExtendedLifetime(place) {} }
            let note = { (detail: JSON, error: GatewayError?) async throws(GatewayError) in
                let line = house.line(ended, on: use.principal.organization, use, detail, error: error)
                try await house.parts.audit.append([line], usage: [])
            }
            do throws(GatewayError) { try await note(try await make(write), nil) } catch {
                try await note([:], error)
                throw error
            }
        }
    }

    /// The rules of what an administrator does within their organization: a person alone changes it.
    ///
    /// - Parameter takesAway: Whether it only takes from somebody what they may, or shows what there is to take: neither a
    ///   quota that is spent nor a subscription that is over keeps anybody from that.
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
            scopes: [writes ? "administration:write" : "administration:read"],
            isPersonal: writes,
            isOpenWhenSuspended: takesAway
        )
    }

    /// The refusal of one argument.
    static func wrong(_ name: String, _ expected: String) -> GatewayError {
        .wrong(name, "expected \(expected).")
    }
}

/// The schemas of arguments that several actions take.
enum Arguments {
    /// An id in a path.
    static let id: JSON = ["type": "string", "maxLength": 64]
    /// How many a page shows.
    static let limit: JSON = ["type": "integer", "minimum": 1, "maximum": 100]
    /// An organization's name in addresses.
    static let slug: JSON = [
        "type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$",
        "description": "Small letters, digits and hyphens; unique, and said when people log in.",
    ]
    /// What people call something.
    static let name: JSON = ["type": "string", "minLength": 1, "maxLength": 128]
    /// What somebody logs in by.
    static let username: JSON = [
        "type": "string", "pattern": "^[A-Za-z0-9._@+-]{1,128}$",
        "description": "A name to log in by: letters, digits and . _ @ + -; at most 128.",
    ]
    /// An address.
    static let email: JSON = [
        "type": "string", "maxLength": 254, "pattern": "^[^ @]+@[^ @]+$",
        "description": "An address of e-mail, such as wanjiku@example.com.",
    ]
    /// A password, new or known.
    static let password: JSON = [
        "type": "string", "minLength": 12, "maxLength": 128,
        "description": "At least 12 characters; a few words are good.",
    ]
    /// One's own password, shown again.
    static let currentPassword: JSON = [
        "type": "string", "minLength": 1, "maxLength": 128, "description": "One's own, as it is now.",
    ]
    /// The four roles.
    static let role: JSON = ["enum": .array(Role.allCases.map { .string($0.rawValue) })]
    /// By which version the caller knows what is changed.
    static let version: JSON = [
        "type": "integer", "minimum": 1,
        "description": "As it was read (ETag, If-Match): where it was changed since, nothing is.",
    ]
    /// Names of tools.
    static let tools: JSON = [
        "type": ["array", "null"], "maxItems": 1000, "uniqueItems": true,
        "items": [
            "type": "string", "pattern": "^[a-z][a-z0-9_.-]{0,127}$",
            "description": "A tool's name in full, such as mpesa_stk_push.",
        ],
    ]
    /// Whether a change is only looked at.
    static let preview: JSON = [
        "type": "boolean",
        "description": "Whether nothing is changed, and the answer says who would lose what, and what is withdrawn.",
    ]
    /// Which M-Pesa.
    static let environment: JSON = [
        "enum": .array(Environment.allCases.map { .string($0.rawValue) }),
        "description": "live moves real money, test none.",
    ]
}

extension Action.Use {
    /// A role among the arguments.
    func role(_ name: String = "role") -> Role? { text(name).flatMap(Role.init(rawValue:)) }

    /// How many a page shows.
    var limit: Int { arguments["limit"]?.integerValue.map(Int.init) ?? 100 }

    /// Whether an argument is there and true; nil when it was left out.
    func flag(_ name: String) -> Bool? { arguments[name]?.boolValue }
}
