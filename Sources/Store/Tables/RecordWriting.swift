import Gateway

/// Thrown inside a transaction to undo it and answer why.
struct Undo<Outcome: Sendable>: Error {
    let outcome: Outcome
}

/// The statements that write records: a record, with its whole life, is one row.
enum RecordWriting {
    private static let insertion = SQLStatement(
        """
        INSERT INTO records (\(RecordCoding.columns), events, party_digest, account_name, batch_id, batch_sequence)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)
        """
    )

    private static let change = SQLStatement(
        """
        UPDATE records SET state = $1, version = $2, receipt = $3, sent_ms = $4, updated_ms = $5, ended_ms = $6,
            next_action_ms = $7, released_ms = $8, held_until_ms = $9, detail = $10, events = events || $11
        WHERE organization_id = $12 AND record_id = $13 AND version = $14
        """
    )

    /// The same of an item that leaves with its batch, while that runs.
    private static let changeWhileRunning = SQLStatement(
        """
        UPDATE records SET state = $1, version = $2, receipt = $3, sent_ms = $4, updated_ms = $5, ended_ms = $6,
            next_action_ms = $7, released_ms = $8, held_until_ms = $9, detail = $10, events = events || $11
        WHERE organization_id = $12 AND record_id = $13 AND version = $14 AND EXISTS (
            SELECT 1 FROM batches
            WHERE batches.organization_id = records.organization_id AND batches.batch_id = records.batch_id
                AND batches.state = 'running')
        """
    )

    /// Writes a new record; `party` is its party's digest.
    static func insert(_ record: Record, events: [RecordEvent], party: Int64?, in session: WriteSession) throws {
        try session.send(insertion) { row in
            RecordCoding.bind(record, to: &row)
            row.bind(text: RecordCoding.lines(events))
            row.bind(party)
            row.bind(record.accountName == .main ? nil : record.accountName.description)
            row.bind(record.batch?.batch.description)
            row.bind(record.batch.map { Int64($0.sequence) })
        }
    }

    /// Writes a record's next version, and what is committed with it.
    ///
    /// - Parameter conflict: How the transaction answers that the record has another version by now.
    static func apply<Outcome: Sendable>(
        _ change: RecordChange,
        with conflict: (RecordID) -> Outcome,
        in session: WriteSession
    ) throws {
        let record = change.record
        if let receipt = change.leftReceipt { try Claims.leave(receipt, of: record, in: session) }
        if let receipt = change.receipt { try Claims.take(receipt, for: record, in: session) }
        guard try update(change, in: session) else { throw Undo(outcome: conflict(record.id)) }
        if let hold = change.hold { try Claims.hold(hold, for: record, in: session) }
        if let halt = change.halt { try Store.halt(halt, of: record.organization, in: session) }
        // M-Pesa's ids stand at places of their own each, so that each is a page to write: only what is new is.
        for (namespace, value) in change.newIDs {
            try Claims.take(id: value, in: namespace, for: record, in: session)
        }
        if let callback = change.settledCallback {
            try Store.end(callback, of: record.organization, as: "applied", at: record.updatedAt, in: session)
        }
        if let unread = change.unread { try Store.keep(unread, in: session) }
        try Store.keep(change.balances, of: record, in: session)
        if let place = change.uncounted { try QuotaCounts.giveBack(to: place, in: session) }
        for charge in change.charges { try MoneyCounts.charge(charge, in: session) }
        session.add(change.audit)
        session.tell(change.told)
        for line in change.usage { session.add(line) }
    }

    private static func update(_ new: RecordChange, in session: WriteSession) throws -> Bool {
        let record = new.record
        let statement = new.whileRunning == nil ? change : changeWhileRunning
        let changed = try session.execute(statement, presuming: 1) { row in
            RecordCoding.bindChanging(record, to: &row)
            row.bind(text: RecordCoding.lines(new.events))
            row.bind(record.organization)
            row.bind(record.id)
            row.bind(Int64(record.version - 1))
        }
        return changed == 1
    }
}
