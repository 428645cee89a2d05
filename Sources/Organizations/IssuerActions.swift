import Gateway
import OrderedJSON

/// Issuers whose tokens the organization takes: its own log-in service, say.
///
/// A token acts as one of the organization's keys, which stands here by the token's subject, and whoever decides that
/// holds as much as whoever has seen the key's secret: they approve nothing that it asks for.
struct IssuerActions: Sendable {
    let house: Administration

    var all: [Action] { [list, create, update, delete, offered, accept] }

    static let schema: JSON = [
        "type": "object",
        "required": [
            "id", "issuer", "environment", "algorithms", "subjects", "is_active", "resource", "version",
        ],
        "properties": [
            "id": ["type": "string"],
            "issuer": ["type": "string", "description": "What its tokens say in iss."],
            "environment": Arguments.environment,
            "keys_url": ["type": "string", "description": "Absent: where its metadata says."],
            "algorithms": ["type": "array", "items": ["type": "string"]],
            "key": ["type": "string", "description": "As which key everybody acts who is not among the subjects."],
            "subjects": [
                "type": "array",
                "items": [
                    "type": "object", "required": ["subject", "key"],
                    "properties": ["subject": ["type": "string"], "key": ["type": "string"]],
                ],
            ],
            "accepted": [
                "type": "string",
                "description": "Which of the operator's issuers it is; its keys and algorithms are that one's.",
            ],
            "is_active": ["type": "boolean"],
            "resource": [
                "type": "string", "description": "What its tokens must say in aud: the organization's address of MCP.",
            ],
            "version": ["type": "integer"],
        ],
    ]

    static let url: JSON = [
        "type": "string", "minLength": 9, "maxLength": .integer(Int64(TokenIssuer.urlBytesMax)),
        "description": "To the letter what its tokens say in iss, such as https://login.example.com.",
    ]
    static let key: JSON = [
        "type": ["string", "null"], "maxLength": 64,
        "description":
            "The id of the key that everybody acts as who is not among the subjects; without it nobody else may.",
    ]
    static let keysURL: JSON = [
        "type": ["string", "null"], "maxLength": .integer(Int64(TokenIssuer.urlBytesMax)),
        "description": "Where its public keys are (jwks_uri); left out, its metadata says.",
    ]
    static let algorithms: JSON = [
        "type": "array", "minItems": 1, "uniqueItems": true,
        "items": ["enum": .array(SigningAlgorithm.allCases.map { .string($0.rawValue) })],
        "description": "By what its tokens may be signed; RS256 and ES256 unless said.",
    ]
    static let subjects: JSON = [
        "type": "array", "maxItems": .integer(Int64(TokenIssuer.subjectsMax)),
        "items": [
            "type": "object", "required": ["subject", "key"], "additionalProperties": false,
            "properties": [
                "subject": [
                    "type": "string", "minLength": 1, "maxLength": .integer(Int64(TokenIssuer.subjectBytesMax)),
                    "pattern": "^[!-~]+$",
                ],
                "key": ["type": "string", "maxLength": 64],
            ],
        ],
        "description": "As which key each subject (sub) acts; all of them are said anew.",
    ]

    static let missing = GatewayError(.notFound, "There is no issuer with this id.")

    // MARK: Looking

    private var list: Action {
        Action(
            Administration.rules("issuers.list", "ISSUERS_LISTED", writes: false, takesAway: true),
            title: "List issuers",
            summary: "Whose tokens the organization takes besides the gateway's own, and as which keys they act.",
            route: Route("GET", "/admin/issuers"),
            output: .data(["type": "array", "items": IssuerActions.schema])
        ) { [house] use throws(GatewayError) in
            let issuers = try await house.directory.issuers(of: use.principal.organization)
            return .data(.array(issuers.filter { $0.shared == nil }.map { document($0) }))
        }
    }

    // MARK: Changing

    private var create: Action {
        Action(
            Administration.rules("issuers.create", "ISSUER_CREATED"),
            title: "Register an issuer",
            summary: """
                Takes tokens (JWT) that this issuer signs for the organization's resource. Each acts as an API key that is \
                named here, with the scopes that both have; the secret of that key is not needed.
                """,
            route: Route("POST", "/admin/issuers", status: 201),
            arguments: [
                "issuer": IssuerActions.url, "environment": Arguments.environment, "keys_url": IssuerActions.keysURL,
                "algorithms": IssuerActions.algorithms, "key": IssuerActions.key, "subjects": IssuerActions.subjects,
            ],
            required: ["issuer", "environment"],
            output: .data(IssuerActions.schema),
            target: "id"
        ) { [house] use throws(GatewayError) in
            _ = try resource()
            let environment = use.text("environment").flatMap(Environment.init(rawValue:)) ?? .test
            var issuer = TokenIssuer(
                id: house.parts.entropy.identifier(),
                organization: use.principal.organization,
                url: use.text("issuer") ?? "",
                environment: environment
            )
            guard TokenIssuer.isAddress(issuer.url, in: environment) else {
                throw Administration.wrong("issuer", IssuerActions.address(environment))
            }
            try change(&issuer, use)
            try await hold(issuer, use)
            try await house.directory.save(issuer)
            house.forget()
            return .data(document(issuer), message: "Its tokens are taken from now on.")
        }
    }

    private var update: Action {
        Action(
            Administration.rules("issuers.update", "ISSUER_UPDATED"),
            title: "Update an issuer",
            summary: """
                Changes what is given of it and leaves the rest; null takes it away. With is_active false none of its tokens \
                counts from now on.
                """,
            route: Route("PUT", "/admin/issuers/{id}"),
            arguments: [
                "id": Arguments.id, "keys_url": IssuerActions.keysURL, "algorithms": IssuerActions.algorithms,
                "key": IssuerActions.key, "subjects": IssuerActions.subjects, "is_active": ["type": "boolean"],
                "version": Arguments.version,
            ],
            output: .data(IssuerActions.schema)
        ) { use throws(GatewayError) in
            let known = try await find(use)
            let sight = Sight(use)
            _ = sight.meets(known.version)
            try sight.check()
            var wanted = known
            try await checkAccepted(known, use)
            try change(&wanted, use)
            if wanted.isActive { try await hold(wanted, use) }
            let changed = try await exchange(known, for: wanted, sight)
            return .data(document(changed), message: "The issuer was updated.")
        }
    }

    private var delete: Action {
        Action(
            Administration.rules("issuers.delete", "ISSUER_DELETED", takesAway: true),
            title: "Delete an issuer",
            summary: "None of its tokens counts from now on. The keys that they acted as stay.",
            route: Route("DELETE", "/admin/issuers/{id}"),
            arguments: ["id": Arguments.id],
            output: .data(["type": "null"])
        ) { [house] use throws(GatewayError) in
            let known = try await find(use)
            guard try await house.directory.removeIssuer(known.id, of: known.organization) else {
                throw IssuerActions.missing
            }
            house.forget()
            return .data(.null, message: "The issuer was deleted.")
        }
    }

    // MARK: Parts

    private func find(_ use: Action.Use) async throws(GatewayError) -> TokenIssuer {
        let id = Identifier(use.text("id") ?? "")
        let all = try await house.directory.issuers(of: use.principal.organization)
        guard let found = all.first(where: { $0.id == id && $0.shared == nil }) else { throw IssuerActions.missing }
        return found
    }

    /// Writes what it is to be, where it is still what was seen.
    func exchange(
        _ known: TokenIssuer,
        for wanted: TokenIssuer,
        _ sight: Sight,
        telling news: IssuerNews? = nil
    ) async throws(GatewayError) -> TokenIssuer {
        let changed = try await house.directory.changeIssuer(known.id, of: known.organization, telling: news) {
            issuer in
            // What was looked at, and nothing that others have made of it since.
            guard sight.meets(issuer.version), issuer.version == known.version else { return }
            issuer = wanted
        }
        house.forget()
        try sight.check()
        guard let changed else { throw IssuerActions.missing }
        var expected = wanted
        expected.version = changed.version
        guard changed == expected else {
            throw GatewayError(.conflict, "The issuer is being changed by others. Try again.")
        }
        return changed
    }

    /// What is among the arguments, in the place of what was there.
    func change(_ issuer: inout TokenIssuer, _ use: Action.Use) throws(GatewayError) {
        if let url = use.arguments["keys_url"] {
            issuer.keysURL = url.stringValue
            if let url = url.stringValue, !TokenIssuer.isAddress(url, in: issuer.environment) {
                throw Administration.wrong("keys_url", IssuerActions.address(issuer.environment))
            }
        }
        if let names = use.arguments["algorithms"]?.arrayValue {
            issuer.algorithms = names.compactMap { $0.stringValue.flatMap(SigningAlgorithm.init(rawValue:)) }
        }
        if let key = use.arguments["key"] {
            issuer.key = try key.stringValue.map { (text) throws(GatewayError) in try IssuerActions.key(text, "key") }
        }
        if let links = use.arguments["subjects"]?.arrayValue {
            issuer.subjects = [:]
            for link in links {
                let subject = link["subject"]?.stringValue ?? ""
                guard TokenIssuer.isSubject(subject), issuer.subjects[subject] == nil else {
                    throw Administration.wrong("subjects", "each subject once")
                }
                issuer.subjects[subject] = try IssuerActions.key(link["key"]?.stringValue ?? "", "subjects")
            }
        }
        if let isActive = use.flag("is_active") { issuer.isActive = isActive }
    }

    private static func key(_ text: String, _ name: String) throws(GatewayError) -> APIKeyID {
        guard let id = APIKeyID(text) else { throw Administration.wrong(name, "ids of the organization's keys") }
        return id
    }

    /// Refuses keys that there are not, or that do more than whoever names them; and notes on each who it was.
    func hold(_ issuer: TokenIssuer, _ use: Action.Use) async throws(GatewayError) {
        let now = house.parts.entropy.now()
        var readers: [(APIKeyID, UserID)] = []
        for id in issuer.keys.sorted(by: { $0.raw < $1.raw }) {
            let key = try await house.directory.apiKey(id, organization: issuer.organization)
            guard let key, key.isInForce(at: now), key.environment == issuer.environment else {
                throw GatewayError(
                    .invalidArgument,
                    "\(id) is no key of the organization that is in force in \(issuer.environment.rawValue)."
                )
            }
            try KeyActions.check(max(key.role, key.pending?.reach.role ?? key.role), use)
            if let reader = try KeyActions.reader(of: key, use) { readers.append((id, reader)) }
        }
        for (id, reader) in readers {
            _ = try await house.directory.change(id, organization: issuer.organization) { key in
                if !key.knownTo.contains(reader) { key.knownTo.append(reader) }
            }
        }
    }

    func resource() throws(GatewayError) -> ProtectedResource {
        guard let resources = house.parts.authenticate.resources else {
            throw GatewayError(.notSupported, "This gateway takes no tokens but its own.")
        }
        return resources.resource
    }

    static func address(_ environment: Environment) -> String {
        environment == .live
            ? "an address such as https://login.example.com" : "an address such as http://127.0.0.1:9000"
    }

    func document(_ issuer: TokenIssuer) -> JSON {
        var document: JSONObject = [
            "id": .string(issuer.id.description), "issuer": .string(issuer.url),
            "environment": .string(issuer.environment.rawValue),
            "algorithms": .array(issuer.algorithms.map { .string($0.rawValue) }),
        ]
        document["keys_url"] = issuer.keysURL.map { .string($0) }
        document["key"] = issuer.key.map { .string($0.description) }
        document["subjects"] = .array(
            issuer.subjects.sorted { $0.key < $1.key }
                .map { ["subject": .string($0.key), "key": .string($0.value.description)] }
        )
        document["accepted"] = issuer.accepted.map { .string($0.description) }
        document["is_active"] = .bool(issuer.isActive)
        document["resource"] = .string(
            house.parts.authenticate.resources?.resource.name(of: issuer.organization) ?? ""
        )
        document["version"] = .integer(Int64(issuer.version))
        return .object(document)
    }
}
