import Cryptography
import Gateway
import Logging
import OrderedJSON
import Synchronization

/// Sends letters by a mail server, or to an address of the web: whichever the operator's settings name, and nobody else.
///
/// By SMTP with TLS, from the first byte (`smtps`) or from STARTTLS on (`smtp`); without it to this machine alone. A
/// letter holds what lets somebody in, so nothing of it is logged, and a server that cannot be trusted gets none.
package struct LetterBox: Mailer {
    /// Where letters go.
    package struct Settings: Sendable {
        /// `smtp://host:587`, `smtps://host:465`, or `https://host/path`.
        package var url: String
        /// Who they are from.
        package var sender: MailAddress
        /// The name that the mail server knows the gateway by; nil where it asks for none.
        package var user: String?
        /// Its password; for an address of the web the bearer token.
        package var password: Secret<String>?
        /// The authorities that may vouch for the server (a PEM file); nil for the system's.
        package var certificateFile: String?
        /// How long a connection may take.
        ///
        /// Default 5 s.
        package var connectTimeout: Duration = .seconds(5)
        /// How long a server may take from then on.
        ///
        /// Default 15 s.
        package var timeout: Duration = .seconds(15)
        /// How many letters may be on their way; more are refused.
        ///
        /// Default 20.
        package var openMax = 20

        /// The defaults.
        package init(url: String, sender: MailAddress) {
            self.url = url
            self.sender = sender
        }
    }

    private final class Count: Sendable {
        let open = Mutex(0)
    }

    private let client: CurlClient
    private let entropy: Entropy
    private let logger: Logger
    private let settings: Settings
    private let place: Place
    private let count = Count()

    /// Where letters go, as it was read.
    enum Place: Equatable {
        /// A mail server; TLS from the first byte, from STARTTLS on, or none.
        case server(url: String, startsTLS: Bool)
        /// An address of the web.
        case web(String)

        /// Reads it; `isVouchedFor` where somebody is named who vouches for the server, be it on this machine.
        init?(_ url: String, domain: String, isVouchedFor: Bool = false) {
            if BaseURL(url) != nil {
                self = .web(url)
                return
            }
            let isTLS = url.lowercased().hasPrefix("smtps://")
            guard isTLS || url.lowercased().hasPrefix("smtp://"),
                let base = BaseURL("https://" + url.dropFirst(isTLS ? 8 : 7)), base.path.isEmpty
            else { return nil }
            let port = base.port ?? (isTLS ? 465 : 587)
            // The path is the name by which libcurl greets.
            let place = "\(isTLS ? "smtps" : "smtp")://\(base.host):\(port)/\(domain)"
            self = .server(url: place, startsTLS: !isTLS && (!base.isOnLoopback || isVouchedFor))
        }
    }

    /// Makes it of its parts.
    /// - Throws: `notConfigured` where the address is of no form that is known.
    package init(client: CurlClient, entropy: Entropy, logger: Logger, settings: Settings) throws(GatewayError) {
        let isVouchedFor = settings.certificateFile != nil
        guard let place = Place(settings.url, domain: settings.sender.domain, isVouchedFor: isVouchedFor) else {
            throw GatewayError(
                .notConfigured,
                "GATEWAY_MAIL_URL: expected smtp://HOST:PORT, smtps://HOST:PORT or an https address."
            )
        }
        self.place = place
        self.client = client
        self.entropy = entropy
        self.logger = logger
        self.settings = settings
    }

    package func send(_ letter: Letter) async -> LetterState {
        guard let recipient = MailAddress(letter.recipient) else {
            return .failed("the address is none that mail is sent to")
        }
        let isTaken = count.open.withLock { open in
            guard open < settings.openMax else { return false }
            open += 1
            return true
        }
        guard isTaken else { return .failed("too many letters are on their way") }
        defer { count.open.withLock { $0 -= 1 } }
        let outcome = await client.send(request(letter, to: recipient))
        guard case .failed(let reason) = state(of: outcome) else { return .sent }
        logger.warning("a letter was not sent", metadata: ["reason": "\(reason)"])
        return .failed(reason)
    }

    private func request(_ letter: Letter, to recipient: MailAddress) -> HTTPRequest {
        var request: HTTPRequest
        switch place {
        case .server(let url, let startsTLS):
            let message = MailMessage(
                sender: settings.sender,
                recipient: recipient,
                subject: letter.subject,
                text: letter.text.reveal(),
                sentAt: entropy.now(),
                id: entropy.identifier()
            )
            request = HTTPRequest(method: "MAIL", url: url, body: message.bytes)
            request.envelope = MailEnvelope(
                sender: settings.sender.description,
                recipient: recipient.description,
                startsTLS: startsTLS,
                user: settings.user,
                password: settings.password
            )
        case .web(let url):
            let document: JSON = [
                "to": .string(recipient.description), "subject": .string(letter.subject),
                "text": .string(letter.text.reveal()),
            ]
            request = HTTPRequest(method: "POST", url: url, body: document.bytes)
            request.headers = [("Content-Type", "application/json")]
            if let token = settings.password { request.headers.append(("Authorization", "Bearer " + token.reveal())) }
        }
        request.connectTimeout = settings.connectTimeout
        request.timeout = settings.timeout
        request.answerBytesMax = 16 << 10
        request.trust = settings.certificateFile.map { .file($0) } ?? .system
        return request
    }

    private func state(of outcome: HTTPOutcome) -> LetterState {
        switch outcome {
        case .answered(let status, _) where (200..<300).contains(status): .sent
        case .answered(let status, _): .failed("the server answered \(status)")
        case .notSent(let reason): .failed(reason)
        case .unknown(let reason): .failed(reason + "; it may have been taken all the same")
        }
    }
}
