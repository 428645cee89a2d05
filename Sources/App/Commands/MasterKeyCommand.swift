import ArgumentParser
import Gateway
import OrderedJSON

/// The master key of a running gateway: the operator's.
struct MasterKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "master-key",
        abstract: "The key that wraps every other, of a running gateway.",
        discussion: """
            The gateway is found by GATEWAY_MANAGEMENT_URL (default http://127.0.0.1:8081), and the operator's token by \
            GATEWAY_OPERATOR_TOKEN_FILE.
            """,
        subcommands: [Show.self, Rotate.self]
    )

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show which key wraps, and how many data keys an older one is still needed for."
        )

        func run() async throws {
            try await ManagementClient.running { client throws(GatewayError) in
                print(String(decoding: try await client.send("GET", "/master-key").bytes, as: UTF8.self))
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a new master key and wrap every data key by it, while the gateway serves."
        )

        func run() async throws {
            try await ManagementClient.running { client throws(GatewayError) in
                print(String(decoding: try await client.send("POST", "/master-key/rotate").bytes, as: UTF8.self))
            }
        }
    }
}
