import Cryptography
import Foundation
import Gateway
import Logging
import OrderedJSON
import Testing

@testable import PluginHost

/// Compiles the C fixture and loads it through a real host.
struct Bench {
    static let root = URL(filePath: #filePath).appending(path: "../../..").standardized.path
    let folder: String
    let registry = ToolRegistry()
    let repository: PluginsInMemory
    let host: PluginHost
    let wellBeing = Health()
    let audit = AuditInMemory()

    let isolation: Isolation

    /// Where the plugin runs; every test of what a plugin does is run in all three.
    enum Isolation: String, CaseIterable {
        case inProcess = "in-process"
        case worker
        case sandbox
    }

    init(
        _ isolation: Isolation = .inProcess,
        allowsUnsigned: Bool = true,
        keys: [VerifyingKey] = [],
        repository: PluginsInMemory = PluginsInMemory(),
        now: Timestamp = Timestamp(milliseconds: 1),
        change: (inout PluginHost.Settings) throws -> Void = { _ in }
    ) throws {
        self.repository = repository
        self.isolation = isolation
        folder = FileManager.default.temporaryDirectory.appending(path: "plugins-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var settings = PluginHost.Settings(
            stateFolder: folder,
            version: "test",
            trust: TrustPolicy(allowsUnsigned: allowsUnsigned, keys: keys),
            abilities: Catalogue.HostAbilities(features: [], transforms: ["stk_password"])
        )
        settings.workerProgram = Self.root + "/.build/debug/mpesa-gateway-worker"
        settings.readableFolders = WorkerProgram.swiftRuntimeFolders()
        try change(&settings)
        host = PluginHost(
            settings: settings,
            registry: registry,
            repository: repository,
            entropy: Entropy(now: { now }, random: SecureRandom.word),
            health: wellBeing,
            audit: audit,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    func compile(_ flags: [String], name: String = "fixture", source: String = "fixture") throws -> String {
        let output = folder + "/\(name)-\(UUID().uuidString).so"
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/cc")
        compiler.arguments =
            [
                "-std=gnu99", "-Wall", "-Werror", "-Wno-unused", "-D_GNU_SOURCE", "-shared", "-fPIC",
                "-fvisibility=hidden", "-I\(Self.root)/Sources/PluginAPI/include", "-o", output,
            ] + flags + [Self.root + "/Tests/Fixtures/Plugins/\(source).c"]
        try Starting.start(compiler)
        compiler.waitUntilExit()
        #expect(compiler.terminationStatus == 0)
        return output
    }

    func configuration(_ path: String, id: String = "fixture", sha256: String? = nil, granted: Bool = true)
        -> PluginConfiguration
    {
        PluginConfiguration(
            id: id,
            source: path,
            sha256: sha256,
            isEnabled: true,
            isolation: isolation.rawValue,
            grants: granted
                ? .init(upstreams: ["daraja": ["/collect"]], secrets: ["stk_password", "other"]) : .init(),
            settings: [:]
        )
    }

    @discardableResult
    func load(
        _ flags: [String] = [],
        granted: Bool = true,
        change: (inout PluginConfiguration.Limits) -> Void = { _ in }
    ) throws -> LoadedPlugin {
        var configuration = configuration(try compile(flags), granted: granted)
        change(&configuration.limits)
        return try host.load(configuration, relativeTo: "/")
    }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }
}

extension LoadedPlugin.Invocation {
    /// A call by somebody whom only tests know.
    static func ofATest(
        _ timeout: Duration = .seconds(20),
        task: LoadedPlugin.TaskStage? = nil,
        isOver: (@Sendable () async -> Bool)? = nil
    ) -> LoadedPlugin.Invocation {
        LoadedPlugin.Invocation(
            principal: Principal(
                organization: OrganizationID(Identifier(high: 1, low: 1)),
                subject: .apiKey(APIKeyID(Identifier(high: 1, low: 1))),
                name: "k",
                role: .user,
                scopes: nil,
                environment: .test
            ),
            call: CallID(Identifier(high: 1, low: 1)),
            door: "rest",
            timeout: timeout,
            idempotencyKey: nil,
            task: task,
            isOver: isOver
        )
    }
}

/// A repository that forgets with the test.
actor PluginsInMemory: PluginRepository {
    private var plugins: [String: InstalledPlugin] = [:]
    private var binaries: [String: [UInt8]] = [:]
    private var open: [String: Int] = [:]
    /// What whoever runs the gateway was told, in order.
    private(set) var told: [PluginNews] = []

    /// Pretends that records of a kind are open.
    func setOpenRecords(_ open: [String: Int]) { self.open = open }

    func installedPlugins() throws(GatewayError) -> [InstalledPlugin] { plugins.values.sorted { $0.id < $1.id } }

    func save(
        _ plugin: InstalledPlugin,
        binaries: [String: [UInt8]],
        telling news: PluginNews?
    ) throws(GatewayError) {
        plugins[plugin.id] = plugin
        told += [news].compactMap(\.self)
        self.binaries.merge(binaries) { $1 }
    }

    func removeInstalledPlugin(_ id: String, telling news: PluginNews) throws(GatewayError) {
        if plugins.removeValue(forKey: id) != nil { told.append(news) }
    }

    func pluginBinaries() throws(GatewayError) -> Set<String> { Set(binaries.keys) }

    func pluginBinary(_ digest: String) throws(GatewayError) -> [UInt8]? { binaries[digest] }

    func openRecords(of plugin: String) throws(GatewayError) -> [String: Int] { open }

    /// As an earlier host has left it: one live version.
    func keep(_ bytes: [UInt8], as id: String, entry: JSON) throws(GatewayError) {
        let digest = SHA256.digest(bytes).hexadecimal
        binaries[digest] = bytes
        plugins[id] = InstalledPlugin(
            id: id,
            declared: nil,
            lastGeneration: 1,
            note: nil,
            versions: [InstalledVersion(generation: 1, role: .live, digest: digest, entry: entry)]
        )
    }

    /// The plugins that are kept.
    var kept: [String] { plugins.keys.sorted() }

    /// Changes a library's last byte.
    func alter(_ digest: String) {
        guard let last = binaries[digest]?.popLast() else { return }
        binaries[digest]?.append(last ^ 1)
    }

    /// As a damaged database would.
    func lose(_ digest: String) { binaries[digest] = nil }
}
