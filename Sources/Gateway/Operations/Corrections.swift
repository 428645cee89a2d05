import OrderedJSON

/// What became true after a report was made, of the days that it is about.
///
/// A report that was made never changes: what comes later is told beside it, transaction by transaction.
package struct Corrections: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How many transactions are named.
        ///
        /// Default 100; the sums hold all of them.
        package var namedMax = 100
        /// How many events are looked through.
        ///
        /// Default 50,000; where there are more, it says that it does not know all.
        package var eventsMax = 50_000
        /// How many of them are read at a time.
        ///
        /// Default 1,000.
        package var pageMax = 1_000

        /// The defaults.
        package init() {}
    }

    /// Something that a report did not know.
    package struct Entry: Sendable, Equatable {
        /// What became true.
        package let event: FeedEvent
        /// What it changes of the days in question.
        package let changes: [Rollups.Change]
    }

    /// What was found.
    package struct Found: Sendable, Equatable {
        /// The first of them, in the order in which they became true.
        package var named: [Entry] = []
        /// How many there are.
        package var count = 0
        /// What they change together, by how transactions stand.
        package var sums: [RecordState: RollupSum] = [:]
        /// Whether all that became true was looked through.
        package var isWhole = true
    }

    /// Of what, and since when.
    package struct Question: Sendable {
        /// Whose, and which of them.
        package let scope: ReportQuestion
        /// The days that were reported.
        package let days: [ClosedRange<Int64>]
        /// Up to which event the report knew everything.
        package let position: Int64
        /// When the report was made.
        package let madeAt: Timestamp

        /// What has changed of a report that is kept.
        package init(of report: StoredReport) {
            self.init(scope: report.question, days: [report.question.days], since: report)
        }

        /// What has changed of these days since a report was made.
        package init(scope: ReportQuestion, days: [ClosedRange<Int64>], since report: StoredReport) {
            self.scope = scope
            self.days = days
            position = report.position
            madeAt = report.madeAt
        }

        func includes(_ place: RollupPlace) -> Bool {
            place.organization == scope.organization && place.environment == scope.environment
                && days.contains { $0.contains(place.day) } && scope.madeBy.map { $0 == place.madeBy } ?? true
                && scope.accounts?.contains { $0.description == place.account } ?? true
        }
    }

    private let reports: any ReportRepository
    private let settings: Settings
    /// How far apart an event's id and the moment of its commit may be.
    private static let slack: Duration = .seconds(3_600)

    package init(reports: any ReportRepository, settings: Settings = Settings()) {
        self.reports = reports
        self.settings = settings
    }

    /// What became true since, up to an event or the newest.
    package func find(_ question: Question, upTo last: Int64 = .max) async throws(GatewayError) -> Found {
        var found = Found()
        let start = max(0, (question.madeAt + Corrections.slack * -1).milliseconds)
        var behind = Identifier(high: UInt64(start) << 16, low: 0)
        var read = 0
        while true {
            let page = try await reports.changes(
                of: question.scope.organization,
                after: question.position,
                behind: behind,
                limit: settings.pageMax
            )
            for entry in page where entry.position <= last { add(entry.event, to: &found, question) }
            read += page.count
            guard page.count == settings.pageMax, let next = page.last?.event.id else { return found }
            behind = next
            guard read < settings.eventsMax else {
                found.isWhole = false
                return found
            }
        }
    }

    private func add(_ event: FeedEvent, to found: inout Found, _ question: Question) {
        let changes = Rollups.changes(by: event).filter { question.includes($0.place) }
        guard !changes.isEmpty else { return }
        found.count += 1
        if found.named.count < settings.namedMax { found.named.append(Entry(event: event, changes: changes)) }
        for change in changes { found.sums[change.place.outcome, default: RollupSum()].add(change.sum) }
    }
}

extension Corrections.Found {
    /// As reports show it; `reports` names those that a day was told in.
    package func document(naming reports: (Int64) -> [Identifier] = { _ in [] }) -> JSON {
        let sums = sums.filter { $0.value != RollupSum() }.sorted { $0.key.rawValue < $1.key.rawValue }
        return [
            "count": .integer(Int64(count)), "is_whole": .bool(isWhole),
            "changes": .array(sums.map { Corrections.document($0.value, $0.key) }),
            "transactions": .array(named.map { $0.document(naming: reports) }),
        ]
    }
}

extension Corrections {
    static func document(_ sum: RollupSum, _ state: RecordState) -> JSON {
        [
            "status": .string(state.status), "state": .string(state.rawValue),
            "transactions": .integer(sum.transactions), "amount": .integer(sum.amount),
        ]
    }
}

extension Corrections.Entry {
    fileprivate func document(naming reports: (Int64) -> [Identifier]) -> JSON {
        let told = Set(changes.flatMap { reports($0.place.day) }).sorted()
        var document: JSONObject = [
            "transaction_id": .string(event.subject), "kind": .string(event.kind.rawValue),
            "at_ms": .integer(event.at.milliseconds),
            "changes": .array(
                changes.map { change in
                    guard case .object(var shown) = Corrections.document(change.sum, change.place.outcome) else {
                        return .null
                    }
                    shown["date"] = .string(NairobiDay.text(change.place.day))
                    return .object(shown)
                }
            ),
        ]
        if !told.isEmpty { document["reports"] = .array(told.map { .string($0.description) }) }
        return .object(document)
    }
}
