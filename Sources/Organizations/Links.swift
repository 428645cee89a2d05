import Cryptography
import Gateway
import OrderedJSON

/// Links by which somebody sets their password once: made by an administrator, shown to them once, told by them to whom
/// it is for.
struct Links: Sendable {
    let house: Administration

    /// How long an invitation is good.
    static let invitationLife = Duration.seconds(7 * 86_400)
    /// How long a reset is good.
    static let resetLife = Duration.seconds(24 * 3600)
    /// How long a link is good that somebody asked for without proving who they are.
    static let forgottenLife = Duration.seconds(3600)
    /// How many letters an organization mails in an hour; the link of another one is shown, and not mailed.
    static let lettersMax = 30
    /// How many of them to one address.
    static let lettersToOneMax = 5

    /// Of a link that was made.
    static let schema: JSON = [
        "type": "object", "required": ["user", "mail"],
        "properties": [
            "user": DirectoryDocuments.userSchema,
            "token": [
                "type": "string",
                "description": "For POST /auth/reset-password; shown this once.",
            ],
            "expires_at": ["type": "string"], "mail": Letters.schema,
        ],
    ]

    /// Who makes a link, as the audit shows them.
    struct Author: Sendable {
        let call: CallID
        let subject: String
        let address: String?

        /// A line about somebody's password.
        func line(
            _ action: String,
            _ outcome: AuditRecord.Outcome,
            of user: User,
            _ entropy: Entropy,
            detail: JSON? = nil
        ) -> AuditRecord {
            AuditRecord(
                id: entropy.identifier(),
                organization: user.organization,
                at: entropy.now(),
                call: call,
                subject: subject,
                action: action,
                door: "rest",
                outcome: outcome,
                address: address,
                detail: detail?.text
            )
        }
    }

    /// Makes a link in the place of any other of the user's, and mails it where mail is set up; one that was asked for
    /// without a proof takes the place of its like alone.
    ///
    /// Whoever asked sees it whatever became of the letter, and what did.
    ///
    /// - Parameter organization: The user's, where it is not that of whoever asks.
    func make(
        _ purpose: OneTimeLink.Purpose,
        for user: User,
        of organization: Organization? = nil,
        _ use: Action.Use
    ) async throws(GatewayError) -> JSON {
        let author = Author(call: use.call, subject: use.principal.subjectText, address: use.address)
        let made = try await make(purpose, for: user, of: organization ?? use.membership.organization, by: author)
        return [
            "user": DirectoryDocuments.document(user), "token": .string(made.token.reveal()),
            "expires_at": .string(made.expiresAt.description), "mail": made.mail,
        ]
    }

    /// The same for whoever is named as its author.
    func make(
        _ purpose: OneTimeLink.Purpose,
        for user: User,
        of organization: Organization,
        by author: Author
    ) async throws(GatewayError) -> (token: Secret<String>, expiresAt: Timestamp, mail: JSON) {
        let text = LinkText(
            organization: user.organization,
            id: house.parts.entropy.identifier(),
            secret: SecureRandom.bytes(20)
        )
        let link = OneTimeLink(
            id: text.id,
            organization: user.organization,
            user: user.id,
            purpose: purpose,
            hash: text.hash,
            expiresAt: house.parts.entropy.now() + Links.life(of: purpose)
        )
        try await house.parts.people.save(link)
        return (text.text, link.expiresAt, try await mail(text.text, purpose, to: user, of: organization, author))
    }

    private static func life(of purpose: OneTimeLink.Purpose) -> Duration {
        switch purpose {
        case .invitation: invitationLife
        case .reset: resetLife
        case .forgotten: forgottenLife
        }
    }

    /// Mails a link; what became of it stands in the audit too.
    private func mail(
        _ text: Secret<String>,
        _ purpose: OneTimeLink.Purpose,
        to user: User,
        of organization: Organization,
        _ author: Author
    ) async throws(GatewayError) -> JSON {
        guard let letters = house.parts.letters else { return ["state": "off"] }
        let state: LetterState
        do throws(GatewayError) {
            // The operator's name stands in them: nobody's mill for letters to whomever they like. Whoever forgot a password
            // has been counted before.
            if purpose != .forgotten {
                _ = try house.lettering.begin(name: user.email.lowercased(), address: "\(organization.id)")
            }
            state = await letters.send(text, purpose, to: user, of: organization)
        } catch { state = .failed("too many letters within the hour; hand the link over yourself") }
        var detail: JSONObject = ["user": .string(user.id.description), "purpose": .string(purpose.rawValue)]
        if case .failed(let reason) = state { detail["reason"] = .string(reason) }
        let outcome: AuditRecord.Outcome = state == .sent ? .success : .failed
        let line = author.line("LINK_MAILED", outcome, of: user, house.parts.entropy, detail: .object(detail))
        try await house.parts.audit.append([line], usage: [])
        guard case .failed(let reason) = state else { return ["state": "sent"] }
        return ["state": "failed", "reason": .string(reason)]
    }

    /// The link that a text names, while it is good.
    func find(_ text: Secret<String>) async throws(GatewayError) -> OneTimeLink? {
        guard let named = LinkText(text.reveal()),
            let link = try await house.parts.people.link(named.id, organization: named.organization),
            constantTimeEquals(link.hash, named.hash), house.parts.entropy.now() < link.expiresAt
        else { return nil }
        return link
    }
}

/// The text of a link: `otl_<organization>_<link>_<secret>`.
struct LinkText {
    let organization: OrganizationID
    let id: Identifier
    let text: Secret<String>

    init?(_ text: String) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "otl", parts[3].utf8.count == 32,
            let organization = CrockfordBase32.decode(String(parts[1])).flatMap({ Identifier(bytes: $0) }),
            let id = CrockfordBase32.decode(String(parts[2])).flatMap({ Identifier(bytes: $0) })
        else { return nil }
        self.organization = OrganizationID(organization)
        self.id = id
        self.text = Secret(text)
    }

    init(organization: OrganizationID, id: Identifier, secret: [UInt8]) {
        self.organization = organization
        self.id = id
        text = Secret(
            "otl_" + [organization.raw.bytes, id.bytes, secret].map(CrockfordBase32.encode).joined(separator: "_")
        )
    }

    /// What the store keeps of it.
    var hash: [UInt8] { SHA256.digest(text.reveal()).bytes }
}
