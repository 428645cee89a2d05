/// A calendar day of Nairobi, as people write it, for the days that rollups count by.
package enum NairobiDay {
    /// `2026-11-27` of a day that is counted from 1970.
    package static func text(_ day: Int64) -> String {
        let date = Timestamp.civil(fromDays: day)
        let two = { (number: Int64) in (number < 10 ? "0" : "") + String(number) }
        return "\(date.year)-\(two(date.month))-\(two(date.day))"
    }

    /// `2026-11-27 19:05` of a moment, as clocks show it there.
    package static func moment(_ moment: Timestamp) -> String {
        String((moment + .seconds(3 * 3600)).description.prefix(16)).replacing("T", with: " ")
    }

    /// Reads `2026-11-27`; nil for anything else, and for a day that no calendar has.
    package static func number(_ text: String) -> Int64? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2], parts.joined().utf8.allSatisfy({ (48...57).contains($0) }),
            let month = Month(parts[0] + "-" + parts[1]), let day = Int64(parts[2]), day >= 1
        else { return nil }
        let found = RollupPlace.day(of: month.start) + day - 1
        return found < RollupPlace.day(of: month.end) ? found : nil
    }
}
