import Cryptography
import Egress
import Foundation
import Gateway
import Logging
import Organizations

/// How people are written to, with its defaults: not at all.
struct MailSettings: Sendable {
    /// `GATEWAY_MAIL_URL`: a mail server, or an address of the web.
    var url: String?
    /// `GATEWAY_MAIL_FROM`: who letters are from.
    var sender: MailAddress?
    /// `GATEWAY_MAIL_USER`: the name that the server knows the gateway by.
    var user: String?
    /// `GATEWAY_MAIL_PASSWORD_FILE`.
    ///
    /// Secret.
    var passwordFile: String?
    /// `GATEWAY_MAIL_CA_FILE`: the authorities that alone may vouch for the server.
    var authoritiesFile: String?
    /// `GATEWAY_MAIL_LINK`: the page on which people set a password.
    var page: String?
    /// `GATEWAY_MAIL_FORGOTTEN`: whether whoever has forgotten a password is written to.
    var mailsForgotten = true

    /// The password in its file; nil where none is named.
    ///
    /// - Throws: `notConfigured` when it cannot be read or is empty.
    func password() throws(GatewayError) -> Secret<String>? {
        guard let file = passwordFile else { return nil }
        let bytes = try NamedFile.read(file, as: "GATEWAY_MAIL_PASSWORD_FILE: the file")
        let text = String(validating: bytes, as: UTF8.self)
        let line = text?.trimmingCharacters(in: .newlines) ?? ""
        guard !line.isEmpty, !line.contains(where: \.isNewline) else {
            throw GatewayError(
                .notConfigured,
                "GATEWAY_MAIL_PASSWORD_FILE: \(file) must hold the mail server's password, in one line."
            )
        }
        return Secret(line)
    }

    /// The file of authorities for the mail server; nil where the system's are trusted.
    ///
    /// - Throws: `notConfigured` when it cannot be read or holds no certificate: every letter would find that out anew.
    func authorities() throws(GatewayError) -> String? {
        guard let file = authoritiesFile else { return nil }
        let pem = try NamedFile.read(file, as: "GATEWAY_MAIL_CA_FILE: the file")
        guard Certificates.count(pem: pem) > 0 else {
            throw GatewayError(
                .notConfigured,
                "GATEWAY_MAIL_CA_FILE: \(file) must hold certificates of authorities as PEM. Without it the system's are trusted."
            )
        }
        return file
    }

    /// Links that people get by mail; nil where nobody writes to them.
    func letters(_ mailer: (any Mailer)?, base: String) -> Letters? {
        var settings = Letters.Settings(base: base, page: page)
        settings.mailsForgotten = mailsForgotten
        return mailer.map { Letters(mailer: $0, settings: settings) }
    }

    /// Who writes to people; nil where nobody does.
    ///
    /// - Throws: `notConfigured` when what is set does not go together.
    func mailer(
        _ client: CurlClient,
        _ entropy: Entropy,
        _ logger: Logger
    ) throws(GatewayError) -> (any Mailer)? {
        guard let url else { return nil }
        guard let sender else {
            throw GatewayError(
                .notConfigured,
                "GATEWAY_MAIL_URL needs GATEWAY_MAIL_FROM, the address letters are from."
            )
        }
        var box = LetterBox.Settings(url: url, sender: sender)
        box.user = user
        box.password = try password()
        box.certificateFile = try authorities()
        return try LetterBox(client: client, entropy: entropy, logger: logger, settings: box)
    }

    /// The settings, as the list has them.
    static let list: [Setting] = [
        .text(
            "MAIL_URL",
            "none: nobody is written to",
            "what sends letters with one-time links: `smtp://HOST:587` (STARTTLS, which must be there; on this machine only where `GATEWAY_MAIL_CA_FILE` is set), `smtps://HOST:465`, or an `https` address that is posted `to`, `subject` and `text`"
        ) { $1.mail.url = $0 },
        Setting(
            name: "MAIL_FROM",
            usual: "none",
            meaning: "the address that they are from",
            expected: "an address such as gateway@example.com"
        ) { text, settings in
            settings.mail.sender = MailAddress(text)
            return settings.mail.sender != nil
        },
        .text("MAIL_USER", "none", "the name that the mail server knows the gateway by") { $1.mail.user = $0 },
        .text(
            "MAIL_PASSWORD_FILE",
            "none",
            "its password in one line, or the bearer token of the `https` address; **secret**"
        ) { $1.mail.passwordFile = $0 },
        .text(
            "MAIL_CA_FILE",
            "the system's",
            "the authorities (certificates, PEM) that alone may vouch for the mail server"
        ) { $1.mail.authoritiesFile = $0 },
        Setting(
            name: "MAIL_LINK",
            usual: "none: letters hold the token",
            meaning: "the page on which people set a password, such as `https://console.example.com/password#{token}`",
            expected: "an https address that holds {token}, such as https://console.example.com/password#{token}"
        ) { text, settings in
            // Without it nobody could use the letter.
            guard text.contains("{token}"), text.hasPrefix("https://"), !text.contains(where: \.isWhitespace) else {
                return false
            }
            settings.mail.page = text
            return true
        },
        Setting(
            name: "MAIL_FORGOTTEN",
            usual: "person",
            meaning:
                "who `/auth/forgot-password` reaches: `person` mails a link to the account's address, `administrators` only leaves the line in their audit",
            expected: "person or administrators"
        ) { text, settings in
            settings.mail.mailsForgotten = text == "person"
            return ["person", "administrators"].contains(text)
        },
    ]
}
