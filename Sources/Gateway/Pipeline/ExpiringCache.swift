import Synchronization

/// Remembers values for a while.
///
/// Bounded: when it is full, everything is forgotten, which only costs looking again.
package final class ExpiringCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        let value: Value
        let until: Uptime
    }

    private let life: Duration
    private let entriesMax: Int
    private let entries = Mutex<[Key: Entry]>([:])

    /// Makes an empty cache.
    package init(life: Duration, entriesMax: Int) {
        self.life = life
        self.entriesMax = entriesMax
    }

    /// The value, unless it has grown too old.
    package func value(for key: Key, at now: Uptime) -> Value? {
        entries.withLock { entries in
            guard let entry = entries[key], now < entry.until else { return nil }
            return entry.value
        }
    }

    /// Remembers a value that is true now.
    package func set(_ value: Value, for key: Key, at now: Uptime) {
        entries.withLock { entries in
            if entries.count >= entriesMax { entries.removeAll(keepingCapacity: true) }
            entries[key] = Entry(value: value, until: now + life)
        }
    }

    /// Forgets everything.
    package func removeAll() {
        entries.withLock { $0.removeAll(keepingCapacity: true) }
    }
}
