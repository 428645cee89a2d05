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
    /// How often everything was forgotten.
    private let forgotten = Atomic<Int>(0)

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

    /// What to name when a value is remembered that is about to be looked up.
    package var epoch: Int { forgotten.load(ordering: .acquiring) }

    /// Remembers a value that is true now; not one that was looked up before everything was forgotten.
    package func set(_ value: Value, for key: Key, at now: Uptime, since epoch: Int? = nil) {
        entries.withLock { entries in
            if let epoch, epoch != forgotten.load(ordering: .acquiring) { return }
            if entries.count >= entriesMax { entries.removeAll(keepingCapacity: true) }
            entries[key] = Entry(value: value, until: now + life)
        }
    }

    /// Forgets everything.
    package func removeAll() {
        entries.withLock { entries in
            forgotten.add(1, ordering: .acquiringAndReleasing)
            entries.removeAll(keepingCapacity: true)
        }
    }
}
