import OrderedJSON
import PluginAPI
import Synchronization

/// Puts a plugin behind the C functions of `gateway/plugin.h`.
///
///     @c @implementation
///     public func gateway_plugin_v1(_ negotiation: UnsafeMutablePointer<gateway_negotiation_t>?) -> Int32 {
///         PluginExport.negotiate(negotiation, plugin: myPlugin)
///     }
public enum PluginExport {
    /// Answers a host's negotiation for a plugin.
    public static func negotiate(
        _ negotiation: UnsafeMutablePointer<gateway_negotiation_t>?,
        plugin: Plugin
    ) -> Int32 {
        guard let negotiation else { return GATEWAY_INVALID_ARGUMENT }
        guard negotiation.pointee.host_level_min <= GATEWAY_LEVEL, GATEWAY_LEVEL <= negotiation.pointee.host_level_max
        else { return GATEWAY_NOT_SUPPORTED }
        let served = ServedPlugin(plugin, host: HostLink(negotiation.pointee))
        negotiation.pointee.level = GATEWAY_LEVEL
        negotiation.pointee.refused = 0
        // Kept for the life of the process: the host never unloads a plugin (rule L2).
        negotiation.pointee.plugin = Unmanaged.passRetained(served).toOpaque()
        negotiation.pointee.plugin_interface = { plugin, id in
            PluginTables.shared.table(id, of: ServedPlugin.from(plugin)?.plugin)
        }
        return GATEWAY_OK
    }
}

/// A plugin in the hands of one host.
final class ServedPlugin: Sendable {
    let plugin: Plugin
    let host: HostLink
    let catalogue: [UInt8]
    private let running = Mutex<[UInt64: Task<Void, Never>]>([:])

    init(_ plugin: Plugin, host: HostLink) {
        self.plugin = plugin
        self.host = host
        self.catalogue = plugin.catalogue.bytes
    }

    static func from(_ pointer: UnsafeMutableRawPointer?) -> ServedPlugin? {
        pointer.map { Unmanaged<ServedPlugin>.fromOpaque($0).takeUnretainedValue() }
    }

    func operationTool(_ index: UInt32) -> OperationTool? {
        guard plugin.tools.indices.contains(Int(index)), case .operation(let tool) = plugin.tools[Int(index)] else {
            return nil
        }
        return tool
    }

    func operation(_ index: UInt32) -> Operation? {
        plugin.operations.indices.contains(Int(index)) ? plugin.operations[Int(index)] : nil
    }

    // MARK: Function tools

    func invoke(_ invocation: UInt64, _ index: UInt32, _ arguments: [UInt8], _ meta: [UInt8]) -> Int32 {
        guard plugin.tools.indices.contains(Int(index)), case .function(let tool) = plugin.tools[Int(index)],
            let arguments = try? JSON(parsing: arguments)
        else { return GATEWAY_NOT_SUPPORTED }
        let context = FunctionContext(
            invocation: invocation,
            meta: (try? JSON(parsing: meta)) ?? [:],
            host: host
        )
        start(invocation) { () async throws(FunctionFailure) in try await tool.call(arguments, context).bytes }
        return GATEWAY_OK
    }

    func fire(_ invocation: UInt64, _ timer: [UInt8], _ meta: [UInt8]) -> Int32 {
        guard let onTimer = plugin.onTimer, let timer = try? JSON(parsing: timer) else { return GATEWAY_NOT_SUPPORTED }
        let context = FunctionContext(invocation: invocation, meta: (try? JSON(parsing: meta)) ?? [:], host: host)
        start(invocation) { () async throws(FunctionFailure) in
            try await onTimer(timer, context)
            return Array("{}".utf8)
        }
        return GATEWAY_OK
    }

    func start(_ invocation: UInt64, _ work: @escaping @Sendable () async throws(FunctionFailure) -> [UInt8]) {
        running.withLock { running in
            running[invocation] = Task.detached(executorPreference: FunctionThreads.shared) { [self] in
                await run(invocation, work)
            }
        }
    }

    func cancel(_ invocation: UInt64) {
        running.withLock { $0[invocation] }?.cancel()
    }

    var inFlight: Int { running.withLock { $0.count } }

    private func run(
        _ invocation: UInt64,
        _ work: @Sendable () async throws(FunctionFailure) -> [UInt8]
    ) async {
        do throws(FunctionFailure) {
            host.complete(invocation, GATEWAY_OK, try await work())
        } catch {
            host.complete(invocation, error.status, error.payload.bytes)
        }
        running.withLock { $0[invocation] = nil }
    }
}
