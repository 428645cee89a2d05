import Synchronization

/// Remembers what was read of the configuration for as long as it holds.
///
/// Bounded: those used lately stay. What was not used while `entriesMax` others were is forgotten, which only costs
/// reading it again.
package final class ConfiguredCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        let value: Value
        let organization: OrganizationID?
        let stamp: ConfigurationWatch.Stamp
    }

    private struct Entries: Sendable {
        var newer: [Key: Entry] = [:]
        var older: [Key: Entry] = [:]

        mutating func put(_ entry: Entry, at key: Key, entriesMax: Int) {
            if newer.count >= entriesMax && newer[key] == nil {
                older = newer
                newer = [:]
            }
            newer[key] = entry
        }
    }

    private let configuration: ConfigurationWatch
    private let entriesMax: Int
    private let entries = Mutex(Entries())

    /// Makes an empty one, with room for so many of each organization's.
    package init(_ configuration: ConfigurationWatch, perOrganization: Int = 1) {
        self.configuration = configuration
        entriesMax = max(1, configuration.settings.organizationsMax * perOrganization)
    }

    /// The value, while it holds.
    ///
    /// - Throws: as the store does, where it had to be asked.
    package func value(for key: Key) async throws(GatewayError) -> Value? {
        try await configuration.believe()
        let entry = entries.withLock { entries -> Entry? in
            if let entry = entries.newer[key] { return entry }
            guard let entry = entries.older[key] else { return nil }
            entries.put(entry, at: key, entriesMax: entriesMax)
            return entry
        }
        guard let entry, configuration.holds(entry.stamp, for: entry.organization) else { return nil }
        return entry.value
    }

    /// To be taken before a value is looked up.
    package var stamp: ConfigurationWatch.Stamp { configuration.stamp }

    /// Remembers a value that was looked up after a stamp was taken, of an organization or, without one, of everybody.
    package func set(
        _ value: Value,
        for key: Key,
        of organization: OrganizationID?,
        since stamp: ConfigurationWatch.Stamp
    ) {
        let entry = Entry(value: value, organization: organization, stamp: stamp)
        entries.withLock { $0.put(entry, at: key, entriesMax: entriesMax) }
    }
}
