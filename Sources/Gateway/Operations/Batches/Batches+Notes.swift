import OrderedJSON

// What whoever makes a batch should know of it, and what nobody is refused for.
extension Batches {
    /// What came of an order as its caller is shown it: with what was read of its file, and what may keep a batch from being
    /// paid whole.
    ///
    /// What was made is told also where the store cannot say more of it.
    func shown(
        _ made: Made,
        of file: JSON? = nil,
        to principal: Principal
    ) async -> [UInt8] {
        let notes = await notes(of: made, principal)
        guard !notes.isEmpty || file != nil, var members = (try? JSON(parsing: made.output))?.objectValue else {
            return made.output
        }
        if let file { members["file"] = file }
        if !notes.isEmpty { members["notes"] = .array(notes.map { .string($0) }) }
        return JSON.object(members).bytes
    }

    private func notes(of made: Made, _ principal: Principal) async -> [String] {
        let total: Int64
        let account: AccountName?
        var notes: [String]
        switch made {
        case .batch(let batch, _, _, let found):
            guard batch.endedAt == nil else { return [] }
            (total, account, notes) = (batch.total, batch.accountName, found)
        case .checked(let checked, let name, let found): (total, account, notes) = (checked.total, name, found)
        }
        do throws(GatewayError) {
            notes += try await limitNotes(of: total, principal)
            if let account, let note = try await floatNote(of: total, account, principal) { notes.append(note) }
        } catch {}
        return notes
    }

    /// How many rows a note names by their numbers; of the others it is said how many they are.
    private static let rowsNamedMax = 20

    /// Which rows are past what a limit lets one payment be: they leave never, unless other limits are set before.
    func barred(_ records: [Record], _ work: Dispatch.Work) -> [String] {
        let (policy, now) = (work.membership.organization.approvals, entropy.now())
        var reasons: [String] = []
        var rows: [String: [Int]] = [:]
        for record in records {
            let reason = policy.reason(
                against: record,
                by: work.principal,
                within: work.membership.ceilings,
                at: now
            )
            guard let reason, let row = record.batch?.row else { continue }
            if rows[reason] == nil { reasons.append(reason) }
            rows[reason, default: []].append(row)
        }
        return reasons.map { Batches.barred(rows[$0] ?? [], because: $0) }
    }

    private static func barred(_ rows: [Int], because reason: String) -> String {
        var named = rows.prefix(rowsNamedMax).map { "\($0)" }.joined(separator: ", ")
        if rows.count > rowsNamedMax { named += " and \(rows.count - rowsNamedMax) more" }
        return """
            \(rows.count == 1 ? "Row" : "Rows") \(named): a limit of your organization is in the way, \(reason). What is past it \
            when it is to leave is withdrawn, and the others are paid: correct it, or let an administrator set other limits first.
            """
    }

    /// Where what is paid in a day is limited to less than the batch is.
    private func limitNotes(of total: Int64, _ principal: Principal) async throws(GatewayError) -> [String] {
        guard let organization = try await directory.organization(principal.organization) else { return [] }
        let least = organization.approvals.bounds(at: entropy.now())
            .filter { limit in
                (limit.directions.isEmpty || limit.directions.contains(.outgoing)) && !limit.isPerReceiver
                    && limit.subject.map { $0 == principal.subjectText } ?? true
            }
            .compactMap(\.dayMax).min()
        guard let least, least < total else { return [] }
        return [
            """
            A limit of your organization lets \(least) shillings a day leave, and this batch is \(total): nobody can release it, \
            because it leaves whole or not at all. Make smaller ones, or let an administrator set other limits.
            """
        ]
    }

    /// Where the account was last told to hold less than the batch is: how much it holds is for who may ask for balances.
    private func floatNote(
        of total: Int64,
        _ account: AccountName,
        _ principal: Principal
    ) async throws(GatewayError) -> String? {
        let told = try await reports.balances(
            of: principal.organization,
            in: principal.environment,
            accounts: [account],
            before: Timestamp(milliseconds: Timestamp.latest)
        )
        guard let float = told.first(where: { $0.balance.name == Balance.utility }),
            float.balance.availableCents / 100 < total
        else { return nil }
        let held =
            principal.maySeeBalances
            ? "\(float.balance.availableCents / 100) shillings at \(float.at), and this batch is \(total)"
            : "less than this batch is, which is \(total) shillings"
        return """
            The utility account was told to hold \(held): it pauses where there is no money, and goes on when it is resumed.
            """
    }
}
