import Gateway

/// What a judge reads off a disk, past every store.
extension MemoryDisk {
    /// Every record with its steps, in the order of their beginning.
    package var records: [(record: Record, events: [RecordEvent])] {
        tables.withLock { tables in
            // A record is large: its name is what is sorted.
            tables.records.keys.sorted { $0.raw < $1.raw }
                .compactMap { id in tables.records[id].map { ($0.record, $0.events) } }
        }
    }

    /// A record of any organization's.
    package func record(_ id: RecordID) -> Record? { tables.withLock { $0.records[id]?.record } }

    /// The idempotency key that a record was begun under.
    package func key(of id: RecordID) -> String? { tables.withLock { $0.begunUnder[id] } }

    /// Loses every idempotency key: a fault that a simulation must find.
    package func forgetKeys() { tables.withLock { $0.idempotency = [:] } }

    /// How many callbacks nobody has come to an end with.
    package var unsettledCallbacks: Int { tables.withLock { $0.callbacks.values.count { $0.end == nil } } }

    /// Every batch, in the order of their names.
    package var batches: [Batch] {
        tables.withLock { tables in
            tables.batches.values.sorted {
                ("\($0.organization)", $0.id.description) < ("\($1.organization)", $1.id.description)
            }
        }
    }

    /// The feed, in its order.
    package var feed: [FeedEntry] { tables.withLock { $0.feed } }
    /// What is summed up of it.
    package var rollups: [RollupPlace: RollupSum] { tables.withLock { $0.rollups } }

    /// The audit's lines about a record.
    package func auditLines(about id: RecordID) -> [AuditRecord] {
        tables.withLock { $0.audit.filter { $0.record == id } }
    }
}
