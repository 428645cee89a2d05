import Addresses
import ArgumentParser
import Egress
import Foundation
import Gateway
import Ingress
import OrderedJSON
import Simulator

/// The whole system on one machine, with nothing else: SQLite, the Daraja simulator, demo organizations.
struct Dev: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the whole system for development: SQLite, a Daraja simulator, a demo organization."
    )

    @Option(help: "Port to listen on; 0 for any.") var port = 8080
    @Option(help: "Port of the management listener; 0 for any. 8081 unless said, any where --port is 0.")
    var managementPort: Int?
    @Option(name: .customLong("data-dir"), help: "The data folder.") var dataFolder = ".data/dev"
    @Option(help: "The plugins file.") var plugins = "plugins.json"
    @Option(help: "Use a simulator that runs elsewhere.") var simulatorURL: String?
    @Option(help: "Send to this upstream, and start no simulator; GATEWAY_DARAJA_URL means the same.")
    var upstream: String?
    @Option(help: "A file of recorded replies for paths that the simulator does not know: docs/simulator.md.")
    var replies: String?
    @Option(help: "How long the simulated customer takes to answer, in milliseconds.") var promptDelay = 1500
    @Option(help: "hybrid, rest or mcp.") var mode = "hybrid"

    func run() async throws {
        do {
            var settings = Settings()
            settings.logLevel = .warning
            try settings.read(ProcessInfo.processInfo.environment)
            settings.port = port == 0 ? FreePort.find() : port
            let management = Dev.managementPort(managementPort, beside: port)
            settings.managementPort = management == 0 ? FreePort.find() : management
            settings.dataFolder = dataFolder
            settings.pluginsFile = plugins
            settings.allowsUnsignedPlugins = true
            if settings.door.callbackCheckPrivate.isEmpty {
                settings.door.callbackCheckPrivate = ["127.0.0.0/8", "::1"].compactMap { AddressBlock($0) }
            }
            if settings.door.webhookPrivate.isEmpty {
                settings.door.webhookPrivate = ["127.0.0.0/8", "::1"].compactMap { ReachablePlace($0) }
            }
            if settings.door.issuerPrivate.isEmpty {
                settings.door.issuerPrivate = ["127.0.0.0/8", "::1"].compactMap { ReachablePlace($0) }
            }
            settings.mode = .init(rawValue: mode) ?? .hybrid
            let folder = try DataFolder(path: dataFolder)
            if settings.operatorTokenFile == nil { settings.operatorTokenFile = try folder.operatorTokenFile() }
            let simulator = try await chooseUpstream(&settings, folder)
            let app = try await App.build(settings, folder: folder, makesMasterKey: true)
            simulator?.answerUnknown(by: Dev.stubs(of: app.registry))
            let document = try await writeDocument(app, folder)
            let mode = settings.mode
            try folder.announce(app.settings)
            try await app.run { DevGreeting.say(document, mode: mode) }
        } catch {
            throw explain(error)
        }
    }

    /// What plugins that are loaded have recorded of M-Pesa, for capabilities that the simulator does not know.
    private static func stubs(of registry: ToolRegistry) -> Stub.Finder {
        { method, path in
            let plugins = registry.snapshot.arrangements.sorted { $0.key < $1.key }
                .flatMap { [$0.value.live, $0.value.canary?.plugin, $0.value.standby].compactMap { $0 } }
            for kind in plugins.flatMap(\.operations) where kind.path == path && kind.method == method {
                guard let course = kind.recordedCourse else { continue }
                return Stub(status: course.status, reply: course.reply, callbacks: course.callbacks)
            }
            return nil
        }
    }

    /// What was named, or a simulator, which is answered where this process runs it; of a simulator alone the certificate
    /// can be had.
    private func chooseUpstream(_ settings: inout Settings, _ folder: DataFolder) async throws -> Simulator? {
        if simulatorURL == nil, let named = upstream ?? settings.darajaURL {
            settings.darajaURL = named
            print("Requests to M-Pesa go to \(named). No simulator was started.")
            return nil
        }
        var own: Simulator?
        let url: String
        if let simulatorURL {
            url = simulatorURL
        } else {
            let simulator = try makeSimulator(folder)
            url = "http://127.0.0.1:\(try await simulator.start())"
            own = simulator
        }
        settings.darajaURL = url
        guard settings.certificateFiles[.test] == nil else { return own }
        settings.certificateFiles[.test] = try await certificateFile(of: url, in: folder, settings)
        return own
    }

    private func makeSimulator(_ folder: DataFolder) throws -> Simulator {
        var settings = SimulatorSettings()
        settings.promptDelay = .milliseconds(promptDelay)
        settings.accounts = DemoData.accounts
        settings.journal = folder.path + "/simulator.jsonl"
        settings.replies = try SimulatorCommand.read(replies)
        return try Simulator(settings: settings)
    }

    /// The simulator's certificate in a file; nil when none can be had, which `dev` says and goes on without.
    private func certificateFile(
        of simulator: String,
        in folder: DataFolder,
        _ settings: Settings
    ) async throws(GatewayError) -> String? {
        let curl = CurlClient(settings: try App.curlSettings(settings))
        defer { curl.shutdown() }
        let request = HTTPRequest(method: "GET", url: simulator + "/simulator/certificate", timeout: .seconds(5))
        guard case .answered(200, let pem) = await curl.send(request) else {
            print("The simulator at \(simulator) gives no certificate: payouts and balances are refused.")
            return nil
        }
        let file = folder.path + "/simulator.pem"
        try folder.write(pem, to: file)
        return file
    }

    /// The port of the management listener: whoever asks for any port means both.
    static func managementPort(_ said: Int?, beside port: Int) -> Int { said ?? (port == 0 ? 0 : 8081) }

    /// Writes dev.json: where everything is, and the keys and passwords of the demo organizations.
    private func writeDocument(_ app: App, _ folder: DataFolder) async throws -> JSON {
        let file = folder.path + "/dev.json"
        let known = FileManager.default.contents(atPath: file).flatMap { try? JSON(parsing: Array($0)) }
        let settings = app.settings
        let url = settings.effectivePublicURL
        var document: JSONObject = [
            "url": .string(url), "mcp_url": .string(url + "/mcp"),
            "management_url": .string(settings.managementURL),
            "simulator_url": .string(settings.darajaURL ?? ""),
            "operator_token_file": .string(URL(filePath: settings.operatorTokenFile ?? "").standardizedFileURL.path),
        ]
        for (name, value) in try await DemoData(app: app, folder: folder).prepare(known: known) {
            document[name] = value
        }
        try folder.write(JSON.object(document).bytes, to: file)
        return .object(document)
    }
}

/// A port that nobody listens on now.
enum FreePort {
    static func find() -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                guard bind(descriptor, generic, length) == 0, getsockname(descriptor, generic, &length) == 0 else {
                    return 0
                }
                return Int(UInt16(bigEndian: pointer.pointee.sin_port))
            }
        }
    }
}

/// What `dev` prints: lines that can be copied.
enum DevGreeting {
    static func say(_ document: JSON, mode: Mode) {
        let text = { (name: String) in document[name]?.stringValue ?? "" }
        let url = text("url")
        let key = text("api_key")
        print(
            """
            mpesa-gateway dev is ready.

              REST        \(url)
              MCP         \(text("mcp_url"))
              management  \(text("management_url"))/readyz
              simulator   \(text("simulator_url"))/simulator/ledger

            Ask a customer to pay (the simulated customer pays after a moment):

              curl -s \(url)/tools/stk-push -H 'X-API-Key: \(key)' -H 'Idempotency-Key: first-payment' -H 'Content-Type: application/json' -d '{"phone_number":"254712345678","amount":100,"account_reference":"INV-001","transaction_desc":"Invoice 1"}'

            See what became of it (with the checkout_request_id of the answer):

              curl -s \(url)/tools/transaction-status/CHECKOUT_REQUEST_ID -H 'X-API-Key: \(key)'

            An MCP client's configuration:

              {"mcpServers": {"mpesa": {"type": "http", "url": "\(text("mcp_url"))", "headers": {"Authorization": "Bearer \(key)"}}}}

            Users, a second organization with tight limits, and all of the above are in dev.json in the data folder.
            """
        )
        fflush(nil)
    }
}
