import Compression
import Logging
import OrderedJSON
import Synchronization

/// Calls a plugin's operation functions and reads what they answer; the one place that turns a plugin's failure into
/// an error of the house.
struct PluginCalls: Sendable {
    private let registry: ToolRegistry
    private let logger: Logger

    /// Makes the caller.
    init(registry: ToolRegistry, logger: Logger) {
        self.registry = registry
        self.logger = logger
    }

    /// Counts up with each change of what is loaded.
    var revision: Int { registry.snapshot.revision }

    /// A generation that understands a record, and the index of the record's kind in it: the live one, or else another.
    ///
    /// - Throws: `unavailable` while the plugin is not loaded; the record waits.
    func kind(of record: Record) throws(GatewayError) -> (plugin: LoadedPlugin, index: Int) {
        guard let found = registry.snapshot.generation(of: record.plugin, for: record.operation) else {
            throw GatewayError(
                .unavailable,
                "The plugin \(record.plugin), which understands this transaction, is not loaded now."
            )
        }
        return found
    }

    /// Whether nothing that is loaded understands a record.
    func isMissing(for record: Record) -> Bool { (try? kind(of: record)) == nil }

    /// The same, counted in: it is not retired before `end` is called on its calls.
    private func checkOut(_ record: Record) throws(GatewayError) -> (plugin: LoadedPlugin, index: Int) {
        while true {
            let found = try kind(of: record)
            if found.plugin.calls.begin() { return found }
        }
    }

    /// What the plugin wants sent for a call, or its refusal as an error.
    func prepare(
        _ plugin: LoadedPlugin,
        tool: ToolDescriptor,
        input: [UInt8]
    ) async throws(GatewayError) -> PluginAnswers.Plan {
        let functions = try functions(of: plugin)
        let answer: PluginAnswers.Prepared
        do {
            answer = try PluginAnswers.prepared(await functions.prepare(tool.index, input))
        } catch let failure {
            throw fault(of: plugin, in: "prepare", failure)
        }
        switch answer {
        case .refusal(let error): throw error
        case .plan(let plan): return plan
        }
    }

    /// What bytes from M-Pesa prove of a record; nil when the plugin says that they are not its.
    ///
    /// The one place where M-Pesa's bytes meet a plugin: what was compressed though nobody asked is opened here, and
    /// what cannot be opened within bounds is handed over as it came. Whoever keeps bytes keeps them as they came.
    func interpret(
        _ raw: [UInt8],
        from source: Evidence.Source,
        status: Int?,
        for record: Record
    ) async throws(GatewayError) -> Evidence? {
        let (plugin, index) = try checkOut(record)
        var hasFailed = true
        defer { plugin.calls.end(hasFailed: hasFailed) }
        let functions = try functions(of: plugin)
        let input = PluginDocuments.interpret(source: source, status: status, record: record)
        do {
            var evidence = try PluginAnswers.evidence(await functions.interpret(index, input, Gzip.opened(raw) ?? raw))
            evidence?.status = status
            hasFailed = false
            return evidence
        } catch let failure {
            let fault = fault(of: plugin, in: "interpret", failure)
            // What the function was not given says nothing of the bytes.
            guard let failure = failure as? LoadedPlugin.Failure, !failure.hasRun else { throw fault }
            throw GatewayError(.unavailable, fault.message, detail: fault.detail, retryAfter: .seconds(5))
        }
    }

    /// The request that asks about a record; nil when there is nothing to ask.
    func query(
        _ record: Record,
        profile: Profile,
        now: Timestamp
    ) async throws(GatewayError) -> RequestTemplate? {
        let (plugin, index) = try checkOut(record)
        var hasFailed = true
        defer { plugin.calls.end(hasFailed: hasFailed) }
        let functions = try functions(of: plugin)
        let settings = plugin.settings(for: profile)
        let input = PluginDocuments.query(record: record, profile: profile, settings: settings, now: now)
        do {
            let template = try PluginAnswers.query(await functions.query(index, input))
            hasFailed = false
            return template
        } catch let failure {
            throw fault(of: plugin, in: "query", failure)
        }
    }

    /// A tool's output for a record.
    ///
    /// Never fails: when the plugin does, or its output is not of the tool's schema, the output is what the host itself
    /// knows. A caller must not be told of money in a form, or in words, that nobody has promised.
    func render(
        _ plugin: LoadedPlugin,
        tool: ToolDescriptor,
        record: Record,
        events: [RecordEvent]
    ) async -> [UInt8] {
        let input = PluginDocuments.render(record: record, events: events)
        do {
            let output = try await functions(of: plugin).render(tool.index, input)
            guard let document = try? JSON(parsing: output), tool.outputValidator.accepts(document) else {
                throw PluginAnswers.Malformed(reason: "rule P2: the output is not of the tool's output schema")
            }
            return output
        } catch {
            count(error, against: plugin)
            logger.error(
                "a plugin could not render a record",
                metadata: ["plugin": "\(plugin.id)", "tool": "\(tool.name)", "reason": "\(error)"]
            )
            return PluginDocuments.outline(of: record)
        }
    }

    private func functions(of plugin: LoadedPlugin) throws(GatewayError) -> LoadedPlugin.OperationFunctions {
        guard let functions = plugin.operationFunctions else {
            throw GatewayError.fault("plugin \(plugin.id) has operation tools but no operation functions")
        }
        return functions
    }

    /// An answer that is too large is not of its form either; a worker that ended is counted where it ran.
    private func count(_ failure: any Error, against plugin: LoadedPlugin) {
        let status = (failure as? LoadedPlugin.Failure)?.status
        if failure is PluginAnswers.Malformed || status == AnswerStatus.tooLarge.rawValue {
            plugin.calls.countMalformed()
        }
    }

    private func fault(of plugin: LoadedPlugin, in function: String, _ failure: any Error) -> GatewayError {
        count(failure, against: plugin)
        return GatewayError(
            .pluginFailed,
            "The plugin that serves this failed. Nothing was decided; quote the request id to whoever runs the gateway.",
            detail: "plugin \(plugin.id) generation \(plugin.generation), \(function): \(failure)"
        )
    }
}
