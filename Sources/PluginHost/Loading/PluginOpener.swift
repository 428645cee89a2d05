import Gateway
import Glibc
import Logging
import OrderedJSON
import PluginAPI
import PluginLoader
import Synchronization

/// Makes a generation of a library's bytes: verification, private copy, negotiation, catalogue, settings, self-test.
///
/// Nothing of it is published; a refusal leaves everything as it was. Blocks: call it on a thread that may.
final class PluginOpener: Sendable {
    private let settings: PluginHost.Settings
    private let entropy: Entropy
    private let logger: Logger
    let threads: PluginThreads
    private let users: WorkerUsers
    private let ledger: WorkerLedger
    /// Which private copies there are, and who else uses them.
    let copies: PluginCopies
    /// Libraries opened in this process, by digest, and how many in all.
    private let opened = Mutex((digests: Set<String>(), count: 0))

    init(settings: PluginHost.Settings, entropy: Entropy, logger: Logger) {
        self.settings = settings
        self.entropy = entropy
        self.logger = logger
        threads = PluginThreads(count: settings.threads, queueMax: settings.queueMax)
        users = WorkerUsers(settings.pluginUsers, stateFolder: settings.stateFolder)
        ledger = WorkerLedger(stateFolder: settings.stateFolder)
        copies = PluginCopies(stateFolder: settings.stateFolder)
        let leftovers = ledger.endLeftovers()
        guard leftovers > 0 else { return }
        logger.warning("ended workers that a host left behind", metadata: ["workers": "\(leftovers)"])
    }

    /// Who libraries are tried as: nobody that a plugin serves as; 0 where this host is not root.
    var userOfTrials: UInt32 { geteuid() == 0 ? users.user(of: "plugin check") ?? 0 : 0 }

    /// What a version is opened for.
    enum Occasion: Sendable {
        /// Somebody installs it.
        case installation
        /// plugins.json declares it; whether it is new, the private copies of libraries tell.
        case declaration
        /// It was installed before, and the host has started anew.
        case restart
    }

    /// Opens a verified file as generation `number`.
    ///
    /// With `grantsNeeds` the plugin is granted what it asks for, and its configuration says so afterwards.
    func open(
        _ file: PluginFile,
        number: Int,
        for occasion: Occasion,
        grantsNeeds: Bool = false
    ) throws(PluginRefusal) -> PluginGeneration {
        let hadCopy = file.hasPrivateCopy(in: settings.stateFolder)
        do throws(PluginRefusal) {
            let isKnown = occasion == .restart || (occasion == .declaration && hadCopy)
            return try open(file, number: number, isKnown: isKnown, grantsNeeds: grantsNeeds)
        } catch {
            // What was refused leaves nothing behind by which it would be taken for known the next time.
            if !hadCopy { file.removePrivateCopy(in: settings.stateFolder) }
            throw error
        }
    }

    private func open(
        _ file: PluginFile,
        number: Int,
        isKnown: Bool,
        grantsNeeds: Bool
    ) throws(PluginRefusal) -> PluginGeneration {
        let configuration = file.configuration
        let services = HostServices(
            plugin: configuration.id,
            invocations: Invocations(),
            entropy: entropy,
            logger: logger,
            payloadBytesMax: settings.resultBytesMax,
            answers: settings.services,
            threads: threads,
            askedMax: settings.serviceCallsMax,
            askedBytesMax: settings.serviceBytesMax,
            logLinesMax: settings.logLinesMax
        )
        let library = try library(file, configuration, services)
        do throws(PluginRefusal) {
            let generation = try introduce(
                library,
                services,
                file,
                number: number,
                isKnown: isKnown,
                grantsNeeds: grantsNeeds
            )
            services.grant(generation.configuration.grants)
            return generation
        } catch {
            library.retire()
            throw error
        }
    }

    private func library(
        _ file: PluginFile,
        _ configuration: PluginConfiguration,
        _ services: HostServices
    ) throws(PluginRefusal) -> any PluginLibrary {
        let copy = try file.privateCopy(in: settings.stateFolder)
        guard configuration.isolation != "in-process" else {
            return try inProcess(file, copy: copy, services)
        }
        guard let program = settings.workerProgram else {
            throw PluginRefusal.isolationNotServed("\(configuration.isolation) (the worker program is missing)")
        }
        let isSandbox = configuration.isolation == "sandbox"
        var user: UInt32 = 0
        if isSandbox, geteuid() == 0 {
            guard let own = users.user(of: configuration.id) else {
                throw PluginRefusal.isolationNotServed("sandbox (every user for plugins is given out)")
            }
            user = own
        }
        return try WorkerLibrary(
            orders: WorkerProcess.Orders(
                program: program,
                library: copy,
                isolation: isSandbox ? GATEWAY_ISOLATION_SANDBOX : GATEWAY_ISOLATION_WORKER,
                memoryBytes: configuration.limits.memoryMiB << 20,
                resultBytesMax: settings.resultBytesMax,
                user: user,
                threadsMax: settings.workerThreadsMax * configuration.limits.workers,
                hostVersion: settings.version,
                readable: settings.readableFolders,
                ledger: ledger
            ),
            isolation: configuration.isolation,
            services: services,
            limits: workerLimits(configuration)
        )
    }

    private func workerLimits(_ configuration: PluginConfiguration) -> WorkerLibrary.Limits {
        var limits = WorkerLibrary.Limits()
        limits.workers = configuration.limits.workers
        limits.deadline = .milliseconds(configuration.limits.deadlineMilliseconds)
        limits.link.pendingMax = configuration.limits.queue
        limits.link.concurrencyMax = configuration.limits.concurrency
        limits.link.silenceMax = limits.deadline
        limits.link.processor = configuration.limits.processor
        limits.grace = configuration.limits.grace
        limits.restart = configuration.limits.restart
        limits.link.gate = WorkerGate.Limits(
            resultBytesMax: settings.resultBytesMax,
            unaskedBytesMax: settings.workerBytesMax,
            unaskedFramesMax: settings.workerFramesMax
        )
        limits.link.idle.processorMax = configuration.limits.idleProcessor
        return limits
    }

    private func inProcess(
        _ file: PluginFile,
        copy: String,
        _ services: HostServices
    ) throws(PluginRefusal) -> InProcessLibrary {
        let (isFirst, number) = opened.withLock { opened in
            opened.count += 1
            return (opened.digests.insert(file.digest).inserted, opened.count)
        }
        guard number <= settings.inProcessMax else { throw PluginRefusal.tooManyInProcess(settings.inProcessMax) }
        // The linker knows a file again and would hand out the first generation's globals: each gets a file of its own.
        let path = try isFirst ? copy : file.throwawayCopy(of: copy, number: number)
        defer { if !isFirst { file.removeThrowaway(path) } }
        return try InProcessLibrary(
            path: path,
            services: services,
            hostVersion: settings.version,
            resultBytesMax: settings.resultBytesMax,
            // PluginKit queues the call for threads of its own; of any other code nobody knows how long it stays.
            startsAtOnce: file.manifest.sdk.hasPrefix("PluginKit ")
        )
    }

    private func introduce(
        _ library: any PluginLibrary,
        _ services: HostServices,
        _ file: PluginFile,
        number: Int,
        isKnown: Bool,
        grantsNeeds: Bool
    ) throws(PluginRefusal) -> PluginGeneration {
        var configuration = file.configuration
        let catalogue = try catalogue(of: library, file: file)
        let warnings = try warnings(of: catalogue, isKnown: isKnown)
        if case .signed(_, let needs) = file.trust, let need = catalogue.needs.exceeding(needs) {
            throw PluginRefusal.badSignature("it does not allow \(need)")
        }
        if grantsNeeds { configuration.grant(catalogue.needs) }
        try PluginGrants.check(catalogue, against: configuration.grants)
        try library.configure(JSON.object(configuration.settings).bytes)
        try library.runSelfTest()
        let plugin = loaded(
            library,
            services.invocations,
            catalogue,
            file.digest,
            number,
            settings: configuration.settings
        )
        return PluginGeneration(
            plugin: plugin,
            library: library,
            invocations: services.invocations,
            configuration: configuration,
            needs: catalogue.needs,
            trust: file.trust,
            warnings: warnings
        )
    }

    private func catalogue(of library: any PluginLibrary, file: PluginFile) throws(PluginRefusal) -> Catalogue {
        let bytes = try library.describe()
        let catalogue: Catalogue
        do { catalogue = try Catalogue(parsing: bytes, abilities: settings.abilities) } catch {
            throw PluginRefusal.catalogue(error.description)
        }
        let pairs = [
            ("id", catalogue.id, file.manifest.id), ("version", catalogue.version, file.manifest.version),
        ]
        for (what, told, stated) in pairs where told != stated {
            throw PluginRefusal.manifestDiffers(what, catalogue: told, manifest: stated)
        }
        for tool in catalogue.tools {
            if case .function = tool.kind {
                guard library.offers.contains(.functions) else { throw PluginRefusal.missingTable(GATEWAY_INVOKE) }
            } else {
                guard library.offers.contains(.operations) else { throw PluginRefusal.missingTable(GATEWAY_OPERATION) }
            }
        }
        try PluginOpener.check(catalogue, library.offers)
        return catalogue
    }

    /// Rule C6: a new version is refused where it contradicts what the host derives; of a known one that is told.
    private func warnings(of catalogue: Catalogue, isKnown: Bool) throws(PluginRefusal) -> [String] {
        guard let first = catalogue.contradictions.first else { return [] }
        guard isKnown else { throw PluginRefusal.catalogue(first.description) }
        let warnings = catalogue.contradictions.map { "\($0), so the host goes by that" }
        logger.warning(
            "a plugin says of itself what is not so",
            metadata: [
                "plugin": "\(catalogue.id)", "version": "\(catalogue.version)",
                "reason": "\(warnings.joined(separator: "; "))",
            ]
        )
        return warnings
    }

    /// Rule E5 for what the catalogue promises beside tools.
    private static func check(_ catalogue: Catalogue, _ offers: PluginOffers) throws(PluginRefusal) {
        guard catalogue.prompts.isEmpty || offers.contains(.prompts) else {
            throw PluginRefusal.missingTable(GATEWAY_PROMPT)
        }
        guard catalogue.resources.isEmpty || offers.contains(.resources) else {
            throw PluginRefusal.missingTable(GATEWAY_RESOURCE)
        }
        guard catalogue.askingPrompts.isEmpty || offers.contains(.askingPrompts) else {
            throw PluginRefusal.missingTable(GATEWAY_PROMPT_2)
        }
        guard catalogue.templates.isEmpty || offers.contains(.templates) else {
            throw PluginRefusal.missingTable(GATEWAY_RESOURCE_2)
        }
        guard !catalogue.completesArguments || offers.contains(.completions) else {
            throw PluginRefusal.missingTable(GATEWAY_ARGUMENT_COMPLETION)
        }
        guard !catalogue.needs.services.contains("timers") || offers.contains(.timers) else {
            throw PluginRefusal.missingTable(GATEWAY_TIMER)
        }
    }

    private func loaded(
        _ library: any PluginLibrary,
        _ invocations: Invocations,
        _ catalogue: Catalogue,
        _ digest: String,
        _ number: Int,
        settings: JSONObject
    ) -> LoadedPlugin {
        let functions = FunctionCaller(
            plugin: catalogue.id,
            library: library,
            invocations: invocations,
            threads: threads,
            argumentBytesMax: self.settings.argumentBytesMax
        )
        let invoke: @Sendable (Int, [UInt8], LoadedPlugin.Invocation) async -> LoadedPlugin.Completion = {
            await functions.run(.tool($0, $1), size: $1.count, $2)
        }
        let fire: @Sendable ([UInt8], LoadedPlugin.Invocation) async -> LoadedPlugin.Completion = {
            await functions.run(.timer($0), size: $0.count, $1)
        }
        let context:
            @Sendable (LoadedPlugin.ContextWork, [UInt8], LoadedPlugin.Invocation) async ->
                LoadedPlugin.Completion = { await functions.run(.context($0, $1), size: $1.count, $2) }
        return LoadedPlugin(
            catalogue,
            generation: number,
            digest: digest,
            settings: settings,
            operationFunctions: library.operationFunctions(),
            asynchronous: LoadedPlugin.AsynchronousFunctions(
                invoke: library.offers.contains(.functions) ? invoke : nil,
                fire: library.offers.contains(.timers) ? fire : nil,
                context: context
            ),
            context: library.contextFunctions()
        )
    }
}
