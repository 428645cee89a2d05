import Foundation
import Gateway
import Logging
import OrderedJSON
import PluginAPI
import Synchronization

/// What an operator is told of a plugin.
package struct PluginStatus: Sendable, Equatable {
    /// The configured id.
    package let id: String
    /// The catalogue's version, once known.
    package let version: String?
    /// The generation that is live.
    package let generation: Int?
    /// SHA-256 of its library.
    package let digest: String?
    /// `live`, `disabled` or `refused`.
    package let state: String
    /// Why it was refused.
    package let reason: String?
    /// How often it broke a rule at run time.
    package let violations: Int
}

/// Loads plugins: configuration, file, verification, private copy, negotiation, catalogue, settings, self-test, and
/// then, in one swap, publication.
///
/// A plugin that is refused leaves the others and the live generation as they were.
package final class PluginHost: Sendable {
    /// What bounds plugins and what they meet.
    package struct Settings: Sendable {
        /// Where private copies are kept.
        package var stateFolder: String
        /// This host's version, told to plugins.
        package var version: String
        /// Whether a plugin without a configured hash is loaded.
        ///
        /// For development.
        package var allowsUnsigned: Bool
        /// What tools may require, and what secrets may be computed.
        package var abilities: Catalogue.HostAbilities
        /// The longest result (rule M5).
        ///
        /// Default 4 MiB.
        package var resultBytesMax = 4 << 20
        /// The longest arguments (rule M5).
        ///
        /// Default 1 MiB.
        package var argumentBytesMax = 1 << 20
        /// Threads for function tools.
        ///
        /// Default 4.
        package var threads = 4
        /// How many calls of function tools may wait for a thread.
        ///
        /// Default 1,000.
        package var queueMax = 1_000

        /// The program that runs one plugin outside this process; nil where there is none.
        package var workerProgram: String?
        /// Folders that a sandboxed plugin may read besides the system's libraries: Swift's runtime.
        package var readableFolders: [String] = []

        /// States what has no default.
        package init(
            stateFolder: String,
            version: String,
            allowsUnsigned: Bool,
            abilities: Catalogue.HostAbilities
        ) {
            self.stateFolder = stateFolder
            self.version = version
            self.allowsUnsigned = allowsUnsigned
            self.abilities = abilities
        }
    }

    private let settings: Settings
    private let registry: ToolRegistry
    private let entropy: Entropy
    private let logger: Logger
    private let invocations = Invocations()
    private let threads: PluginThreads
    private let generations = Mutex(0)
    private let known = Mutex<[PluginStatus]>([])
    private let libraries = Mutex<[String: any PluginLibrary]>([:])

    /// Makes a host that publishes to a registry.
    package init(settings: Settings, registry: ToolRegistry, entropy: Entropy, logger: Logger) {
        self.settings = settings
        self.registry = registry
        self.entropy = entropy
        self.logger = logger
        self.threads = PluginThreads(count: settings.threads, queueMax: settings.queueMax)
    }

    /// Every configured plugin and how it stands.
    package var statuses: [PluginStatus] {
        known.withLock { $0 }
            .map { status in
                PluginStatus(
                    id: status.id,
                    version: status.version,
                    generation: status.generation,
                    digest: status.digest,
                    state: status.state,
                    reason: status.reason,
                    violations: invocations.violations(of: status.id)
                )
            }
    }

    /// How often a plugin broke a rule at run time.
    package func violations(of plugin: String) -> Int { invocations.violations(of: plugin) }

    /// How a plugin's live generation fares where it runs; nil for one that is not loaded.
    package func health(of plugin: String) -> PluginHealth? { libraries.withLock { $0[plugin]?.health } }

    /// Loads all that are enabled, from files relative to `folder`.
    ///
    /// Blocks: call it on a thread that may.
    package func load(_ configurations: [PluginConfiguration], relativeTo folder: String) -> [PluginStatus] {
        for configuration in configurations {
            let status = status(of: configuration, relativeTo: folder)
            known.withLock { known in
                known.removeAll { $0.id == status.id }
                known.append(status)
            }
        }
        return statuses
    }

    private func status(of configuration: PluginConfiguration, relativeTo folder: String) -> PluginStatus {
        guard configuration.isEnabled else {
            return PluginStatus(
                id: configuration.id,
                version: nil,
                generation: nil,
                digest: nil,
                state: "disabled",
                reason: nil,
                violations: 0
            )
        }
        do throws(PluginRefusal) {
            let plugin = try load(configuration, relativeTo: folder)
            logger.info(
                "plugin live",
                metadata: [
                    "plugin": "\(plugin.id)", "version": "\(plugin.version)", "generation": "\(plugin.generation)",
                ]
            )
            return PluginStatus(
                id: plugin.id,
                version: plugin.version,
                generation: plugin.generation,
                digest: plugin.digest,
                state: "live",
                reason: nil,
                violations: 0
            )
        } catch {
            logger.error("plugin refused", metadata: ["plugin": "\(configuration.id)", "reason": "\(error)"])
            return PluginStatus(
                id: configuration.id,
                version: nil,
                generation: nil,
                digest: nil,
                state: "refused",
                reason: error.description,
                violations: 0
            )
        }
    }

    /// Loads one plugin and publishes it, or says why not.
    @discardableResult
    package func load(
        _ configuration: PluginConfiguration,
        relativeTo folder: String
    ) throws(PluginRefusal) -> LoadedPlugin {
        let path = configuration.source.hasPrefix("/") ? configuration.source : folder + "/" + configuration.source
        let file = try PluginFile(path: path, configuration: configuration, allowsUnsigned: settings.allowsUnsigned)
        let services = HostServices(
            plugin: configuration.id,
            invocations: invocations,
            entropy: entropy,
            logger: logger,
            payloadBytesMax: settings.resultBytesMax
        )
        let library = try open(file.privateCopy(in: settings.stateFolder), configuration, services)
        do throws(PluginRefusal) {
            let plugin = try introduce(library, file, configuration)
            libraries.withLock { $0[plugin.id] = library }
            return plugin
        } catch {
            library.retire()
            throw error
        }
    }

    private func open(
        _ path: String,
        _ configuration: PluginConfiguration,
        _ services: HostServices
    ) throws(PluginRefusal) -> any PluginLibrary {
        guard configuration.isolation != "in-process" else {
            return try InProcessLibrary(
                path: path,
                services: services,
                hostVersion: settings.version,
                resultBytesMax: settings.resultBytesMax
            )
        }
        guard let program = settings.workerProgram else {
            throw PluginRefusal.isolationNotServed("\(configuration.isolation) (the worker program is missing)")
        }
        let isSandbox = configuration.isolation == "sandbox"
        var limits = WorkerLibrary.Limits()
        limits.workers = configuration.limits.workers
        limits.deadline = .milliseconds(configuration.limits.deadlineMilliseconds)
        limits.pendingMax = configuration.limits.queue
        limits.restart = configuration.limits.restart
        return try WorkerLibrary(
            orders: WorkerProcess.Orders(
                program: program,
                library: path,
                isolation: isSandbox ? GATEWAY_ISOLATION_SANDBOX : GATEWAY_ISOLATION_WORKER,
                memoryBytes: configuration.limits.memoryMiB << 20,
                resultBytesMax: settings.resultBytesMax,
                hostVersion: settings.version,
                readable: settings.readableFolders
            ),
            isolation: configuration.isolation,
            services: services,
            limits: limits
        )
    }

    private func introduce(
        _ library: any PluginLibrary,
        _ file: PluginFile,
        _ configuration: PluginConfiguration
    ) throws(PluginRefusal) -> LoadedPlugin {
        let catalogue = try catalogue(of: library, file: file, configuration: configuration)
        try library.configure(JSON.object(configuration.settings).bytes)
        try library.runSelfTest()
        let plugin = loaded(library, catalogue, digest: file.digest, settings: configuration.settings)
        do { try registry.publish(plugin) } catch {
            switch error {
            case .toolName(let name, let other): throw PluginRefusal.clash("the tool \(name) is \(other)'s")
            case .route(let route, let tool): throw PluginRefusal.clash("the route \(route) is \(tool)'s")
            }
        }
        return plugin
    }

    private func catalogue(
        of library: any PluginLibrary,
        file: PluginFile,
        configuration: PluginConfiguration
    ) throws(PluginRefusal) -> Catalogue {
        let bytes = try library.describe()
        let catalogue: Catalogue
        do { catalogue = try Catalogue(parsing: bytes, abilities: settings.abilities) } catch {
            throw PluginRefusal.catalogue(error.description)
        }
        guard catalogue.id == file.manifest.id else { throw PluginRefusal.manifestDiffers("id") }
        guard catalogue.version == file.manifest.version else { throw PluginRefusal.manifestDiffers("version") }
        try PluginGrants.check(catalogue, against: configuration.grants)
        for tool in catalogue.tools {
            if case .function = tool.kind {
                guard library.hasFunctions else { throw PluginRefusal.missingTable(GATEWAY_INVOKE) }
            } else {
                guard library.hasOperations else { throw PluginRefusal.missingTable(GATEWAY_OPERATION) }
            }
        }
        return catalogue
    }

    private func loaded(
        _ library: any PluginLibrary,
        _ catalogue: Catalogue,
        digest: String,
        settings: JSONObject
    ) -> LoadedPlugin {
        let generation = generations.withLock { count in
            count += 1
            return count
        }
        let functions = FunctionCaller(
            plugin: catalogue.id,
            library: library,
            invocations: invocations,
            threads: threads,
            argumentBytesMax: self.settings.argumentBytesMax
        )
        let invoke: @Sendable (Int, [UInt8], LoadedPlugin.Invocation) async -> LoadedPlugin.Completion = {
            await functions.invoke($0, arguments: $1, $2)
        }
        return LoadedPlugin(
            id: catalogue.id,
            version: catalogue.version,
            generation: generation,
            digest: digest,
            settings: settings,
            tools: catalogue.tools,
            operations: catalogue.operations,
            operationFunctions: library.operationFunctions(),
            invoke: library.hasFunctions ? invoke : nil
        )
    }
}
