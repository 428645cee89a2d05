import Gateway
import Logging
import PluginAPI
import PluginLoader

/// A plugin's library in this process: the tables that it offered, and calls through them.
///
/// The tables and the plugin's own pointer live as long as the process (rule M4), and the plugin promises to be called
/// from any thread (rule T1): that is what makes sharing this right.
final class InProcessLibrary: PluginLibrary, @unchecked Sendable {
    private let tables: gateway_tables
    private let resultBytesMax: Int
    let startsAtOnce: Bool

    /// Opens the private copy and negotiates.
    ///
    /// The library and `services` stay for the life of the process.
    init(
        path: String,
        services: HostServices,
        hostVersion: String,
        resultBytesMax: Int,
        startsAtOnce: Bool
    ) throws(PluginRefusal) {
        let entry = try InProcessLibrary.open(path)
        var negotiation = gateway_negotiation_t()
        negotiation.isolation = GATEWAY_ISOLATION_IN_PROCESS
        negotiation.host = Unmanaged.passRetained(services).toOpaque()
        negotiation.host_interface = HostServices.interface
        var found = gateway_tables()
        var reason = [CChar](repeating: 0, count: 512)
        let problem = Array("mpesa-gateway".utf8)
            .lent { name in
                Array(hostVersion.utf8)
                    .lent { version in
                        negotiation.host_name = name
                        negotiation.host_version = version
                        return gateway_library_negotiate(entry, &negotiation, &found, &reason, reason.count)
                    }
            }
        if let refusal = PluginRefusal(negotiation: problem, level: negotiation.level, reason: String(padded: reason)) {
            throw refusal
        }
        tables = found
        self.resultBytesMax = resultBytesMax
        self.startsAtOnce = startsAtOnce
    }

    private static func open(_ path: String) throws(PluginRefusal) -> gateway_plugin_entry_t {
        var reason = [CChar](repeating: 0, count: 512)
        let entry = path.withCString { gateway_library_open($0, &reason, reason.count) }
        guard let entry else {
            throw PluginRefusal.notOpened(String(padded: reason))
        }
        return entry
    }

    var offers: PluginOffers {
        var offers: PluginOffers = []
        if tables.operation != nil { offers.insert(.operations) }
        if tables.invoke != nil { offers.insert(.functions) }
        if tables.timer != nil { offers.insert(.timers) }
        if tables.prompt != nil { offers.insert(.prompts) }
        if tables.resource != nil { offers.insert(.resources) }
        if tables.prompt_2 != nil { offers.insert(.askingPrompts) }
        if tables.resource_2 != nil { offers.insert(.templates) }
        if tables.completion != nil { offers.insert(.completions) }
        return offers
    }

    // MARK: Looking after it

    func describe() throws(PluginRefusal) -> [UInt8] {
        let (status, bytes) = collecting { self.tables.lifecycle.pointee.describe(self.tables.plugin, $0) }
        guard status == GATEWAY_OK else { throw PluginRefusal.catalogue("rule C1: describe answered status \(status)") }
        return bytes
    }

    func configure(_ settings: [UInt8]) throws(PluginRefusal) {
        let (status, reason) = collecting { sink in
            settings.lent { self.tables.lifecycle.pointee.configure(self.tables.plugin, $0, sink) }
        }
        guard status == GATEWAY_OK else {
            throw PluginRefusal.notConfigured(
                reason.isEmpty ? "status \(status)" : String(decoding: reason, as: UTF8.self)
            )
        }
    }

    func runSelfTest() throws(PluginRefusal) {
        guard let selftest = tables.selftest else { return }
        let (status, reason) = collecting { selftest.pointee.selftest(self.tables.plugin, $0) }
        guard status == GATEWAY_OK else {
            throw PluginRefusal.selfTestFailed(
                reason.isEmpty ? "status \(status)" : String(decoding: reason, as: UTF8.self)
            )
        }
    }

    // MARK: Operation functions

    func operationFunctions() -> LoadedPlugin.OperationFunctions? {
        guard let table = tables.operation?.pointee else { return nil }
        let plugin = Pointer(tables.plugin)
        return LoadedPlugin.OperationFunctions(
            prepare: { index, input throws(LoadedPlugin.Failure) in
                try self.answer { sink in input.lent { table.prepare(plugin.value, UInt32(index), $0, sink) } }
            },
            interpret: { index, input, raw throws(LoadedPlugin.Failure) in
                try self.answer { sink in
                    input.lent { input in
                        raw.lent { table.interpret(plugin.value, UInt32(index), input, $0, sink) }
                    }
                }
            },
            query: { index, input throws(LoadedPlugin.Failure) in
                try self.answer { sink in input.lent { table.query(plugin.value, UInt32(index), $0, sink) } }
            },
            render: { index, input throws(LoadedPlugin.Failure) in
                try self.answer { sink in input.lent { table.render(plugin.value, UInt32(index), $0, sink) } }
            }
        )
    }

    private func answer(_ call: (gateway_sink_t) -> Int32) throws(LoadedPlugin.Failure) -> [UInt8] {
        let (status, bytes) = collecting(call)
        guard status == GATEWAY_OK else {
            let rule = status == GATEWAY_TOO_LARGE ? "rule M5: " : ""
            throw LoadedPlugin.Failure(status: status, reason: "\(rule)the function answered status \(status)")
        }
        return bytes
    }

    // MARK: Function tools

    func start(_ number: UInt64, _ work: PluginWork, meta: [UInt8], deadline: Duration) -> Int32 {
        switch work {
        case .tool(let tool, let arguments):
            guard let invoke = tables.invoke else { return GATEWAY_NOT_SUPPORTED }
            return arguments.lent { arguments in
                meta.lent { invoke.pointee.invoke(tables.plugin, number, UInt32(tool), arguments, $0) }
            }
        case .timer(let document):
            guard let timer = tables.timer else { return GATEWAY_NOT_SUPPORTED }
            return document.lent { document in
                meta.lent { timer.pointee.fire(tables.plugin, number, document, $0) }
            }
        case .context(let work, let document):
            return document.lent { document in meta.lent { start(number, work, document, $0) } }
        }
    }

    private func start(
        _ number: UInt64,
        _ work: LoadedPlugin.ContextWork,
        _ document: gateway_bytes_t,
        _ meta: gateway_bytes_t
    ) -> Int32 {
        switch work {
        case .prompt(let index):
            tables.prompt_2?.pointee.get(tables.plugin, number, UInt32(index), document, meta) ?? GATEWAY_NOT_SUPPORTED
        case .resource(let index):
            tables.resource_2?.pointee.read(tables.plugin, number, UInt32(index), document, meta)
                ?? GATEWAY_NOT_SUPPORTED
        case .completion:
            tables.completion?.pointee.complete(tables.plugin, number, document, meta) ?? GATEWAY_NOT_SUPPORTED
        }
    }

    func contextFunctions() -> LoadedPlugin.ContextFunctions {
        let (prompt, resource) = (tables.prompt?.pointee, tables.resource?.pointee)
        let plugin = Pointer(tables.plugin)
        return LoadedPlugin.ContextFunctions(
            prompt: { index, arguments throws(LoadedPlugin.Failure) in
                try self.answer { sink in
                    guard let prompt else { return GATEWAY_NOT_SUPPORTED }
                    return arguments.lent { prompt.get(plugin.value, UInt32(index), $0, sink) }
                }
            },
            resource: { index throws(LoadedPlugin.Failure) in
                try self.answer { resource?.read(plugin.value, UInt32(index), $0) ?? GATEWAY_NOT_SUPPORTED }
            }
        )
    }

    func cancel(_ number: UInt64) {
        _ = tables.cancel?.pointee.cancel(tables.plugin, number)
    }

    func drain() { _ = tables.drain?.pointee.drain(tables.plugin) }

    func retire() {}

    var health: PluginHealth { PluginHealth(isolation: "in-process") }

    // MARK: The sink

    private struct Collector {
        var bytes: [UInt8] = []
        let bytesMax: Int
        var isTooLarge = false
    }

    /// Gives a call a sink, and collects what it writes there.
    private func collecting(_ call: (gateway_sink_t) -> Int32) -> (status: Int32, bytes: [UInt8]) {
        var collector = Collector(bytesMax: resultBytesMax)
        // With its head it stays below 1,032 bytes, up to which glibc gives a thread back what the thread has freed.
        collector.bytes.reserveCapacity(960)
        let status = withUnsafeMutablePointer(to: &collector) { pointer in
            call(gateway_sink_t(context: pointer, write: InProcessLibrary.write))
        }
        return (collector.isTooLarge ? GATEWAY_TOO_LARGE : status, collector.bytes)
    }

    private static let write: @convention(c) (UnsafeMutableRawPointer?, gateway_bytes_t) -> Int32 = { context, bytes in
        guard let collector = context?.assumingMemoryBound(to: Collector.self) else { return GATEWAY_INVALID_ARGUMENT }
        guard UInt64(collector.pointee.bytesMax - collector.pointee.bytes.count) >= bytes.length else {
            collector.pointee.isTooLarge = true
            return GATEWAY_TOO_LARGE
        }
        collector.pointee.bytes.append(contentsOf: UnsafeBufferPointer(start: bytes.data, count: Int(bytes.length)))
        return GATEWAY_OK
    }

    /// The plugin's own pointer, which it takes back from any thread (rule T1).
    private struct Pointer: @unchecked Sendable {
        let value: UnsafeMutableRawPointer?
        init(_ value: UnsafeMutableRawPointer?) { self.value = value }
    }
}

extension String {
    /// The text in a buffer that C has written, up to its first zero.
    init(padded buffer: [CChar]) {
        self.init(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
