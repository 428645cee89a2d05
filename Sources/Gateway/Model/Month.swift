/// A calendar month of Nairobi, by which quotas and invoices go: M-Pesa's own days end there at midnight too.
package struct Month: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Year and month as one number: 202611.
    package let number: Int

    /// East Africa Time has no summer time.
    private static let offset = Duration.seconds(3 * 3600)

    /// The month of a moment.
    package init(of moment: Timestamp) {
        let local = moment + Month.offset
        let days = (local.milliseconds - (local.milliseconds >= 0 ? 0 : 86_399_999)) / 86_400_000
        let date = Timestamp.civil(fromDays: days)
        number = Int(date.year * 100 + date.month)
    }

    /// Reads `2026-11`; nil for anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 4, parts[1].utf8.count == 2, let year = Int(parts[0]),
            let month = Int(parts[1]), year >= 1970, (1...12).contains(month)
        else { return nil }
        number = year * 100 + month
    }

    /// Reads a `number`; nil for what is none.
    package init?(number: Int) {
        guard number / 100 >= 1970, (1...12).contains(number % 100) else { return nil }
        self.number = number
    }

    private init(_ number: Int) { self.number = number }

    /// The one after it.
    package var next: Month { Month(number % 100 == 12 ? number + 89 : number + 1) }

    /// Its first moment.
    package var start: Timestamp {
        let (year, month) = (Int64(number / 100), Int64(number % 100))
        // Years begin in March here, so that the leap day is the last of its year.
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return Timestamp(milliseconds: days * 86_400_000 - Month.offset.wholeMilliseconds)
    }

    /// The first moment after it.
    package var end: Timestamp { next.start }

    /// Orders by time.
    package static func < (left: Month, right: Month) -> Bool { left.number < right.number }

    /// `2026-11`.
    package var description: String {
        let month = number % 100
        return "\(number / 100)-\(month < 10 ? "0" : "")\(month)"
    }
}
