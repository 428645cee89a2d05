/// A moment: whole milliseconds since 1970, UTC.
///
/// The house stores and compares only this. East Africa Time exists in `Daraja` alone, where Safaricom asks for it.
package struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    package let milliseconds: Int64

    /// The last millisecond of the year 9999.
    package static let latest: Int64 = 253_402_300_799_999

    /// Makes a moment from milliseconds since 1970.
    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// The moment `duration` later, or earlier for a negative one; the last or the first there is, where that is beyond.
    package static func + (moment: Timestamp, duration: Duration) -> Timestamp {
        let (sum, isBeyond) = moment.milliseconds.addingReportingOverflow(duration.wholeMilliseconds)
        guard isBeyond else { return Timestamp(milliseconds: sum) }
        return Timestamp(milliseconds: duration < .zero ? .min : .max)
    }

    /// The time that passed from the right moment to the left one, as far as milliseconds count it.
    package static func - (later: Timestamp, earlier: Timestamp) -> Duration {
        let (difference, isBeyond) = later.milliseconds.subtractingReportingOverflow(earlier.milliseconds)
        guard isBeyond else { return .milliseconds(difference) }
        return .milliseconds(later < earlier ? Int64.min : .max)
    }

    /// Orders by time.
    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

    /// RFC 3339 with milliseconds, in UTC: `2026-11-23T18:46:43.120Z`.
    package var description: String {
        let rest = milliseconds % 86_400_000
        let days = milliseconds / 86_400_000 - (rest < 0 ? 1 : 0)
        let inDay = rest < 0 ? rest + 86_400_000 : rest
        let date = Timestamp.civil(fromDays: days)
        let time = (inDay / 3_600_000, inDay / 60_000 % 60, inDay / 1000 % 60, inDay % 1000)
        return padded(date.year, 4) + "-" + padded(date.month, 2) + "-" + padded(date.day, 2)
            + "T" + padded(time.0, 2) + ":" + padded(time.1, 2) + ":" + padded(time.2, 2) + "." + padded(time.3, 3)
            + "Z"
    }

    private func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// The proleptic Gregorian date of a day counted from 1970-01-01.
    ///
    /// Counts in eras of 400 years that begin on 1 March, so that the leap day is the last of its year.
    static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero; as many as there are where it is longer.
    package var wholeMilliseconds: Int64 {
        let (milliseconds, isBeyond) = components.seconds.multipliedReportingOverflow(by: 1000)
        let (sum, isMore) = milliseconds.addingReportingOverflow(components.attoseconds / 1_000_000_000_000_000)
        guard isBeyond || isMore else { return sum }
        return self < .zero ? .min : .max
    }
}

extension Duration {
    /// One part of so many is the most that the gateway's own clock ever goes slower than time passes.
    static let slowest: Int64 = 100

    /// What has surely passed by that clock once so much time has: a little less.
    ///
    /// A deadline that is kept is made of it, so that it is never later than it says.
    var surely: Duration { self - self / Int(Duration.slowest) }
}
