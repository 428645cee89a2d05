// What was asked about when a batch was made is asked again when a person lets it leave.
extension Batches {
    /// What rows are asked about.
    var doubting: BatchDoubts {
        BatchDoubts(
            batches: batches,
            records: operations.records,
            entropy: entropy,
            settings: settings
        )
    }

    /// Asks about the rows that may leave now, and about those that are to be tried again.
    ///
    /// - Throws: `conflict` with every row that others have paid meanwhile, or may, and that is not among those confirmed.
    func look(
        at batch: Batch,
        trying again: [Record],
        confirming rows: Set<Int>,
        by principal: Principal
    ) async throws(GatewayError) -> (rows: Batch.Looked, known: KnownPayments) {
        let now = entropy.now()
        var (errors, confirmed) = ([BatchError](), batch.looked?.rows ?? [])
        let note = { (doubts: [BatchDoubts.Doubt]) async throws(GatewayError) -> Bool in
            for doubt in doubts {
                let row = doubt.item.batch?.row ?? 0
                if rows.contains(row) {
                    confirmed.insert(row)
                } else {
                    errors.append(
                        BatchError(
                            row: row,
                            pointer: "/confirmed_rows",
                            message: Batches.doubt(row, try await name(of: doubt.other, for: principal)),
                            isDoubt: true
                        )
                    )
                }
            }
            return errors.count < settings.errorsMax
        }
        var known = try await doubting.walk(batch, note)
        let tries = try await doubting.of(again, in: batch)
        known = known.with(tries.known)
        _ = try await note(tries.doubts)
        guard errors.isEmpty else { throw Batches.refusal(Array(errors.prefix(settings.errorsMax)), of: batch) }
        return (Batch.Looked(at: now, rows: confirmed), known)
    }

    /// Why a row may be a payment that there is already.
    static func doubt(_ row: Int, _ other: String) -> String {
        """
        row \(row): the same amount to the same receiver as \(other). If it is another payment, name the row in \
        confirmed_rows.
        """
    }

    /// A payment as somebody may know of it.
    func name(of other: RecentPayment, for principal: Principal) async throws(GatewayError) -> String {
        let known = "the transaction \(other.record)"
        guard principal.accounts != nil || principal.maker != nil else { return known }
        let found = try await operations.records.record(other.record, of: principal)
        return found.map { principal.sees($0) } == true ? known : "a payment that you do not see"
    }

    private static func refusal(_ errors: [BatchError], of batch: Batch) -> GatewayError {
        let rows = Set(errors.map(\.row)).count
        return GatewayError(
            .conflict,
            """
            \(rows) of \(batch.items) rows may have been paid since this batch was made; nothing of it leaves: \
            \(errors[0].message)
            """,
            errors: errors.map { GatewayError.FieldError(pointer: $0.pointer, message: $0.message) }
        )
    }
}
