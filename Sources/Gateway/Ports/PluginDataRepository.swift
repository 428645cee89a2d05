import OrderedJSON

/// Where plugins keep what is theirs: collections, timers, exports, and their tools' tasks.
///
/// Every method is one database transaction and returns once it is durable. Every question carries the organization; the
/// two that do not are the clock's.
package protocol PluginDataRepository: TaskRepository {
    /// A value, or nil.
    func item(_ key: String, in collection: PluginCollection) async throws(GatewayError) -> PluginItem?
    /// Values whose key begins so, by key.
    func items(
        in collection: PluginCollection,
        prefix: String,
        after: String?,
        limit: Int
    ) async throws(GatewayError) -> [PluginItem]
    /// Writes a value, and answers its new version.
    ///
    /// - Throws: `conflict` when `over` is not the present version (0: there is none), `limitExceeded` when the
    ///   collection is full.
    func put(
        _ key: String,
        _ value: JSON,
        over version: Int64?,
        in collection: PluginCollection,
        at now: Timestamp,
        itemsMax: Int
    ) async throws(GatewayError) -> Int64
    /// Takes a value away; one that is not there is no fault, unless `over` names a version.
    func delete(_ key: String, over version: Int64?, in collection: PluginCollection) async throws(GatewayError)

    /// Keeps a timer.
    ///
    /// - Throws: `limitExceeded` when the organization has as many as it may.
    func add(_ timer: PluginTimer, timersMax: Int) async throws(GatewayError)
    /// Takes a timer away; one that is not there is no fault.
    func removeTimer(_ id: Identifier, of owner: PluginOwner) async throws(GatewayError)
    /// Any organization's timers that have come due, earliest first, but for those of busy owners and plugins.
    ///
    /// Their `attempt` is what it is once they are taken.
    func dueTimers(at now: Timestamp, limit: Int, except busy: BusyTimers) async throws(GatewayError) -> [PluginTimer]
    /// Takes timers until `until`: nobody sees them before. Answers those that nobody else has taken meanwhile.
    func take(_ timers: [PluginTimer], until: Timestamp) async throws(GatewayError) -> [PluginTimer]
    /// Lets a timer come due again, so many attempts having been made.
    func postpone(_ timer: PluginTimer, to due: Timestamp, attempts: Int) async throws(GatewayError)

    /// Begins an export.
    ///
    /// - Throws: `limitExceeded` when the organization has as many as it may.
    func add(_ export: PluginExport, exportsMax: Int) async throws(GatewayError)
    /// Adds bytes to an open export, and answers its length.
    ///
    /// - Throws: `notFound`, `conflict` when it is closed, `limitExceeded` when it would be too long.
    func append(
        _ bytes: [UInt8],
        to export: Identifier,
        of owner: PluginOwner,
        bytesMax: Int
    ) async throws(GatewayError) -> Int
    /// How long all exports of an organization's plugin are together.
    func exportedBytes(of owner: PluginOwner) async throws(GatewayError) -> Int
    /// Ends an export, and answers its length.
    ///
    /// - Throws: `notFound`.
    func closeExport(_ export: Identifier, of owner: PluginOwner) async throws(GatewayError) -> Int
    /// A closed export of the organization's that has not expired.
    func export(
        _ id: Identifier,
        organization: OrganizationID,
        environment: Environment,
        now: Timestamp
    ) async throws(GatewayError) -> PluginExport?
    /// A piece of an export of the organization's, from 0; nil where there is none.
    func part(
        _ part: Int,
        of export: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> [UInt8]?
    /// Forgets every organization's exports that have expired.
    func removeExpiredExports(at now: Timestamp) async throws(GatewayError)
    /// Forgets every organization's answers to questions that can be answered no more.
    func removeExpiredAnswers(at now: Timestamp) async throws(GatewayError)
}

/// A plugin's collection of one organization's.
package struct PluginCollection: Sendable, Hashable {
    /// Whose.
    package let owner: PluginOwner
    /// Which.
    package let name: String

    /// Names a collection.
    package init(owner: PluginOwner, name: String) {
        self.owner = owner
        self.name = name
    }
}

/// One value of a collection.
package struct PluginItem: Sendable, Equatable {
    /// Unique in the collection.
    package let key: String
    /// The value.
    package let value: JSON
    /// Counts up with each writing, from 1.
    package let version: Int64

    /// States an item.
    package init(key: String, value: JSON, version: Int64) {
        self.key = key
        self.value = value
        self.version = version
    }
}

/// Whose timers are left alone for now, because as many of theirs run as may.
package struct BusyTimers: Sendable, Equatable {
    /// An organization's plugins.
    package var owners: Set<PluginOwner> = []
    /// Plugins, whoever's timers they are.
    package var plugins: Set<String> = []

    /// Nobody's.
    package init() {}
}

/// A time at which a plugin wants to be called.
package struct PluginTimer: Sendable, Equatable {
    /// Its id.
    package let id: Identifier
    /// Whose, and which plugin's.
    package let owner: PluginOwner
    /// The plugin's own word for it.
    package let name: String
    /// The plugin's own.
    package let data: JSON
    /// As whom the plugin then acts.
    package let scheduledBy: Principal
    /// When.
    package let dueAt: Timestamp
    /// How often it has come due.
    package let attempt: Int

    /// States a timer.
    package init(
        id: Identifier,
        owner: PluginOwner,
        name: String,
        data: JSON,
        scheduledBy: Principal,
        dueAt: Timestamp,
        attempt: Int
    ) {
        self.id = id
        self.owner = owner
        self.name = name
        self.data = data
        self.scheduledBy = scheduledBy
        self.dueAt = dueAt
        self.attempt = attempt
    }
}

/// A large result that the host keeps for a plugin.
package struct PluginExport: Sendable, Equatable {
    /// Its id.
    package let id: Identifier
    /// Whose, and which plugin's.
    package let owner: PluginOwner
    /// A file name for whoever saves it.
    package let name: String
    /// Such as `text/csv`.
    package let mediaType: String
    /// When it is forgotten.
    package let expiresAt: Timestamp
    /// Who called the tool that made it: `user:<id>` or `key:<id>`.
    package let madeBy: String
    /// What they saw of the organization then, which is all that it can be about.
    package let purview: Purview
    /// How long it is.
    package let bytes: Int
    /// In how many pieces.
    package let parts: Int

    /// States an export; one that is begun is empty.
    package init(
        id: Identifier,
        owner: PluginOwner,
        name: String,
        mediaType: String,
        expiresAt: Timestamp,
        madeBy: String,
        purview: Purview = .everything,
        bytes: Int = 0,
        parts: Int = 0
    ) {
        self.id = id
        self.owner = owner
        self.name = name
        self.mediaType = mediaType
        self.expiresAt = expiresAt
        self.madeBy = madeBy
        self.purview = purview
        self.bytes = bytes
        self.parts = parts
    }
}
