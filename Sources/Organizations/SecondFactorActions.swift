import Gateway
import OrderedJSON

/// One's own second factor: set up, confirmed by a code, taken away by one.
struct SecondFactorActions: Sendable {
    let house: Administration

    var all: [Action] { [begin, confirm, remove] }

    private static let code: JSON = [
        "type": "string", "pattern": "^([0-9]{6}|[0-9A-Za-z]{16})$",
        "description": "Of the authenticator; or a recovery code.",
    ]

    private static func own(_ name: String, _ audit: String) -> ActionRules {
        ActionRules(name, auditAction: audit, isPersonal: true, isOpenWhenSuspended: true)
    }

    private var begin: Action {
        Action(
            SecondFactorActions.own("second_factor.begin", "SECOND_FACTOR_BEGUN"),
            title: "Set up a second factor",
            summary: """
                A secret for an authenticator, and recovery codes, shown this once. It counts once a code of it was \
                shown to second_factor.confirm.
                """,
            route: Route("POST", "/auth/second-factor", status: 201),
            output: .data([
                "type": "object",
                "properties": [
                    "secret": ["type": "string"], "uri": ["type": "string"],
                    "recovery_codes": ["type": "array", "items": ["type": "string"]],
                ],
            ]),
            shownOnce: ["secret", "uri", "recovery_codes"]
        ) { [house] use throws(GatewayError) in
            let user = try await house.myself(use)
            guard let factors = house.parts.factors else { throw SecondFactorActions.none }
            let shown = try await factors.begin(user)
            let name = SecondFactorActions.escaped(user.username)
            let uri = "otpauth://totp/mpesa-gateway:\(name)?secret=\(shown.secret.reveal())&issuer=mpesa-gateway"
            return .data(
                [
                    "secret": .string(shown.secret.reveal()), "uri": .string(uri),
                    "recovery_codes": .array(shown.recovery.map { .string($0) }),
                ],
                message: "Keep the recovery codes: they are shown this once."
            )
        }
    }

    private static let none = GatewayError(.notSupported, "This gateway keeps no second factors.")

    private static func escaped(_ name: String) -> String {
        name.utf8
            .map { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: String(UnicodeScalar(byte))
                default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
                }
            }
            .joined()
    }

    private var confirm: Action {
        Action(
            SecondFactorActions.own("second_factor.confirm", "SECOND_FACTOR_SET"),
            title: "Confirm a second factor",
            summary: "Shows a code of the authenticator: from now on one is asked at every log-in.",
            route: Route("POST", "/auth/second-factor/confirm"),
            arguments: ["code": SecondFactorActions.code],
            required: ["code"],
            output: .data(["type": "null"]),
            sensitive: [JSONPointer(tokens: ["code"])]
        ) { use throws(GatewayError) in
            try await take(use)
            return .data(.null, message: "A code is asked at every log-in from now on.")
        }
    }

    private var remove: Action {
        Action(
            SecondFactorActions.own("second_factor.remove", "SECOND_FACTOR_REMOVED"),
            title: "Take one's second factor away",
            summary: "By a code of it.",
            route: Route("POST", "/auth/second-factor/remove"),
            arguments: ["code": SecondFactorActions.code],
            required: ["code"],
            output: .data(["type": "null"]),
            sensitive: [JSONPointer(tokens: ["code"])]
        ) { [house] use throws(GatewayError) in
            let user = try await take(use)
            try await house.parts.people.removeFactor(of: user.id, organization: user.organization)
            house.forget()
            return .data(.null, message: "No code is asked any more.")
        }
    }

    /// Takes a code; whoever found a session guesses as seldom as whoever knows the password.
    @discardableResult
    private func take(_ use: Action.Use) async throws(GatewayError) -> User {
        let user = try await house.myself(use)
        let attempt = try house.parts.throttle.begin(codeOf: user.id)
        guard let factors = house.parts.factors else { throw SecondFactorActions.none }
        guard
            try await factors.take(use.text("code") ?? "", of: user.id, organization: user.organization)
        else { throw Administration.wrong("code", "the code that the authenticator shows now") }
        house.parts.throttle.giveBack(attempt)
        house.forget()
        return user
    }
}
