import ArgumentParser
import Cryptography
import Foundation
import Gateway
import OrderedJSON
import Organizations
import Sessions
import Store

/// Prepares a folder for `serve`: keys, plugins with their hashes, a settings file, the first super administrator.
struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prepare a data folder for serve, and make the first super administrator.",
        discussion: """
            Makes what is missing and changes nothing that is there, so it may be run again. The administrator's password \
            is printed once; with --admin-username on a folder that has one, another is made.
            """
    )

    @Option(name: .customLong("data-dir"), help: "The data folder.") var dataFolder = ".data/gateway"
    @Option(help: "sqlite:PATH or postgres://…; SQLite in the data folder unless said.") var database: String?
    @Option(help: "The plugins file to begin with; its libraries' hashes are written beside it.")
    var plugins = "plugins.json"
    @Option(help: "The address that M-Pesa and callers reach the gateway by.") var publicURL: String?
    @Option(help: "The first super administrator's user name.") var adminUsername = "admin"
    @Option(help: "The first super administrator's address.") var adminEmail = "admin@localhost"

    func run() async throws {
        do {
            var settings = Settings()
            try settings.read(ProcessInfo.processInfo.environment)
            settings.dataFolder = dataFolder
            settings.databaseURL = database ?? settings.databaseURL
            if let publicURL {
                guard let url = BaseURL(publicURL, plain: .anywhere) else {
                    throw GatewayError(
                        .invalidArgument,
                        "--public-url: expected an address such as https://pay.example.com, without user, query or fragment."
                    )
                }
                settings.publicURL = url.description
            }
            let folder = try DataFolder(path: dataFolder)
            let files = folder.masterKeyFiles(settings.masterKeyFile)
            let root = try folder.masterKeys(files, makes: true).root
            _ = try folder.operatorTokenFile()
            try writePlugins(settings, folder)
            try writeSettings(settings, folder)
            let person = try await makeAdministrator(settings, root)
            say(folder, person)
        } catch {
            throw explain(error)
        }
    }

    // MARK: Files

    /// The plugins file with the hash of each library: serve loads nothing whose bytes it does not know.
    private func writePlugins(_ settings: Settings, _ folder: DataFolder) throws(GatewayError) {
        let file = folder.path + "/plugins.json"
        guard !FileManager.default.fileExists(atPath: file) else { return }
        let text = try NamedFile.read(plugins)
        guard let entries = (try? JSON(parsing: text))?["plugins"]?.arrayValue else {
            throw GatewayError(.invalidArgument, "\(plugins): expected a plugins file, as docs/operating.md shows it.")
        }
        let libraries = App.pluginFolder(settings)
        var known: [JSON] = []
        for entry in entries {
            var entry = entry.objectValue ?? JSONObject()
            guard let source = entry["source"]?.stringValue else {
                throw GatewayError(.invalidArgument, "\(plugins): an entry without source.")
            }
            let path = source.hasPrefix("/") ? source : libraries + "/" + source
            let digest = SHA256.digest(try NamedFile.read(path))
            entry["sha256"] = .string(digest.hexadecimal)
            entry["source"] = .string(path)
            known.append(.object(entry))
        }
        let lines = known.map { "    " + $0.text }
        try folder.write(Array("{\n  \"plugins\": [\n\(lines.joined(separator: ",\n"))\n  ]\n}\n".utf8), to: file)
    }

    /// What serve is started with, as a file that a shell or systemd reads.
    private func writeSettings(_ settings: Settings, _ folder: DataFolder) throws(GatewayError) {
        let file = folder.path + "/gateway.env"
        guard !FileManager.default.fileExists(atPath: file) else { return }
        let path = URL(filePath: folder.path).standardizedFileURL.path
        let lines = [
            "# What mpesa-gateway serve is started with; docs/operating.md explains every setting there is.",
            Init.line("GATEWAY_DATA_FOLDER", path),
            settings.databaseURL.map { Init.line("GATEWAY_DATABASE_URL", $0) }
                ?? "# GATEWAY_DATABASE_URL='postgres://…'  (SQLite in the data folder unless set)",
            Init.line("GATEWAY_PLUGINS", path + "/plugins.json"),
            Init.line("GATEWAY_OPERATOR_TOKEN_FILE", path + "/operator.token"),
            settings.masterKeyFile.map { Init.line("GATEWAY_MASTER_KEY_FILE", $0) }
                ?? "# The master key is master.key in the data folder, unless GATEWAY_MASTER_KEY_FILE names another.",
            "# The https address that M-Pesa calls back and callers use.",
            settings.publicURL.map { Init.line("GATEWAY_PUBLIC_URL", $0) }
                ?? "# GATEWAY_PUBLIC_URL='https://pay.example.com'",
            "# Safaricom's certificates, from the Daraja portal: payouts and balances need the one of their environment.",
            "# GATEWAY_CERTIFICATE_LIVE_FILE='\(path)/live.pem'",
        ]
        try folder.write(Array((lines.joined(separator: "\n") + "\n").utf8), to: file)
    }

    /// A setting as a shell and systemd read it, whatever it holds.
    private static func line(_ name: String, _ value: String) -> String {
        name + "='" + value.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }

    // MARK: The first super administrator

    private func makeAdministrator(
        _ settings: Settings,
        _ root: Secret<[UInt8]>
    ) async throws -> JSONObject {
        let store = try await Store.open(
            DatabaseURL(settings.effectiveDatabaseURL),
            parties: PartyDigests(key: Assembly.Keys.derived("parties", from: root))
        )
        defer { store.shutdown() }
        let random = RandomWords()
        let entropy = Entropy(now: { .now }, uptime: { .now }, random: { random.next() })
        let host = try await HostOrganization.find(in: store, entropy)
        if try await store.user(named: adminUsername, organization: host.id) != nil {
            throw GatewayError(
                .conflict,
                """
                \(dataFolder) has the super administrator \(adminUsername) already. Name another with --admin-username \
                and --admin-email, or start the gateway.
                """
            )
        }
        if try await store.plan(HostOrganization.standardPlan.name) == nil {
            try await store.save(HostOrganization.standardPlan)
        }
        let id = entropy.identifier()
        try await store.append(
            [
                AuditRecord(
                    id: id,
                    organization: host.id,
                    at: entropy.now(),
                    call: CallID(id),
                    subject: "operator",
                    action: "SUPER_ADMIN_CREATED",
                    door: "cli",
                    outcome: .begun,
                    detail: JSON.object(["username": .string(adminUsername)]).text
                )
            ],
            usage: []
        )
        return try await NewPerson(username: adminUsername, email: adminEmail, password: nil, role: .superAdmin)
            .make(of: host.id, in: store, ScryptPasswords(), entropy)
    }

    private func say(_ folder: DataFolder, _ person: JSONObject) {
        print(
            """
            \(folder.path) is ready for serve. The super administrator's password is shown this once:

              user name     \(adminUsername)
              organization  \(Organization.hostSlug)
              password      \(person["password"]?.stringValue ?? "")

            Start the gateway:

              set -a; . \(folder.path)/gateway.env; set +a; mpesa-gateway serve

            docs/operating.md, "The first organization", goes on from here.
            """
        )
        fflush(nil)
    }
}
