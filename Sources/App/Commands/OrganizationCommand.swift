import ArgumentParser
import Gateway
import OrderedJSON

/// Organizations of a running host, changed from outside.
struct OrganizationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "organization",
        abstract: "Organizations of a running gateway; show and set are the operator's, by slug.",
        discussion: """
            The gateway is found by GATEWAY_MANAGEMENT_URL (default http://127.0.0.1:8081), and the operator's token by \
            GATEWAY_OPERATOR_TOKEN_FILE; `mpesa-gateway dev` writes both into dev.json. Every other verb is an action of the \
            main listener's, found by GATEWAY_URL and GATEWAY_API_KEY: without one, those there are are listed.
            """,
        subcommands: [Show.self, Set.self, WordCommand<Words.Organizations>.self],
        defaultSubcommand: WordCommand<Words.Organizations>.self
    )

    /// What a switch is set to.
    enum Position: String, ExpressibleByArgument, CaseIterable {
        case on, off
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show an organization.")

        @Argument(help: "The organization's slug.") var slug: String

        func run() async throws {
            try await ManagementClient.running { client throws(GatewayError) in
                let answer = try await client.send("GET", "/organizations/" + ManagementClient.escaped(slug))
                print(String(decoding: answer.bytes, as: UTF8.self))
            }
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set switches of an organization; the others stay as they are."
        )

        @Argument(help: "The organization's slug.") var slug: String
        @Option(help: "Whether a payout that M-Pesa does not know may be sent once more: on or off.")
        var resendsNotFound: Position?

        func validate() throws {
            guard resendsNotFound != nil else { throw ValidationError("Name a switch: --resends-not-found on|off.") }
        }

        func run() async throws {
            try await ManagementClient.running { client throws(GatewayError) in
                let switches = [("resends_not_found", resendsNotFound)]
                    .compactMap { name, position in
                        position.map { (name, $0.rawValue) }
                    }
                let path = "/organizations/" + ManagementClient.escaped(slug) + "/switches"
                print(String(decoding: try await client.send("POST", path, switches).bytes, as: UTF8.self))
            }
        }
    }
}
