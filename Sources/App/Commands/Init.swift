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
            // Looked at before anything is made.
            let entries = try readPlugins(settings)
            let folder = try DataFolder(path: dataFolder)
            let files = folder.masterKeyFiles(settings.masterKeyFile)
            let root = try folder.masterKeys(files, makes: true).root
            _ = try folder.operatorTokenFile()
            try writePlugins(entries, folder)
            try writeSettings(settings, folder)
            let person = try await makeAdministrator(settings, root)
            say(folder, person)
        } catch {
            throw explain(error)
        }
    }

    // MARK: Files

    /// The plugins that it begins with, each with the hash of its library: serve loads nothing whose bytes it does not know.
    ///
    /// - Returns: Nil where the folder has its own already.
    private func readPlugins(_ settings: Settings) throws(GatewayError) -> [JSON]? {
        guard !FileManager.default.fileExists(atPath: dataFolder + "/plugins.json") else { return nil }
        guard FileManager.default.fileExists(atPath: plugins) else {
            throw GatewayError(
                .notConfigured,
                """
                There is no plugins file \(plugins). Name one by --plugins: the project's plugins.json is the one to begin \
                with, and docs/operating.md shows what stands in it. Nothing was made.
                """
            )
        }
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
        return known
    }

    private func writePlugins(_ entries: [JSON]?, _ folder: DataFolder) throws(GatewayError) {
        guard let entries else { return }
        let lines = entries.map { "    " + $0.text }
        let text = "{\n  \"plugins\": [\n\(lines.joined(separator: ",\n"))\n  ]\n}\n"
        try folder.write(Array(text.utf8), to: folder.path + "/plugins.json")
    }

    /// What serve is started with, as a file that a shell or systemd reads: every setting, explained, and those set that
    /// this folder needs.
    private func writeSettings(_ settings: Settings, _ folder: DataFolder) throws(GatewayError) {
        let file = folder.path + "/gateway.env"
        guard !FileManager.default.fileExists(atPath: file) else { return }
        let path = URL(filePath: folder.path).standardizedFileURL.path
        var set = [
            "GATEWAY_DATA_FOLDER": path, "GATEWAY_PLUGINS": path + "/plugins.json",
            "GATEWAY_OPERATOR_TOKEN_FILE": path + "/operator.token",
        ]
        set["GATEWAY_DATABASE_URL"] = settings.databaseURL
        set["GATEWAY_MASTER_KEY_FILE"] = settings.masterKeyFile
        set["GATEWAY_PUBLIC_URL"] = settings.publicURL
        try folder.write(Array(Init.environment(set).utf8), to: file)
    }

    /// Every setting with what it means; what is not set is commented out, and is then what its comment says.
    static func environment(_ set: [String: String]) -> String {
        var lines = [
            "# What mpesa-gateway serve is started with. A line that is set has no # before it; the words in brackets are",
            "# what holds where nothing is set.",
        ]
        for setting in Settings.list {
            lines += ["", "# \(setting.meaning) (\(setting.usual))"]
            lines.append(set[setting.variable].map { line(setting.variable, $0) } ?? "# \(setting.variable)=")
        }
        return lines.joined(separator: "\n") + "\n"
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

            docs/administration.md, "The first organization", goes on from here.
            """
        )
        fflush(nil)
    }
}
