import Gateway
import Logging
import PluginAPI
import PluginLoader

/// A plugin's library in this process: the tables that it offered, and calls through them.
///
/// The tables and the plugin's own pointer live as long as the process (rule M4), and the plugin promises to be called
/// from any thread (rule T1): that is what makes sharing this right.
final class InProcessLibrary: @unchecked Sendable {
    private let plugin: UnsafeMutableRawPointer?
    private let lifecycle: UnsafePointer<gateway_lifecycle_t>
    private let selftest: UnsafePointer<gateway_selftest_t>?
    private let operation: UnsafePointer<gateway_operation_t>?
    private let invokeTable: UnsafePointer<gateway_invoke_t>?
    private let cancelTable: UnsafePointer<gateway_cancel_t>?
    private let resultBytesMax: Int

    /// Opens the private copy and negotiates.
    ///
    /// The library and `services` stay for the life of the process.
    init(path: String, services: HostServices, hostVersion: String, resultBytesMax: Int) throws(PluginRefusal) {
        let entry = try InProcessLibrary.open(path)
        var negotiation = gateway_negotiation_t()
        negotiation.host_level_min = GATEWAY_LEVEL
        negotiation.host_level_max = GATEWAY_LEVEL
        negotiation.isolation = GATEWAY_ISOLATION_IN_PROCESS
        negotiation.host = Unmanaged.passRetained(services).toOpaque()
        negotiation.host_interface = HostServices.interface
        let status = Array("mpesa-gateway".utf8)
            .lent { name in
                Array(hostVersion.utf8)
                    .lent { version in
                        negotiation.host_name = name
                        negotiation.host_version = version
                        return entry(&negotiation)
                    }
            }
        guard status == GATEWAY_OK else { throw PluginRefusal.refused("its entry answered status \(status)") }
        guard negotiation.refused == 0 else {
            throw PluginRefusal.refused(String(borrowed: negotiation.refusal_reason))
        }
        guard negotiation.level == GATEWAY_LEVEL else {
            throw PluginRefusal.levelNotServed(least: negotiation.level, most: negotiation.level)
        }
        guard let find = negotiation.plugin_interface else { throw PluginRefusal.missingTable("plugin_interface") }
        let own = negotiation.plugin
        func table<Table>(_ id: String, _: Table.Type) -> UnsafePointer<Table>? {
            Array(id.utf8).lent { find(own, $0) }.map { $0.assumingMemoryBound(to: Table.self) }
        }
        guard let lifecycle = table(GATEWAY_LIFECYCLE, gateway_lifecycle_t.self), lifecycle.pointee.describe != nil,
            lifecycle.pointee.configure != nil
        else { throw PluginRefusal.missingTable(GATEWAY_LIFECYCLE) }
        self.plugin = own
        self.lifecycle = lifecycle
        self.resultBytesMax = resultBytesMax
        selftest = table(GATEWAY_SELFTEST, gateway_selftest_t.self)
        operation = table(GATEWAY_OPERATION, gateway_operation_t.self)
        invokeTable = table(GATEWAY_INVOKE, gateway_invoke_t.self)
        cancelTable = table(GATEWAY_CANCEL, gateway_cancel_t.self)
        try checkFunctions()
    }

    /// Rule E5: a table that is offered has all its functions.
    private func checkFunctions() throws(PluginRefusal) {
        if let operation,
            operation.pointee.prepare == nil || operation.pointee.interpret == nil
                || operation.pointee.query == nil || operation.pointee.render == nil
        {
            throw PluginRefusal.missingTable("a function of " + GATEWAY_OPERATION)
        }
        if let invokeTable, invokeTable.pointee.invoke == nil {
            throw PluginRefusal.missingTable("a function of " + GATEWAY_INVOKE)
        }
        if let selftest, selftest.pointee.selftest == nil {
            throw PluginRefusal.missingTable("a function of " + GATEWAY_SELFTEST)
        }
    }

    private static func open(_ path: String) throws(PluginRefusal) -> gateway_plugin_entry_t {
        var reason = [CChar](repeating: 0, count: 512)
        let entry = path.withCString { gateway_library_open($0, &reason, reason.count) }
        guard let entry else {
            throw PluginRefusal.notOpened(
                String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            )
        }
        return entry
    }

    var hasOperations: Bool { operation != nil }
    var hasFunctions: Bool { invokeTable != nil }

    // MARK: Looking after it

    func describe() throws(PluginRefusal) -> [UInt8] {
        let (status, bytes) = collecting { self.lifecycle.pointee.describe(self.plugin, $0) }
        guard status == GATEWAY_OK else { throw PluginRefusal.catalogue("rule C1: describe answered status \(status)") }
        return bytes
    }

    func configure(_ settings: [UInt8]) throws(PluginRefusal) {
        let (status, reason) = collecting { sink in
            settings.lent { self.lifecycle.pointee.configure(self.plugin, $0, sink) }
        }
        guard status == GATEWAY_OK else {
            throw PluginRefusal.notConfigured(
                reason.isEmpty ? "status \(status)" : String(decoding: reason, as: UTF8.self)
            )
        }
    }

    func runSelfTest() throws(PluginRefusal) {
        guard let selftest else { return }
        let (status, reason) = collecting { selftest.pointee.selftest(self.plugin, $0) }
        guard status == GATEWAY_OK else {
            throw PluginRefusal.selfTestFailed(
                reason.isEmpty ? "status \(status)" : String(decoding: reason, as: UTF8.self)
            )
        }
    }

    // MARK: Operation functions

    func operationFunctions() -> LoadedPlugin.OperationFunctions? {
        guard let table = operation?.pointee else { return nil }
        let plugin = Pointer(plugin)
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

    func invoke(_ number: UInt64, tool: Int, arguments: [UInt8], meta: [UInt8]) -> Int32 {
        guard let invokeTable else { return GATEWAY_NOT_SUPPORTED }
        return arguments.lent { arguments in
            meta.lent { invokeTable.pointee.invoke(plugin, number, UInt32(tool), arguments, $0) }
        }
    }

    func cancel(_ number: UInt64) {
        guard let cancelTable, let cancel = cancelTable.pointee.cancel else { return }
        _ = cancel(plugin, number)
    }

    // MARK: The sink

    private struct Collector {
        var bytes: [UInt8] = []
        let bytesMax: Int
        var isTooLarge = false
    }

    /// Gives a call a sink, and collects what it writes there.
    private func collecting(_ call: (gateway_sink_t) -> Int32) -> (status: Int32, bytes: [UInt8]) {
        var collector = Collector(bytesMax: resultBytesMax)
        collector.bytes.reserveCapacity(1024)
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
