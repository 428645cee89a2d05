import ArgumentParser
import Foundation
import Gateway
import OrderedJSON

/// `events`: the feed of a running gateway, page by page or as it goes on.
struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: Words.Events.word,
        abstract: Words.Events.abstract,
        subcommands: [EventsTail.self, EventsResend.self, WordCommand<Words.Events>.self],
        defaultSubcommand: WordCommand<Words.Events>.self
    )
}

/// `events tail`: prints each event, a JSON line each, until it is stopped.
struct EventsTail: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Print events as they become true, a JSON line each.",
        discussion: """
            Goes on where --after says, which is the cursor that it prints on standard error when it ends by --once or was \
            cut off; after a cut it goes on by itself. The gateway is found by GATEWAY_URL, and the credential by GATEWAY_API_KEY.
            """
    )

    @Option(help: "The cursor to go on from; without it, from the first event that is kept; now for what comes next.")
    var after: String?
    @Option(help: "Of these types alone, between commas.") var types: String?
    @Option(help: "test or live, for a person's token; a key has its own.") var environment: String?
    @Flag(help: "End once there is nothing more.") var once = false

    func run() async throws {
        try await GatewayClient.running { client throws(GatewayError) in
            if once { return try await printAll(client) }
            let wish = FeedFollower.Wish(after: after, types: types, environment: environment)
            var follower = FeedFollower(client: client, wish: wish)
            try await follower.run { (event, _) async throws(GatewayError) in
                print(event.text)
                fflush(nil)
            }
        }
    }

    /// Page by page, until there is nothing more.
    private func printAll(_ client: GatewayClient) async throws(GatewayError) {
        let headers = environment.map { [("Gateway-Environment", $0)] } ?? []
        var (cursor, isMore) = (after, true)
        while isMore {
            let page = try await client.send(request(after: cursor), headers)
            if page["missed"] == true { tell("events after this cursor are no longer kept: some were missed") }
            for event in page["data"]?.arrayValue ?? [] { print(event.text) }
            fflush(nil)
            cursor = page["next_after"]?.stringValue ?? cursor
            isMore = page["has_more"] == true
        }
        tell("the cursor is \(cursor ?? "")")
    }

    private func request(after cursor: String?) -> Operation.Request {
        var query = ["limit=500"]
        if let cursor { query.append("after=" + ManagementClient.escaped(cursor)) }
        if let types { query.append("types=" + ManagementClient.escaped(types)) }
        return Operation.Request(method: "GET", path: "/events?" + query.joined(separator: "&"))
    }
}

/// `events resend`: has one event sent to a receiver once more.
struct EventsResend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resend",
        abstract: "Send one event to a webhook endpoint once more.",
        discussion: """
            The same id and the same bytes under a new signature, whether it arrived before or not. webhook replay and \
            webhook recover send many. The gateway is found by GATEWAY_URL, and the credential by GATEWAY_API_KEY.
            """
    )

    @Argument(help: "The event's id.") var event: String
    @Option(help: "The endpoint's id; the only one that is on unless said.") var to: String?
    @Option(help: "test or live, for a person's token; a key has its own.") var environment: String?
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        try await GatewayClient.running { client throws(GatewayError) in
            let headers = environment.map { [("Gateway-Environment", $0)] } ?? []
            var endpoint = to
            if endpoint == nil {
                let all = try await client.send(Operation.Request(method: "GET", path: "/webhooks"), headers)
                endpoint = try EventsResend.only(of: all["data"]?.arrayValue ?? [])
            }
            let path = "/webhooks/\(ManagementClient.escaped(endpoint ?? ""))/replay"
            let request = Operation.Request(method: "POST", path: path, body: ["event": .string(event)])
            AnswerText.print(try await client.send(request, headers), asJSON: json)
        }
    }

    /// The only endpoint that is on.
    ///
    /// - Throws: `invalidArgument` where there is none or another one.
    static func only(of endpoints: [JSON]) throws(GatewayError) -> String {
        let ids = endpoints.filter { $0["is_on"] == true }.compactMap { $0["id"]?.stringValue }
        guard let id = ids.first, ids.count == 1 else {
            let known = ids.isEmpty ? "an endpoint that is on" : "one of \(ids.joined(separator: ", "))"
            throw GatewayError(.invalidArgument, "--to: expected \(known).")
        }
        return id
    }
}
