import Gateway

/// Audit lines and counts that nobody waits for.
struct Extras: Sendable {
    var lines: [AuditRecord] = []
    var usage: [UsageRecord: Int64] = [:]

    var isEmpty: Bool { lines.isEmpty && usage.isEmpty }

    /// How much room it takes in a queue.
    var count: Int { lines.count + usage.count }

    mutating func add(_ other: Extras) {
        lines.append(contentsOf: other.lines)
        usage.merge(other.usage, uniquingKeysWith: +)
    }

    /// Two parts of it, in order; nil when it is one line, or one count.
    fileprivate var halves: (Extras, Extras)? {
        if !lines.isEmpty && !usage.isEmpty { return (Extras(lines: lines), Extras(usage: usage)) }
        if lines.count > 1 {
            let middle = lines.count / 2
            return (Extras(lines: Array(lines[..<middle])), Extras(lines: Array(lines[middle...])))
        }
        guard usage.count > 1 else { return nil }
        let counts = usage.map { $0 }
        let middle = counts.count / 2
        let part = { (counts: ArraySlice<(key: UsageRecord, value: Int64)>) in
            Extras(usage: Dictionary(counts.map { ($0.key, $0.value) }, uniquingKeysWith: +))
        }
        return (part(counts[..<middle]), part(counts[middle...]))
    }

    /// Writes it, where nobody's transaction can fail with it.
    ///
    /// What the database refuses for a reason of its own is looked for by halves and set aside, so that it is not in
    /// the way of the rest.
    /// - Returns: What must wait until the database is there again, in order, each as it was tried: a part whose
    ///   commit's outcome is not known must be tried again as the same part.
    func write(state: StoreState, by commit: (Extras) throws -> Void) -> [Extras] {
        var parts = [self]
        var waiting: [Extras] = []
        while let part = parts.popLast() {
            do { try commit(part) } catch {
                let error = error as? SQLError ?? SQLError(message: "\(error)")
                if error.isOutcomeUnknown && part.lines.isEmpty {
                    // Only a line tells whether its commit held; a count too few is better than one too many.
                    state.setAside(part, because: error.message)
                } else if error.isAway || error.isTransient {
                    state.failed(error.message)
                    waiting.append(part)
                    waiting.append(contentsOf: parts.reversed())
                    return waiting
                } else if let (first, second) = part.halves {
                    parts.append(contentsOf: [second, first])
                } else {
                    state.setAside(part, because: error.message)
                }
            }
        }
        return waiting
    }
}

/// What waits to be written though nobody waits for it, bounded.
///
/// Guarded by its owner.
struct Backlog {
    /// What has been tried, each part as it was tried.
    private var tried: [Extras] = []
    private var parts: [Extras] = []
    private var newest = Extras()
    private let countMax: Int
    private let batchMax: Int
    private var count = 0

    init(settings: StoreSettings) {
        countMax = settings.auditQueueMax
        batchMax = settings.auditBatchMax
    }

    var isEmpty: Bool { count == 0 }
    /// Whether there is as much as one transaction takes along, or more.
    var isFull: Bool { !parts.isEmpty || !tried.isEmpty }

    /// False when too much is waiting already.
    mutating func add(_ line: AuditRecord, _ counted: UsageRecord?) -> Bool {
        guard count < countMax else { return false }
        if newest.lines.count >= batchMax {
            parts.append(newest)
            newest = Extras()
        }
        newest.lines.append(line)
        count += 1
        if let counted {
            let before = newest.usage.count
            newest.usage[counted, default: 0] += 1
            count += newest.usage.count - before
        }
        return true
    }

    /// What one transaction takes along: what was tried first, as it was tried.
    mutating func take() -> Extras {
        let part: Extras
        if !tried.isEmpty {
            part = tried.removeFirst()
        } else if !parts.isEmpty {
            part = parts.removeFirst()
        } else {
            part = newest
            newest = Extras()
        }
        count -= part.count
        return part
    }

    mutating func takeAll() -> [Extras] {
        defer { (tried, parts, newest, count) = ([], [], Extras(), 0) }
        return tried + parts + (newest.isEmpty ? [] : [newest])
    }

    mutating func putBack(_ waiting: [Extras]) {
        tried = waiting + tried
        count += waiting.reduce(0) { $0 + $1.count }
    }
}
