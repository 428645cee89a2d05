import OrderedJSON
import PluginAPI

/// The function tables that the kit offers for every plugin.
///
/// Allocated once, immutable, never freed (rule M4).
struct PluginTables {
    private let lifecycle = UnsafeMutablePointer<gateway_lifecycle_t>.allocate(capacity: 1)
    private let selftest = UnsafeMutablePointer<gateway_selftest_t>.allocate(capacity: 1)
    private let drain = UnsafeMutablePointer<gateway_drain_t>.allocate(capacity: 1)
    private let operation = UnsafeMutablePointer<gateway_operation_t>.allocate(capacity: 1)
    private let invoke = UnsafeMutablePointer<gateway_invoke_t>.allocate(capacity: 1)
    private let cancel = UnsafeMutablePointer<gateway_cancel_t>.allocate(capacity: 1)
    private let timer = UnsafeMutablePointer<gateway_timer_t>.allocate(capacity: 1)
    private let prompt = UnsafeMutablePointer<gateway_prompt_t>.allocate(capacity: 1)
    private let resource = UnsafeMutablePointer<gateway_resource_t>.allocate(capacity: 1)
    private let askingPrompt = UnsafeMutablePointer<gateway_prompt_2_t>.allocate(capacity: 1)
    private let template = UnsafeMutablePointer<gateway_resource_2_t>.allocate(capacity: 1)
    private let completion = UnsafeMutablePointer<gateway_argument_completion_t>.allocate(capacity: 1)

    // Initialized once before anybody sees it; only read afterwards.
    nonisolated(unsafe) static let shared = PluginTables()

    private init() {
        lifecycle.initialize(
            to: gateway_lifecycle_t(
                describe: { plugin, sink in
                    guard let served = ServedPlugin.from(plugin) else { return GATEWAY_INVALID_ARGUMENT }
                    return served.catalogue.lent { sink.write(sink.context, $0) }
                },
                configure: { plugin, settings, reason in
                    guard let served = ServedPlugin.from(plugin), let json = try? JSON(borrowed: settings) else {
                        return GATEWAY_INVALID_ARGUMENT
                    }
                    return PluginTables.tell(served.plugin.configure(json), to: reason)
                }
            )
        )
        selftest.initialize(
            to: gateway_selftest_t(selftest: { plugin, reason in
                guard let served = ServedPlugin.from(plugin) else { return GATEWAY_INVALID_ARGUMENT }
                return PluginTables.tell(served.plugin.selfTest(), to: reason)
            })
        )
        drain.initialize(
            to: gateway_drain_t(
                drain: { _ in GATEWAY_OK },
                in_flight: { UInt64(ServedPlugin.from($0)?.inFlight ?? 0) }
            )
        )
        invoke.initialize(
            to: gateway_invoke_t(invoke: { plugin, invocation, tool, arguments, meta in
                ServedPlugin.from(plugin)?
                    .invoke(
                        invocation,
                        tool,
                        [UInt8](borrowed: arguments),
                        [UInt8](borrowed: meta)
                    ) ?? GATEWAY_INVALID_ARGUMENT
            })
        )
        cancel.initialize(
            to: gateway_cancel_t(cancel: { plugin, invocation in
                ServedPlugin.from(plugin)?.cancel(invocation)
                return GATEWAY_OK
            })
        )
        timer.initialize(
            to: gateway_timer_t(fire: { plugin, invocation, timer, meta in
                ServedPlugin.from(plugin)?.fire(invocation, [UInt8](borrowed: timer), [UInt8](borrowed: meta))
                    ?? GATEWAY_INVALID_ARGUMENT
            })
        )
        prompt.initialize(to: gateway_prompt_t(get: { PluginTables.prompt($0, $1, $2, $3) }))
        resource.initialize(to: gateway_resource_t(read: { PluginTables.resource($0, $1, $2) }))
        initializeDrafts()
        operation.initialize(
            to: gateway_operation_t(
                prepare: { PluginTables.prepare($0, $1, $2, $3) },
                interpret: { PluginTables.interpret($0, $1, $2, $3, $4) },
                query: { PluginTables.query($0, $1, $2, $3) },
                render: { PluginTables.render($0, $1, $2, $3) }
            )
        )
    }

    private func initializeDrafts() {
        askingPrompt.initialize(
            to: gateway_prompt_2_t(get: { plugin, invocation, index, arguments, meta in
                ServedPlugin.from(plugin)?
                    .get(invocation, index, [UInt8](borrowed: arguments), [UInt8](borrowed: meta))
                    ?? GATEWAY_INVALID_ARGUMENT
            })
        )
        template.initialize(
            to: gateway_resource_2_t(read: { plugin, invocation, index, arguments, meta in
                ServedPlugin.from(plugin)?
                    .read(invocation, index, [UInt8](borrowed: arguments), [UInt8](borrowed: meta))
                    ?? GATEWAY_INVALID_ARGUMENT
            })
        )
        completion.initialize(
            to: gateway_argument_completion_t(complete: { plugin, invocation, request, meta in
                ServedPlugin.from(plugin)?
                    .complete(invocation, [UInt8](borrowed: request), [UInt8](borrowed: meta))
                    ?? GATEWAY_INVALID_ARGUMENT
            })
        )
    }

    /// The table of this id; what is optional only for a plugin that has it.
    func table(_ id: gateway_bytes_t, of plugin: Plugin?) -> UnsafeRawPointer? {
        switch String(decoding: UnsafeBufferPointer(start: id.data, count: Int(id.length)), as: UTF8.self) {
        case GATEWAY_LIFECYCLE: UnsafeRawPointer(lifecycle)
        case GATEWAY_SELFTEST: UnsafeRawPointer(selftest)
        case GATEWAY_DRAIN: UnsafeRawPointer(drain)
        case GATEWAY_OPERATION: UnsafeRawPointer(operation)
        case GATEWAY_INVOKE: UnsafeRawPointer(invoke)
        case GATEWAY_CANCEL: UnsafeRawPointer(cancel)
        case GATEWAY_TIMER: plugin?.onTimer == nil ? nil : UnsafeRawPointer(timer)
        case GATEWAY_PROMPT: plugin?.prompts.isEmpty ?? true ? nil : UnsafeRawPointer(prompt)
        case GATEWAY_RESOURCE: plugin?.resources.isEmpty ?? true ? nil : UnsafeRawPointer(resource)
        case GATEWAY_PROMPT_2: plugin?.askingPrompts.isEmpty ?? true ? nil : UnsafeRawPointer(askingPrompt)
        case GATEWAY_RESOURCE_2: plugin?.templates.isEmpty ?? true ? nil : UnsafeRawPointer(template)
        case GATEWAY_ARGUMENT_COMPLETION: plugin?.complete == nil ? nil : UnsafeRawPointer(completion)
        default: nil
        }
    }

    /// A sentence refuses; none agrees.
    private static func tell(_ reason: String?, to sink: gateway_sink_t) -> Int32 {
        guard let reason else { return GATEWAY_OK }
        _ = Array(reason.utf8).lent { sink.write(sink.context, $0) }
        return GATEWAY_INVALID_ARGUMENT
    }

    // MARK: What is read

    private static func prompt(
        _ plugin: UnsafeMutableRawPointer?,
        _ index: UInt32,
        _ arguments: gateway_bytes_t,
        _ sink: gateway_sink_t
    ) -> Int32 {
        guard let prompts = ServedPlugin.from(plugin)?.plugin.prompts, prompts.indices.contains(Int(index)) else {
            return GATEWAY_NOT_SUPPORTED
        }
        guard let arguments = try? JSON(borrowed: arguments) else { return GATEWAY_INVALID_ARGUMENT }
        return prompts[Int(index)].get(arguments).bytes.lent { sink.write(sink.context, $0) }
    }

    private static func resource(
        _ plugin: UnsafeMutableRawPointer?,
        _ index: UInt32,
        _ sink: gateway_sink_t
    ) -> Int32 {
        guard let resources = ServedPlugin.from(plugin)?.plugin.resources, resources.indices.contains(Int(index)) else {
            return GATEWAY_NOT_SUPPORTED
        }
        return resources[Int(index)].read().lent { sink.write(sink.context, $0) }
    }

    // MARK: Operation functions

    private static func prepare(
        _ plugin: UnsafeMutableRawPointer?,
        _ index: UInt32,
        _ input: gateway_bytes_t,
        _ sink: gateway_sink_t
    ) -> Int32 {
        guard let tool = ServedPlugin.from(plugin)?.operationTool(index) else { return GATEWAY_NOT_SUPPORTED }
        guard let json = try? JSON(borrowed: input) else { return GATEWAY_INVALID_ARGUMENT }
        var writer = JSONWriter(capacity: 1024)
        do throws(Refusal) {
            Documents.write(try tool.prepare(Documents.prepareInput(json)), to: &writer)
        } catch {
            Documents.write(error, to: &writer)
        }
        return writer.bytes.lent { sink.write(sink.context, $0) }
    }

    private static func interpret(
        _ plugin: UnsafeMutableRawPointer?,
        _ index: UInt32,
        _ input: gateway_bytes_t,
        _ raw: gateway_bytes_t,
        _ sink: gateway_sink_t
    ) -> Int32 {
        guard let operation = ServedPlugin.from(plugin)?.operation(index) else { return GATEWAY_NOT_SUPPORTED }
        guard let json = try? JSON(borrowed: input) else { return GATEWAY_INVALID_ARGUMENT }
        let record = Record(json["record"] ?? .null)
        let source = Documents.source(json["source"] ?? .null)
        var writer = JSONWriter()
        Documents.write(operation.interpret([UInt8](borrowed: raw), source, record), to: &writer)
        return writer.bytes.lent { sink.write(sink.context, $0) }
    }

    private static func query(
        _ plugin: UnsafeMutableRawPointer?,
        _ index: UInt32,
        _ input: gateway_bytes_t,
        _ sink: gateway_sink_t
    ) -> Int32 {
        guard let operation = ServedPlugin.from(plugin)?.operation(index) else { return GATEWAY_NOT_SUPPORTED }
        guard let json = try? JSON(borrowed: input) else { return GATEWAY_INVALID_ARGUMENT }
        let body = operation.query(
            Record(json["record"] ?? .null),
            Profile(json["profile"] ?? .null),
            json["now_ms"]?.integerValue ?? 0
        )
        var writer = JSONWriter()
        Documents.writeQuery(body, to: &writer)
        return writer.bytes.lent { sink.write(sink.context, $0) }
    }

    private static func render(
        _ plugin: UnsafeMutableRawPointer?,
        _ index: UInt32,
        _ input: gateway_bytes_t,
        _ sink: gateway_sink_t
    ) -> Int32 {
        guard let tool = ServedPlugin.from(plugin)?.operationTool(index) else { return GATEWAY_NOT_SUPPORTED }
        guard let json = try? JSON(borrowed: input) else { return GATEWAY_INVALID_ARGUMENT }
        let record = Record(json["record"] ?? .null, events: json["events"])
        return tool.render(record).bytes.lent { sink.write(sink.context, $0) }
    }
}

extension JSON {
    /// Parses borrowed bytes in place.
    fileprivate init(borrowed bytes: gateway_bytes_t) throws(JSONParseError) {
        try self.init(parsing: UnsafeRawBufferPointer(start: bytes.data, count: Int(bytes.length)))
    }
}
