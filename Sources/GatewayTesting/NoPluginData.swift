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

    package func exportedBytes(of owner: PluginOwner) async throws(GatewayError) -> Int { 0 }

    package func closeExport(_ export: Identifier, of owner: PluginOwner) async throws(GatewayError) -> Int {
        throw Self.absent
    }

    package func export(
        _ id: Identifier,
        organization: OrganizationID,
        environment: Environment,
        now: Timestamp
    ) async throws(GatewayError) -> PluginExport? { nil }

    package func part(
        _ part: Int,
        of export: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> [UInt8]? { nil }

    package func removeExpiredExports(at now: Timestamp) async throws(GatewayError) {}
    package func removeExpiredAnswers(at now: Timestamp) async throws(GatewayError) {}

    // MARK: Tasks

    package func begin(
        _ task: PluginTask,
        bounds: PluginTask.Bounds
    ) async throws(GatewayError) -> PluginTask { throw Self.absent }

    package func task(
        _ id: Identifier,
        organization: OrganizationID,
        environment: Environment,
        now: Timestamp
    ) async throws(GatewayError) -> PluginTask? { nil }

    package func task(
        begunBy key: String,
        organization: OrganizationID,
        environment: Environment,
        now: Timestamp
    ) async throws(GatewayError) -> PluginTask? { nil }

    package func tasks(
        of organization: OrganizationID,
        in environment: Environment,
        before: Identifier?,
        limit: Int,
        now: Timestamp
    ) async throws(GatewayError) -> [PluginTask] { [] }

    package func dueTasks(
        at now: Timestamp,
        limit: Int,
        except busy: BusyTasks
    ) async throws(GatewayError) -> [PluginTask] { [] }

    package func take(_ task: PluginTask, until: Timestamp) async throws(GatewayError) -> PluginTask? { nil }
    package func countAttempt(of task: PluginTask) async throws(GatewayError) -> PluginTask? { nil }

    package func renew(
        _ task: PluginTask,
        until: Timestamp,
        progress: PluginTask.Progress,
        at now: Timestamp
    ) async throws(GatewayError) -> Bool { false }

    package func postpone(_ task: PluginTask, to due: Timestamp, attempts: Int) async throws(GatewayError) {}
    package func isUnderWay(_ task: PluginTask) async throws(GatewayError) -> Bool { false }

    package func end(
        _ task: PluginTask,
        as ending: PluginTask.Ending,
        anyAttempt: Bool
    ) async throws(GatewayError) -> Bool { false }

    package func removeExpiredTasks(at now: Timestamp) async throws(GatewayError) {}
}
