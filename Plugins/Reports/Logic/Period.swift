import Daraja
import PluginKit

/// The days that somebody asks about: in Nairobi, both ends included.
struct Period: Sendable, Hashable {
    /// The most days at once.
    static let daysMax: Int64 = 366

    /// Days since 1970.
    let first: Int64
    let last: Int64

    /// How many days.
    var count: Int64 { last - first + 1 }
    /// As people write them.
    var from: String { EastAfricaTime.date(ofDay: first) }
    var to: String { EastAfricaTime.date(ofDay: last) }

    /// Reads a date of an argument.
    ///
    /// - Throws: What is wrong with it, by its name.
    static func day(_ text: String, _ name: String) throws(FunctionFailure) -> Int64 {
        guard let day = EastAfricaTime.day(ofDate: text) else {
            throw .argument(name, "expected a date of the calendar such as 2026-11-27")
        }
        return day
    }

    /// The days of a report: `last` is what its kind says where nobody does.
    ///
    /// - Throws: Which of both dates is wrong, and why.
    static func ofReport(
        _ kind: ReportKind,
        from: String,
        to: String?,
        today: Int64
    ) throws(FunctionFailure) -> Period {
        let first = try day(from, "date_from")
        guard first <= today else {
            throw .argument(
                "date_from",
                "expected a day that has begun; today is \(EastAfricaTime.date(ofDay: today)) in Nairobi"
            )
        }
        guard let to else {
            guard let last = kind.end(of: first) else {
                throw .argument("date_to", "expected the last day of a report of the kind CUSTOM")
            }
            return Period(first: first, last: last)
        }
        let last = try day(to, "date_to")
        guard first <= last else {
            throw .argument("date_to", "expected \(from) or later, the day of date_from")
        }
        guard last - first < daysMax else {
            throw .argument(
                "date_to",
                "expected at most \(daysMax) days: \(EastAfricaTime.date(ofDay: first + daysMax - 1)) or earlier"
            )
        }
        return Period(first: first, last: last)
    }
}

/// The kinds of report.
enum ReportKind: String, CaseIterable {
    case daily = "DAILY"
    case weekly = "WEEKLY"
    case monthly = "MONTHLY"
    case custom = "CUSTOM"

    /// The last day of one that begins on a day; nil where only its caller can say.
    func end(of first: Int64) -> Int64? {
        switch self {
        case .daily: return first
        case .weekly: return first + 6
        case .monthly: return lastOfMonth(first)
        case .custom: return nil
        }
    }

    /// Of the month that a day is of.
    private func lastOfMonth(_ day: Int64) -> Int64 {
        let month = EastAfricaTime.date(ofDay: day).prefix(7)
        var last = day
        while EastAfricaTime.date(ofDay: last + 1).prefix(7) == month { last += 1 }
        return last
    }
}

extension FunctionFailure {
    /// An argument that cannot be what is meant.
    static func argument(_ name: String, _ expectation: String) -> FunctionFailure {
        .invalidArgument("/" + name, "\(name): \(expectation).")
    }
}
