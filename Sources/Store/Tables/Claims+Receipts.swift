import Gateway

/// What a settling change claims: M-Pesa's ids, the receipt that it names, and a hold on a customer and an amount.
extension Claims {
    private static let receipt = SQLStatement(
        """
        INSERT INTO receipts (organization_id, environment, account, direction, receipt, record_id)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
        """
    )

    /// Takes a receipt for a record.
    ///
    /// - Throws: `Undo` when it is another record's.
    static func take(_ claim: ReceiptClaim, for record: Record, in session: WriteSession) throws {
        let taken = try session.execute(receipt, presuming: 1) { row in
            row.bind(record.organization)
            row.bind(record.environment.rawValue)
            row.bind(claim.account)
            row.bind(claim.direction.rawValue)
            row.bind(claim.receipt)
            row.bind(record.id)
        }
        if taken == 1 { return }
        let holder = try session.sql.first(
            """
            SELECT record_id FROM receipts
            WHERE organization_id = $1 AND environment = $2 AND account = $3 AND direction = $4 AND receipt = $5
            """,
            [
                .text(record.organization.description), .text(record.environment.rawValue), .text(claim.account),
                .text(claim.direction.rawValue), .text(claim.receipt),
            ]
        ) { $0.text(0).flatMap { RecordID($0) } }
        guard let holder = holder ?? nil else { throw SQLError(message: "a receipt's row is damaged") }
        if holder != record.id { throw Undo(outcome: ApplyOutcome.receiptTaken(record.id, by: holder)) }
    }

    private static let leftReceipt = SQLStatement(
        """
        DELETE FROM receipts WHERE organization_id = $1 AND environment = $2 AND account = $3 AND direction = $4
            AND receipt = $5 AND record_id = $6
        """
    )

    /// Gives up a receipt that turned out to be another record's.
    static func leave(_ claim: ReceiptClaim, of record: Record, in session: WriteSession) throws {
        try session.send(leftReceipt) { row in
            row.bind(record.organization)
            row.bind(record.environment.rawValue)
            row.bind(claim.account)
            row.bind(claim.direction.rawValue)
            row.bind(claim.receipt)
            row.bind(record.id)
        }
    }

    // MARK: Ids

    private static let externalID = SQLStatement(
        """
        INSERT INTO external_ids (organization_id, environment, namespace, value, record_id)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
        """
    )

    /// Takes one of M-Pesa's ids for a record.
    ///
    /// - Throws: `Undo` when it is another record's.
    static func take(id: String, in namespace: String, for record: Record, in session: WriteSession) throws {
        let taken = try session.execute(externalID, presuming: 1) { row in
            row.bind(record.organization)
            row.bind(record.environment.rawValue)
            row.bind(namespace)
            row.bind(id)
            row.bind(record.id)
        }
        if taken == 1 { return }
        let holder = try session.sql.first(
            """
            SELECT record_id FROM external_ids
            WHERE organization_id = $1 AND environment = $2 AND namespace = $3 AND value = $4
            """,
            [
                .text(record.organization.description), .text(record.environment.rawValue), .text(namespace), .text(id),
            ]
        ) { $0.text(0).flatMap { RecordID($0) } }
        guard let holder = holder ?? nil else { throw SQLError(message: "an id's row is damaged") }
        guard holder != record.id else { return }
        throw Undo(outcome: ApplyOutcome.idTaken(record.id, namespace: namespace, by: holder))
    }

    // MARK: Holds

    /// A hold is a guard's slot under a name that no plugin's guard has.
    private static func holdKey(_ direction: OperationDirection, _ party: String, _ amount: Shillings) -> String {
        holdPrefix + (direction == .outgoing ? "out:" : "") + "\(party):\(amount.amount)"
    }

    /// What the names of all holds begin with.
    static let holdPrefix = "*hold:"

    private static let holdAgain = SQLStatement(
        """
        UPDATE guards SET record_id = $1, active_until_ms = $2
        WHERE organization_id = $3 AND environment = $4 AND guard_key = $5 AND slot = $6
        """
    )

    private static let holdNew = SQLStatement(
        """
        INSERT INTO guards (organization_id, environment, guard_key, slot, record_id, active_until_ms)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
        """
    )

    /// Keeps anything more from being asked of a customer, or paid to them, for an amount.
    static func hold(_ hold: PartyHold, for record: Record, in session: WriteSession) throws {
        let key = holdKey(hold.direction, hold.party, hold.amount)
        let inserted = try session.execute(holdNew, presuming: 1) { row in
            row.bind(record.organization)
            row.bind(record.environment.rawValue)
            row.bind(key)
            row.bind(0 as Int64)
            row.bind(record.id)
            row.bind(hold.until.milliseconds)
        }
        if inserted == 1 { return }
        try session.send(holdAgain) { row in
            row.bind(record.id)
            row.bind(hold.until.milliseconds)
            row.bind(record.organization)
            row.bind(record.environment.rawValue)
            row.bind(key)
            row.bind(0 as Int64)
        }
    }

    private static let held = SQLStatement(
        """
        SELECT record_id, active_until_ms FROM guards
        WHERE organization_id = $1 AND environment = $2 AND guard_key = $3 AND slot = 0
        """
    )

    /// Asks the database only while somebody may be held.
    ///
    /// - Throws: `Undo` while the customer and amount of a new record are held for its direction.
    static func checkHold(
        _ record: Record,
        at now: Timestamp,
        _ holds: HoldWatch,
        in session: WriteSession
    ) throws {
        guard record.direction == .incoming || record.direction == .outgoing, holds.mayHold(at: now),
            let party = record.intent.party, let amount = record.intent.amount
        else {
            return
        }
        let key = holdKey(record.direction, party, amount)
        let isFree = try session.findsNothing(held) { row in
            row.bind(record.organization)
            row.bind(record.environment.rawValue)
            row.bind(key)
        }
        if isFree { return }
        let hold = try session.sql.first(
            held.text,
            [.text(record.organization.description), .text(record.environment.rawValue), .text(key)]
        ) { row in (row.text(0).flatMap { RecordID($0) }, Timestamp(milliseconds: row.integer(1) ?? 0)) }
        guard let hold, let holder = hold.0, now < hold.1 else { return }
        throw Undo(outcome: CommitOutcome.held(by: holder, until: hold.1))
    }
}
