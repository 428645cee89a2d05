import Gateway
import OrderedJSON

/// The letters that people get: a one-time link each.
package struct Letters: Sendable {
    /// What an operator sets.
    package struct Settings: Sendable {
        /// Where this gateway is reached.
        package var base: String
        /// The page on which people set a password: `{token}` in it is replaced; nil where there is none.
        package var page: String?
        /// Whether whoever has forgotten a password is written to, without an administrator.
        ///
        /// Default yes.
        package var mailsForgotten = true

        /// The defaults.
        package init(base: String, page: String? = nil) {
            self.base = base
            self.page = page
        }
    }

    private let mailer: any Mailer
    private let settings: Settings

    /// Makes it of its parts.
    package init(mailer: any Mailer, settings: Settings) {
        self.mailer = mailer
        self.settings = settings
    }

    /// Whether whoever has forgotten a password is written to.
    var mailsForgotten: Bool { settings.mailsForgotten }

    /// Of what became of a letter.
    static let schema: JSON = [
        "type": "object", "required": ["state"],
        "properties": [
            "state": [
                "enum": ["sent", "failed", "off"],
                "description": "Whether a mail server took it; off where the operator has set none up.",
            ],
            "reason": ["type": "string", "description": "Why it was not sent."],
        ],
    ]

    /// Sends a link to whom it was made for.
    func send(
        _ token: Secret<String>,
        _ purpose: OneTimeLink.Purpose,
        to user: User,
        of organization: Organization
    ) async -> LetterState {
        let isInvitation = purpose == .invitation
        let sentences =
            switch purpose {
            case .invitation:
                """
                You were invited to \(organization.name), as the user \(user.username). Set your password within seven days.
                """
            case .reset: "A new password may be set for \(user.username) of \(organization.name), within a day."
            case .forgotten:
                """
                Somebody asked for a new password for \(user.username) of \(organization.name). It may be set within an hour; \
                until then the old one is good.
                """
            }
        let text = """
            \(sentences)

            \(way(token))

            This counts once. If you did not expect it, leave it alone and tell an administrator of \(organization.name).

            """
        return await mailer.send(
            Letter(
                to: user.email,
                subject: (isInvitation ? "An invitation to " : "A new password at ") + organization.name,
                text: Secret(text)
            )
        )
    }

    private func way(_ token: Secret<String>) -> String {
        if let page = settings.page { return page.replacing("{token}", with: token.reveal()) }
        return """
            Send this token and your new password as {"token": …, "new_password": …} to
            POST \(settings.base)/auth/reset-password

            \(token.reveal())
            """
    }
}
