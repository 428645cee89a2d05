/// Safaricom's clock: East Africa Time, UTC+3 without daylight saving, with no zone marker on the wire.
///
/// No official page states the zone of `Timestamp`; careful implementers send East Africa Time, and the times in
/// callbacks are in it. Servers that send their local time are refused or mis-sorted when they run in UTC.
public enum EastAfricaTime {
    /// A moment as `YYYYMMDDHHmmss`.
    ///
    /// - Parameter milliseconds: Since 1970, UTC.
    public static func timestamp(milliseconds: Int64) -> String {
        let seconds = milliseconds / 1000 + 3 * 3600
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let inDay = seconds - days * 86_400
        let date = civil(fromDays: days)
        return padded(date.0, 4) + padded(date.1, 2) + padded(date.2, 2)
            + padded(inDay / 3600, 2) + padded(inDay / 60 % 60, 2) + padded(inDay % 60, 2)
    }

    /// The moment of a `YYYYMMDDHHmmss`, in milliseconds since 1970; nil for anything else.
    public static func milliseconds(timestamp: String) -> Int64? {
        let digits = timestamp.utf8.map { Int64($0) - 48 }
        guard digits.count == 14, digits.allSatisfy({ (0...9).contains($0) }) else { return nil }
        let number = { (range: Range<Int>) in digits[range].reduce(0) { $0 * 10 + $1 } }
        let (year, month, day) = (number(0..<4), number(4..<6), number(6..<8))
        let (hour, minute, second) = (number(8..<10), number(10..<12), number(12..<14))
        guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60 else { return nil }
        let seconds = days(fromCivil: year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
        return (seconds - 3 * 3600) * 1000
    }

    /// The moment that M-Pesa states of something: `YYYYMMDDHHmmss`, or `19.12.2019 11:45:50` as B2C's results write it;
    /// nil for anything else.
    public static func milliseconds(stated text: String) -> Int64? {
        let parts = text.split(separator: " ")
        guard parts.count == 2 else { return milliseconds(timestamp: text) }
        let date = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let time = parts[1].split(separator: ":", omittingEmptySubsequences: false)
        guard date.count == 3, time.count == 3, date[2].count == 4,
            (date.prefix(2) + time).allSatisfy({ $0.count == 2 })
        else { return nil }
        return milliseconds(timestamp: (date.reversed() + time).joined())
    }

    /// The day in East Africa that a moment is of, counted from 1970.
    public static func day(milliseconds: Int64) -> Int64 {
        let seconds = milliseconds / 1000 + 3 * 3600
        return seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
    }

    /// The moment at which a day begins there, in milliseconds since 1970.
    public static func milliseconds(startOfDay day: Int64) -> Int64 { (day * 86_400 - 3 * 3600) * 1000 }

    /// A day as `2026-11-27`.
    public static func date(ofDay day: Int64) -> String {
        let date = civil(fromDays: day)
        return padded(date.0, 4) + "-" + padded(date.1, 2) + "-" + padded(date.2, 2)
    }

    /// The day of a `2026-11-27`; nil for anything else, and for a day that no calendar has.
    public static func day(ofDate text: String) -> Int64? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2], parts.joined().utf8.allSatisfy({ (48...57).contains($0) }),
            let year = Int64(parts[0]), year >= 1970, let month = Int64(parts[1]), let day = Int64(parts[2]),
            (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        let found = days(fromCivil: year, month, day)
        return date(ofDay: found) == text ? found : nil
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// Counts in eras of 400 years that begin on 1 March, so that the leap day is the last of its year.
    private static func civil(fromDays days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    private static func days(fromCivil year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
