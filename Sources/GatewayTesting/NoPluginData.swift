import Gateway
import OrderedJSON

/// A store without drawers for plugins: nothing is in them, and nothing can be put there.
package struct NoPluginData: PluginDataRepository {
    /// Makes it.
    package init() {}

    private static let absent = GatewayError(.notSupported, "There are no drawers for plugins here.")

    package func item(_ key: String, in collection: PluginCollection) async throws(GatewayError) -> PluginItem? { nil }

    package func items(
        in collection: PluginCollection,
        prefix: String,
        after: String?,
        limit: Int
    ) async throws(GatewayError) -> [PluginItem] { [] }

    package func put(
        _ key: String,
        _ value: JSON,
        over version: Int64?,
        in collection: PluginCollection,
        at now: Timestamp,
        itemsMax: Int
    ) async throws(GatewayError) -> Int64 { throw Self.absent }

    package func delete(
        _ key: String,
        over version: Int64?,
        in collection: PluginCollection
    ) async throws(GatewayError) {}

    package func add(_ timer: PluginTimer, timersMax: Int) async throws(GatewayError) { throw Self.absent }

    package func removeTimer(_ id: Identifier, of owner: PluginOwner) async throws(GatewayError) {}

    package func dueTimers(
        at now: Timestamp,
        limit: Int,
        except busy: BusyTimers
    ) async throws(GatewayError) -> [PluginTimer] { [] }

    package func take(_ timers: [PluginTimer], until: Timestamp) async throws(GatewayError) -> [PluginTimer] { [] }

    package func postpone(_ timer: PluginTimer, to due: Timestamp, attempts: Int) async throws(GatewayError) {}

    package func add(_ export: PluginExport, exportsMax: Int) async throws(GatewayError) { throw Self.absent }

    package func append(
        _ bytes: [UInt8],
        to export: Identifier,
        of owner: PluginOwner,
        bytesMax: Int
    ) async throws(GatewayError) -> Int { throw Self.absent }

    package func closeExport(_ export: Identifier, of owner: PluginOwner) async throws(GatewayError) -> Int {
        throw Self.absent
    }

    package func export(
        _ id: Identifier,
        organization: OrganizationID,
        environment: Environment,
        now: Timestamp
    ) async throws(GatewayError) -> (PluginExport, [UInt8])? { nil }

    package func removeExpiredExports(at now: Timestamp) async throws(GatewayError) {}
    package func removeExpiredAnswers(at now: Timestamp) async throws(GatewayError) {}
}
