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
        /// How many events of the organization's are looked through at a time.
        ///
        /// Default 50,000; where there are more, it says so, and where it goes on.
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
        /// Where that stands in the feed.
        package let position: Int64
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
        /// Up to which event all that became true was looked through.
        package var upTo: Int64
        /// Whether that is all that there is.
        package var isWhole = true
        /// Whether events were forgotten before they could be looked through.
        package var isMissingSome = false

        /// Where those follow that are not named, or not looked through; nil where there are none.
        package var next: Int64? {
            if count > named.count { return named.last?.position ?? upTo }
            return isWhole ? nil : upTo
        }
    }

    /// Of what, and from where to where in the feed.
    package struct Question: Sendable {
        /// Whose, and which of them.
        package let scope: ReportQuestion
        /// The days that were reported, in their order, none of them twice.
        package let days: [ClosedRange<Int64>]
        /// Up to which event everything is known.
        package let position: Int64
        /// Up to which event it is wanted.
        package let last: Int64

        /// Asks what has changed of these days.
        package init(
            scope: ReportQuestion,
            days: [ClosedRange<Int64>],
            after position: Int64,
            upTo last: Int64 = .max
        ) {
            self.scope = scope
            self.days = Question.joined(days)
            self.position = position
            self.last = last
        }

        /// The same days in as few ranges as can be, because each event is held against them.
        private static func joined(_ days: [ClosedRange<Int64>]) -> [ClosedRange<Int64>] {
            days.sorted { $0.lowerBound < $1.lowerBound }
                .reduce(into: []) { joined, next in
                    guard let last = joined.last, next.lowerBound <= last.upperBound + 1 else {
                        return joined.append(next)
                    }
                    joined[joined.count - 1] = last.lowerBound...max(last.upperBound, next.upperBound)
                }
        }

        func includes(_ place: RollupPlace) -> Bool {
            place.organization == scope.organization && place.environment == scope.environment
                && days.contains { $0.contains(place.day) } && scope.madeBy.map { $0 == place.madeBy } ?? true
                && scope.accounts?.contains { $0.description == place.account } ?? true
        }
    }

    private let feed: any FeedRepository
    private let settings: Settings

    package init(feed: any FeedRepository, settings: Settings = Settings()) {
        self.feed = feed
        self.settings = settings
    }

    /// What became true since.
    package func find(_ question: Question) async throws(GatewayError) -> Found {
        var found = Found(upTo: question.position)
        let lane = FeedReader.lane
        let floor = try await feed.feedFloor(lane: lane, keptFor: nil)
        // Of an organization of which nothing was told meanwhile nothing is missing either; nobody knows that any more.
        found.isMissingSome = question.position < floor
        var read = 0
        while found.upTo < question.last {
            guard read < settings.eventsMax else {
                found.isWhole = false
                return found
            }
            let limit = min(settings.pageMax, settings.eventsMax - read)
            let page = try await feed.feed(
                lane: lane,
                of: question.scope.organization,
                after: found.upTo,
                limit: limit
            )
            for entry in page.entries where entry.position <= question.last { add(entry, to: &found, question) }
            read += page.entries.count
            found.upTo = min(page.upTo, question.last)
            guard page.entries.count == limit else { return found }
        }
        return found
    }

    private func add(_ entry: FeedEntry, to found: inout Found, _ question: Question) {
        let changes = Rollups.changes(by: entry.event).filter { question.includes($0.place) }
        guard !changes.isEmpty else { return }
        found.count += 1
        if found.named.count < settings.namedMax {
            found.named.append(Entry(event: entry.event, position: entry.position, changes: changes))
        }
        for change in changes { found.sums[change.place.outcome, default: RollupSum()].add(change.sum) }
    }
}

extension Corrections.Found {
    /// As reports show it; `reports` names those that a day was told in.
    package func document(naming reports: (Int64) -> [Identifier] = { _ in [] }) -> JSON {
        let sums = sums.filter { $0.value != RollupSum() }.sorted { $0.key.rawValue < $1.key.rawValue }
        return [
            "count": .integer(Int64(count)), "is_whole": .bool(isWhole), "missed": .bool(isMissingSome),
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
            "fee_cents": .integer(sum.feeCents),
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
