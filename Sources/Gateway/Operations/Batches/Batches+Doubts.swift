// Which rows of an order may have been paid before.
extension Batches {
    /// Rows that may be a payment that was made before, and that nobody has confirmed; and what is known of all of them.
    func doubts(
        _ order: BatchOrder,
        _ planned: BatchRows.Planned,
        _ work: Dispatch.Work,
        _ items: ItemsBinding
    ) async throws(GatewayError) -> (errors: [BatchError], known: KnownPayments) {
        let (records, content) = (planned.records, BatchRows.content(of: planned.records))
        let principal = work.principal
        // The good rows of a file that has bad ones are not the payments that are meant.
        let isWhole = planned.errors.isEmpty
        if !isWhole, order.repeats != nil { return ([], doubting.nothing) }
        let same =
            !isWhole
            ? nil
            : try await batches.batch(
                containing: content,
                organization: principal.organization,
                environment: principal.environment,
                since: entropy.now() + (.zero - settings.sameFor)
            )
        if let repeated = order.repeats {
            let found = try await batches.batch(repeated, organization: principal.organization)
            guard let found, found.content == content, principal.sees(found) else {
                throw GatewayError.wrong("repeats", "that batch has other payments, or there is none.")
            }
            return ([], try await doubting.found(of: records).known)
        }
        if let same, !order.validatesOnly, same != order.retry?.batch {
            throw try await sameItems(same, as: principal)
        }
        let found = try await doubting.found(of: records)
        var rows: [BatchRows.Payment: Int] = [:]
        var doubts: [BatchError] = []
        if let same, same != order.retry?.batch {
            let words = try await sameItems(same, as: principal).message
            doubts.append(BatchError(row: 0, pointer: "/repeats", message: words))
        }
        for record in records {
            guard let place = record.batch, let payment = BatchRows.Payment(record) else { continue }
            let (other, row) = (found.newest[payment], rows[payment])
            if row == nil { rows[payment] = place.row }
            guard other != nil || row != nil, !order.confirmed.contains(place.row) else { continue }
            var earlier = row.map { "row \($0)" } ?? ""
            if let other { earlier = try await name(of: other, for: principal) }
            doubts.append(
                BatchError(
                    row: place.row,
                    pointer: order.pointer(to: place.sequence - 1, in: items.pointer),
                    message: Batches.doubt(place.row, earlier),
                    isDoubt: true
                )
            )
            if doubts.count >= settings.errorsMax { break }
        }
        return (doubts, found.known)
    }

    /// Why the same payments are not kept once more; which batch has them is told to whoever sees it.
    func sameItems(_ id: BatchID, as principal: Principal) async throws(GatewayError) -> GatewayError {
        let found = try await batches.batch(id, organization: principal.organization)
        guard let found, principal.sees(found) else {
            return GatewayError(
                .conflict,
                "A batch that you do not see has exactly these payments. Ask somebody who does whether they are meant once more."
            )
        }
        return GatewayError(
            .conflict,
            """
            The batch \(id) has exactly these payments. If they are meant once more, a person says so by \
            "repeats": "\(id)".
            """
        )
    }
}
