import Foundation

/// Which seeds have been run ever, and what came of them: a file of a line a portion, after a line of names.
///
/// Only whole portions are in it; one that was stopped in the middle is run again.
package struct Tally: Sendable {
    /// A line.
    package struct Entry: Sendable, Equatable {
        /// What was run.
        package let portion: Portion
        /// Of which commit; `+` after it where files were changed.
        package let commit: String
        /// The day that it ended on, as `2026-11-28`.
        package let day: String

        /// States what a line says.
        package init(_ portion: Portion, commit: String, day: String) {
            self.portion = portion
            self.commit = commit
            self.day = day
        }

        /// As it stands in the file, without the line's end.
        package var line: String {
            let seeds = portion.seeds
            let columns: [any CustomStringConvertible] = [
                seeds.lowerBound, seeds.upperBound, portion.onSQLite ? "sqlite" : "memory", commit, day,
                portion.payments, portion.deaths, portion.jobs, portion.processorSeconds, portion.wrong,
            ]
            return columns.map(\.description).joined(separator: "\t")
        }

        /// Reads a line.
        init?(_ line: Substring) {
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard columns.count == 10, let first = UInt64(columns[0]), let last = UInt64(columns[1]), first <= last,
                ["memory", "sqlite"].contains(columns[2]), let payments = Int(columns[5]), let deaths = Int(columns[6]),
                let jobs = UInt64(columns[7]), let seconds = Int(columns[8]), let wrong = Int(columns[9])
            else { return nil }
            var portion = Portion(first...last, onSQLite: columns[2] == "sqlite")
            (portion.payments, portion.deaths, portion.jobs) = (payments, deaths, jobs)
            (portion.processorSeconds, portion.wrong) = (seconds, wrong)
            self.init(portion, commit: columns[3], day: columns[4])
        }
    }

    /// Why a file is not one.
    package struct Unreadable: Error {
        /// Which line, from 1 on.
        package let line: Int
    }

    /// The names of the columns, which the file begins with.
    package static let heading = "first\tlast\tstore\tcommit\tday\tpaid\tdeaths\tjobs\tprocessor_seconds\twrong"

    /// In the file's order.
    package let entries: [Entry]

    /// Reads a file's text; an empty one has run nothing.
    package init(_ text: String) throws {
        var entries: [Entry] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.isEmpty || number == 0 && line == Self.heading { continue }
            guard let entry = Entry(line) else { throw Unreadable(line: number + 1) }
            entries.append(entry)
        }
        self.entries = entries
    }

    /// The first seeds that nobody has run or is running, at most so many.
    package func next(
        _ count: UInt64,
        onSQLite: Bool,
        besides running: some Collection<ClosedRange<UInt64>> = EmptyCollection<ClosedRange<UInt64>>()
    ) -> ClosedRange<UInt64> {
        var first: UInt64 = 1
        for taken in (seeds(onSQLite: onSQLite) + running).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            // A gap may be smaller than a portion.
            if taken.lowerBound > first { return first...min(first + count - 1, taken.lowerBound - 1) }
            first = max(first, taken.upperBound + 1)
        }
        return first...(first + count - 1)
    }

    /// How many seeds were run, each counted once, however often it was.
    package func count(onSQLite: Bool) -> UInt64 {
        var (count, last) = (UInt64(0), UInt64(0))
        for seeds in seeds(onSQLite: onSQLite).sorted(by: { $0.lowerBound < $1.lowerBound })
        where seeds.upperBound > last {
            count += seeds.upperBound - max(seeds.lowerBound - 1, last)
            last = seeds.upperBound
        }
        return count
    }

    /// How many were wrong.
    package func wrong(onSQLite: Bool) -> Int {
        entries.filter { $0.portion.onSQLite == onSQLite }.reduce(0) { $0 + $1.portion.wrong }
    }

    private func seeds(onSQLite: Bool) -> [ClosedRange<UInt64>] {
        entries.map(\.portion).filter { $0.onSQLite == onSQLite }.map(\.seeds)
    }
}
