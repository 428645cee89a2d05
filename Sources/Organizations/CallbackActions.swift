import Gateway
import OrderedJSON

/// Whether M-Pesa's callbacks would arrive: one is sent to this gateway by the name that M-Pesa is told.
///
/// It goes to no other address than what the organization's administrators or the operator have set, below which every
/// callback is; nothing of the answer but its status is shown.
struct CallbackActions: Sendable {
    let house: Administration

    var all: [Action] { [check] }

    /// Of the address below which M-Pesa calls back.
    static let baseURL: JSON = [
        "type": ["string", "null"], "maxLength": .integer(Int64(BaseURL.charactersMax)),
        "description": """
        Below which https address M-Pesa calls back for it, such as https://pay.example.com; null: the host's. What is \
        open already keeps the address that it was sent with, whose path stays good.
        """,
    ]

    /// The address among an update's arguments: nil where it is left out, an inner nil where it is taken away.
    static func base(in use: Action.Use) throws(GatewayError) -> BaseURL?? {
        guard let given = use.arguments["callback_base_url"] else { return nil }
        guard let text = given.stringValue else { return .some(nil) }
        guard let base = BaseURL(text) else {
            throw Administration.wrong(
                "callback_base_url",
                "https://, a host, perhaps a port and a path, and neither user nor query nor fragment"
            )
        }
        return .some(base)
    }

    // MARK: Check

    private static let schema: JSON = [
        "type": "object",
        "required": ["is_good", "callback_base_url", "is_own", "ended_at", "arrived", "milliseconds"],
        "properties": [
            "is_good": ["type": "boolean", "description": "Whether it arrived here, and nothing stands against it."],
            "callback_base_url": ["type": "string"],
            "is_own": ["type": "boolean", "description": "Whether it is the organization's own, or the host's."],
            "ended_at": [
                "enum": .array(ProbeJourney.End.allCases.map { .string($0.rawValue) }),
                "description": "How far it came: the name, its address, a connection, TLS, an answer.",
            ],
            "status": ["type": "integer", "description": "Of the HTTP answer."],
            "addresses": [
                "type": "array", "items": ["type": "string"], "description": "What the name led to.",
            ],
            "milliseconds": ["type": "integer"],
            "arrived": ["type": "boolean", "description": "Whether this gateway got it."],
            "source_address": ["type": "string", "description": "From where, as this gateway saw it."],
            "source_is_admitted": [
                "type": "boolean", "description": "Whether callbacks are taken from there, by the operator's list.",
            ],
            "findings": ["type": "array", "items": ["type": "string"], "description": "What is to be done."],
        ],
    ]

    private var check: Action {
        Action(
            Administration.rules("callbacks.check", "CALLBACKS_CHECKED"),
            title: "Check that callbacks arrive",
            summary: """
                Sends one callback to this gateway by the address that M-Pesa is told, and says what it met: name, \
                connection, TLS, answer, and from where it was seen to come. M-Pesa's own way here may differ.
                """,
            route: Route("POST", "/admin/callbacks/check"),
            output: .data(CallbackActions.schema),
            changes: false
        ) { [house] use throws(GatewayError) in
            guard let prober = house.parts.prober else {
                throw GatewayError(.notSupported, "This gateway sends nothing to itself.")
            }
            try count(use.principal.organization)
            let organization = try await house.directory.organization(use.principal.organization)
            let own = organization?.callbackBaseURL
            let base = own?.description ?? house.parts.addresses.base
            let probe = try house.parts.probes.begin(for: use.principal.organization)
            let journey = await prober.send(to: base + probe.path)
            let arrival = house.parts.probes.end(probe)
            let findings = CallbackFindings(base: base, journey: journey, arrival: arrival)
            var document: JSONObject = [
                "is_good": .bool(findings.all.isEmpty), "callback_base_url": .string(base), "is_own": .bool(own != nil),
                "ended_at": .string(journey.end.rawValue), "arrived": .bool(arrival != nil),
                "milliseconds": .integer(journey.duration.wholeMilliseconds),
                "addresses": .array(journey.addresses.map { .string($0) }),
                "findings": .array(findings.all.map { .string($0) }),
            ]
            document["status"] = journey.status.map { .integer(Int64($0)) }
            document["source_address"] = arrival?.address.map { .string($0) }
            document["source_is_admitted"] = arrival.map { .bool($0.isAdmitted) }
            return .data(
                .object(document),
                message: findings.all.isEmpty ? "A callback arrived." : "Callbacks would not arrive as they should."
            )
        }
    }

    private func count(_ organization: OrganizationID) throws(GatewayError) {
        do throws(GatewayError) {
            _ = try house.checks.begin(name: "\(organization)", address: "\(organization)")
        } catch {
            throw GatewayError(
                .rateLimited,
                "The organization's callbacks were checked too often.",
                retryAfter: error.retryAfter
            )
        }
    }
}

/// What stands against callbacks, in sentences for whoever can mend it.
struct CallbackFindings {
    let all: [String]

    init(base: String, journey: ProbeJourney, arrival: CallbackProbes.Arrival?) {
        var all = [CallbackFindings.way(journey, arrival)].compactMap { $0 }
        if let arrival, !arrival.isAdmitted {
            all.append(
                """
                It came from \(arrival.address ?? "an address that cannot be told"), from where no callbacks are taken \
                (GATEWAY_CALLBACK_SOURCES). That is as it should be only if callers' addresses are seen as they are: \
                behind a proxy, GATEWAY_TRUSTED_PROXIES must name it.
                """
            )
        }
        if !base.hasPrefix("https://") { all.append("The address is not https: M-Pesa in production calls no other.") }
        for word in CallbackFindings.refusedWords where base.lowercased().contains(word) {
            all.append("The address holds the word \(word), for which M-Pesa refuses some addresses.")
        }
        self.all = all
    }

    /// Source: Daraja, Customer To Business Register URL: words that an address must not hold.
    private static let refusedWords = ["mpesa", "m-pesa", "safaricom", "exe", "cmd", "sql", "query"]

    private static func way(_ journey: ProbeJourney, _ arrival: CallbackProbes.Arrival?) -> String? {
        let reason = journey.reason.map { " (\($0))" } ?? ""
        switch journey.end {
        case .name: return "The name has no address\(reason): look at its DNS records."
        case .address:
            return """
                The name leads to no public address, which M-Pesa cannot reach; this check connects to others only where \
                GATEWAY_CALLBACK_CHECK_PRIVATE names them.
                """
        case .connection: return "Nothing takes connections there\(reason): look at firewall and proxy."
        case .trust: return "TLS failed\(reason): the certificate must be trusted and be made for this name."
        case .answer: return "No whole answer came\(reason)."
        case .answered where arrival == nil:
            return """
                Somebody else answers there, with HTTP \(journey.status ?? 0): the name or the proxy leads not to this \
                gateway, or changes the path.
                """
        case .answered where journey.status != 200 && arrival?.isAdmitted ?? false:
            return "It arrived, and HTTP \(journey.status ?? 0) came back."
        case .answered: return nil
        }
    }
}
