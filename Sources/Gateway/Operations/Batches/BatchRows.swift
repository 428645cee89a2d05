import Cryptography
import OrderedJSON

/// The rows of an order, each checked and planned; nothing is kept by it.
struct BatchRows: Sendable {
    let order: BatchOrder
    let batch: BatchID
    let items: ItemsBinding
    let settings: Batches.Settings

    /// How long an item may stay a draft, whatever becomes of its batch: longer than any batch lasts.
    static let heldFor: Duration = .seconds(120 * 86_400)

    /// What two rows have in common that may be one payment.
    struct Payment: Hashable {
        let party: String
        let amount: Int64

        init(party: String, amount: Int64) {
            self.party = party
            self.amount = amount
        }

        init?(_ record: Record) {
            guard let party = record.intent.party, let amount = record.intent.amount else { return nil }
            self.init(party: party, amount: amount.amount)
        }
    }

    /// A sum that stays within what a number holds.
    private static func sum(_ one: Int64, _ other: Int64) -> Int64 {
        let (sum, isOver) = one.addingReportingOverflow(other)
        return isOver ? .max : sum
    }

    /// The rows as they would be kept.
    struct Planned: Sendable {
        var records: [Record] = []
        var errors: [BatchError] = []
        var total: Int64 { records.reduce(0) { BatchRows.sum($0, $1.intent.amount?.amount ?? 0) } }
    }

    /// Checks and plans every row; what is wrong is gathered.
    ///
    /// - Throws: What is no row's fault, such as a plugin that fails or a caller who may not go on.
    func planned(
        for work: Dispatch.Work,
        kind: OperationKind,
        by operations: Operations
    ) async throws(GatewayError) -> Planned {
        var planned = Planned()
        planned.records.reserveCapacity(order.items.count)
        for (index, item) in order.items.enumerated() {
            if index % settings.chunk == settings.chunk - 1 {
                try await work.mayGoOn()
                await Task.yield()
            }
            if planned.errors.count >= settings.errorsMax { break }
            let wrong = order.faults[index] ?? items.errors(in: item)
            guard wrong.isEmpty else {
                planned.errors += wrong.map { error($0.pointer, $0.message, of: index) }
                continue
            }
            do throws(GatewayError) {
                planned.records.append(try await record(item, index, work, kind, operations))
            } catch {
                switch error.code {
                case .invalidArgument, .limitExceeded, .notSupported: break
                default: throw error
                }
                let fields = error.errors.isEmpty ? [.init(pointer: "", message: error.message)] : error.errors
                planned.errors += fields.map { self.error($0.pointer, $0.message, of: index) }
            }
        }
        return planned
    }

    private func error(_ pointer: String, _ message: String, of index: Int) -> BatchError {
        let row = order.row(of: index)
        let place = order.pointer(to: index, in: items.pointer)
        return BatchError(row: row, pointer: place + pointer, message: "row \(row): \(message)")
    }

    private func record(
        _ item: JSON,
        _ index: Int,
        _ work: Dispatch.Work,
        _ kind: OperationKind,
        _ operations: Operations
    ) async throws(GatewayError) -> Record {
        let row = order.row(of: index)
        let isConfirmed = order.confirmed.contains(row) || order.repeats != nil
        let place = BatchPlace(
            batch: batch,
            sequence: index + 1,
            row: row,
            confirmedBy: isConfirmed ? work.principal.subjectText : nil,
            retryOf: order.retry?.tries[index],
            retryOfBatch: order.retry?.batch
        )
        var record = try await operations.plan(work.item(item, at: place), kind: kind).record
        record.state = .draft
        record.hold = Hold(arguments: item, reason: "Batch \(batch)", until: record.createdAt + BatchRows.heldFor)
        record.hold?.beside = order.beside[index]
        record.nextActionAt = record.hold?.until
        return record
    }

    /// What makes two batches have the same items, whatever they are called and however their phones are written.
    static func content(of records: [Record]) -> [UInt8] {
        var text: [UInt8] = []
        for record in records {
            let parts = [
                record.tool, record.accountName.description, record.intent.party ?? "",
                record.intent.amount.map { "\($0.amount)" } ?? "", record.intent.reference ?? "",
                record.intent.description ?? "",
            ]
            for part in parts { text += Array(part.utf8) + [0] }
        }
        return SHA256.digest(text).bytes
    }

    /// The batch as one payment, for whoever decides whether it must wait: a batch counts once, as a sum.
    static func summary(of planned: Planned, _ first: Record, _ order: BatchOrder) -> Record {
        var record = Record(
            id: first.id,
            organization: first.organization,
            environment: first.environment,
            recordClass: first.recordClass,
            plugin: first.plugin,
            operation: first.operation,
            tool: first.tool,
            direction: first.direction,
            madeBy: first.madeBy,
            intent: Intent(amount: Shillings(planned.total), description: order.name),
            about: nil,
            createdAt: first.createdAt,
            query: nil,
            sendBefore: first.sendBefore,
            account: first.account,
            accountName: first.accountName,
            request: RequestTemplate(body: .null)
        )
        record.isByAgent = first.isByAgent
        return record
    }
}

extension Dispatch.Work {
    /// The work of one item of a call that makes many.
    func item(_ item: JSON, at place: BatchPlace) -> Dispatch.Work {
        Dispatch.Work(
            call: call,
            entry: entry,
            principal: principal,
            membership: membership,
            arguments: item,
            reservation: nil,
            quota: quota,
            begun: nil,
            mayGoOn: mayGoOn,
            batch: place
        )
    }
}
