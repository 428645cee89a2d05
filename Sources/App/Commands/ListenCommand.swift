import ArgumentParser
import Cryptography
import Egress
import Foundation
import Gateway
import OrderedJSON
import Webhooks

/// `listen`: brings events to a program on this machine, as webhooks bring them to one on the internet.
struct ListenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listen",
        abstract: "Bring events to a program on this machine, signed as webhooks are.",
        discussion: """
            Each event is posted to the address once, with the headers of Standard Webhooks 1.0 and signed with a secret \
            that is printed first; what is answered is printed, and nothing is sent again. --after brings events of \
            before once more. The gateway is found by GATEWAY_URL, and the credential by GATEWAY_API_KEY.
            """
    )

    @Option(help: "Where to, such as http://127.0.0.1:3000/hooks: this machine alone.") var forwardTo: String
    @Option(help: "The cursor to go on from; now unless said.") var after = "now"
    @Option(help: "Of these types alone, between commas.") var types: String?
    @Option(help: "test or live, for a person's token; a key has its own.") var environment: String?
    @Option(help: "The secret to sign with, whsec_…; a new one unless said.") var secret: String?

    func run() async throws {
        try await GatewayClient.running { client throws(GatewayError) in
            let place = try ListenCommand.receiver(forwardTo)
            let secret = try ListenCommand.secret(self.secret)
            print("The secret is \(secret.given)")
            fflush(nil)
            // A client of its own: the other one may be kept waiting.
            let curl = CurlClient()
            defer { curl.shutdown() }
            let wish = FeedFollower.Wish(after: after, types: types, environment: environment)
            var follower = FeedFollower(client: client, wish: wish)
            try await follower.run { (event, bytes) async throws(GatewayError) in
                let answer = await ListenCommand.post(event, bytes, to: place, secret, curl)
                let words = [event["type"], event["subject"]].compactMap { $0?.stringValue }.joined(separator: " ")
                print(PlainText.lines.shown("\(answer) \(words)"))
                fflush(nil)
            }
        }
    }

    /// - Throws: `invalidArgument` for what is not on this machine: events would leave it unseen.
    static func receiver(_ text: String) throws(GatewayError) -> String {
        let url = URL(string: text)
        let isHere = ["localhost", "127.0.0.1", "::1", "[::1]"].contains(url?.host()?.lowercased() ?? "")
        guard let url, isHere, ["http", "https"].contains(url.scheme?.lowercased()), url.user() == nil else {
            throw GatewayError(
                .invalidArgument,
                "--forward-to: expected an address on this machine, such as \(example)."
            )
        }
        return text
    }

    /// What was given, or a new one.
    static func secret(_ text: String?) throws(GatewayError) -> WebhookKey {
        let key = text.map { WebhookKey($0) } ?? WebhookKey(.symmetric, bytes: SecureRandom.bytes(32))
        guard let key else {
            throw GatewayError(.invalidArgument, "--secret: expected whsec_ and 24 to 64 bytes in base64.")
        }
        return key
    }

    private static let example = "http://127.0.0.1:3000/hooks"

    /// What came of it: the status, or why there was none.
    private static func post(
        _ event: JSON,
        _ bytes: [UInt8],
        to place: String,
        _ secret: WebhookKey,
        _ curl: CurlClient
    ) async -> String {
        let (id, seconds) = (event["id"]?.stringValue ?? "", Timestamp.now.milliseconds / 1_000)
        let request = HTTPRequest(
            method: "POST",
            url: place,
            headers: [
                ("Content-Type", "application/json"), ("webhook-id", id), ("webhook-timestamp", String(seconds)),
                ("webhook-signature", (try? secret.signature(of: bytes, id: id, at: seconds)) ?? ""),
            ],
            body: bytes,
            timeout: .seconds(15),
            answerBytesMax: 64 << 10
        )
        switch await curl.send(request) {
        case .answered(let status, _): return String(status)
        case .notSent(let reason), .unknown(let reason): return "no answer (\(reason))"
        }
    }
}
