import Gateway
import OrderedJSON

/// One's own second factor: set up, confirmed by a code, given new recovery codes, taken away.
///
/// Each asks for the password again: whoever found a session alone changes nothing about how its owner is known.
struct SecondFactorActions: Sendable {
    let house: Administration

    var all: [Action] { [begin, confirm, renew, remove] }

    private static let code: JSON = [
        "type": "string", "pattern": "^([0-9]{6}|[0-9A-Za-z]{16})$",
        "description": "Six digits of the authenticator; or a recovery code.",
    ]

    private static let proof: JSONObject = ["password": Arguments.currentPassword, "code": code]
    private static let secrets = [JSONPointer(tokens: ["password"]), JSONPointer(tokens: ["code"])]

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
            arguments: ["password": Arguments.currentPassword],
            required: ["password"],
            output: .data([
                "type": "object",
                "properties": [
                    "secret": ["type": "string"], "uri": ["type": "string"],
                    "recovery_codes": ["type": "array", "items": ["type": "string"]],
                ],
            ]),
            sensitive: [JSONPointer(tokens: ["password"])],
            shownOnce: ["secret", "uri", "recovery_codes"]
        ) { [house] use throws(GatewayError) in
            let user = try await house.proven(use)
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
            summary: """
                Shows a code of the authenticator: from now on one is asked at every log-in. Every other session of the \
                user ends, because none was asked for it.
                """,
            route: Route("POST", "/auth/second-factor/confirm"),
            arguments: SecondFactorActions.proof,
            required: ["password", "code"],
            output: .data(["type": "null"]),
            sensitive: SecondFactorActions.secrets
        ) { use throws(GatewayError) in
            try await take(use, SecondFactors.Beside(endingAllBut: use.principal.session))
            return .data(.null, message: "A code is asked at every log-in from now on.")
        }
    }

    private var renew: Action {
        Action(
            SecondFactorActions.own("second_factor.renew_recovery", "SECOND_FACTOR_RECOVERY_RENEWED"),
            title: "Make new recovery codes",
            summary: "Shown this once; those that there were count no more.",
            route: Route("POST", "/auth/second-factor/recovery-codes", status: 201),
            arguments: SecondFactorActions.proof,
            required: ["password", "code"],
            output: .data([
                "type": "object", "properties": ["recovery_codes": ["type": "array", "items": ["type": "string"]]],
            ]),
            sensitive: SecondFactorActions.secrets,
            shownOnce: ["recovery_codes"]
        ) { use throws(GatewayError) in
            let recovery = SecondFactors.newRecovery()
            try await take(use, SecondFactors.Beside(recovery: recovery), confirmed: true)
            return .data(
                ["recovery_codes": .array(recovery.map { .string($0) })],
                message: "Keep the recovery codes: they are shown this once."
            )
        }
    }

    private var remove: Action {
        Action(
            SecondFactorActions.own("second_factor.remove", "SECOND_FACTOR_REMOVED"),
            title: "Take one's second factor away",
            summary: "By a code of it.",
            route: Route("POST", "/auth/second-factor/remove"),
            arguments: SecondFactorActions.proof,
            required: ["password", "code"],
            output: .data(["type": "null"]),
            sensitive: SecondFactorActions.secrets
        ) { [house] use throws(GatewayError) in
            let user = try await take(use)
            try await house.parts.people.removeFactor(of: user.id, organization: user.organization)
            house.forget()
            return .data(.null, message: "No code is asked any more.")
        }
    }

    /// Takes a code of somebody who has shown their password.
    @discardableResult
    private func take(
        _ use: Action.Use,
        _ beside: SecondFactors.Beside = SecondFactors.Beside(),
        confirmed: Bool = false
    ) async throws(GatewayError) -> User {
        let user = try await house.proven(use)
        guard user.hasSecondFactor || !confirmed else {
            throw GatewayError(.conflict, "There is no second factor yet. Set one up first.")
        }
        let attempt = try house.parts.throttle.begin(codeOf: user.id)
        guard let factors = house.parts.factors else { throw SecondFactorActions.none }
        switch try await factors.take(use.text("code") ?? "", of: user.id, organization: user.organization, beside) {
        case .taken: break
        case .used:
            throw Administration.wrong("code", "the next code that the authenticator shows: this one was used already")
        case .wrong: throw Administration.wrong("code", "the code that the authenticator shows now")
        }
        house.parts.throttle.giveBack(attempt)
        house.forget()
        return user
    }
}
