import Gateway

/// A row as far as it can be read: one that cannot stays as it is, and keeps no other from its turn.
enum Reading<Value: Sendable>: Sendable {
    case read(Value)
    case unread(UnreadRow)

    /// Reads a row that begins with its organization and its id.
    init(_ row: any SQLRow, _ read: (any SQLRow) throws -> Value) {
        do { self = .read(try read(row)) } catch {
            self = .unread(
                UnreadRow(organization: row.text(0) ?? "", name: row.text(1) ?? "", reason: "\(error)")
            )
        }
    }

    /// What could not be read.
    var unread: UnreadRow? { if case .unread(let row) = self { row } else { nil } }
}

/// A row that cannot be read, by the texts that stand where its names are.
struct UnreadRow: Sendable {
    let organization: String
    let name: String
    let reason: String
}

extension Store {
    /// How often a page is filled once more.
    static let fillingMax = 100
    /// For how long what is due and cannot be read comes after everything else.
    static let unreadComesAfter: Duration = .seconds(3_600)

    /// Those that can be read; the others are counted, and the log says so of each once.
    func readable<Value>(_ what: String, _ rows: [Reading<Value>]) -> [Value] {
        rows.compactMap { row in
            switch row {
            case .read(let value): return value
            case .unread(let row):
                state.cannotRead(what, of: row.organization, named: row.name, because: row.reason)
                return nil
            }
        }
    }

    /// The same of what is due: others come before those that cannot be read, however many these are.
    ///
    /// - Parameter statement: Sets when a row is due, of an organization, by its name, if it is due by a moment still.
    func readableDue<Value>(
        _ what: String,
        _ rows: [Reading<Value>],
        at now: Timestamp,
        puttingOff statement: String
    ) async -> [Value] {
        let unread = rows.compactMap(\.unread)
        guard !unread.isEmpty else { return readable(what, rows) }
        let moment = now + Store.unreadComesAfter
        do throws(GatewayError) {
            try await write { session in
                for row in unread {
                    try session.sql.execute(
                        statement,
                        [
                            .integer(moment.milliseconds), .text(row.organization), .text(row.name),
                            .integer(now.milliseconds),
                        ]
                    )
                }
            }
        } catch {
            // They are met again, and put off then; what can be read has its turn now.
        }
        return readable(what, rows)
    }

    /// Up to so many rows that can be read: for each that cannot, another is asked for behind it.
    ///
    /// - Parameter query: At most so many rows behind a place, each with its own place; nil is the beginning.
    ///
    /// It ends after `fillingMax` turns, or where the place no longer moves, as a name that is damaged may have it: then there
    /// are fewer than there could be.
    static func filling<Value: Sendable, Place: Equatable>(
        _ limit: Int,
        _ query: (Place?, Int) throws -> [(row: Reading<Value>, place: Place)]
    ) throws -> [Reading<Value>] {
        var (all, place, left) = ([Reading<Value>](), nil as Place?, max(1, limit))
        for _ in 0..<fillingMax {
            let some = try query(place, left)
            all += some.map(\.row)
            let unread = some.count { $0.row.unread != nil }
            guard some.count == left, unread > 0, some.last?.place != place else { break }
            (place, left) = (some.last?.place, unread)
        }
        return all
    }
}
