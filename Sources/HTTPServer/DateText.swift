import Glibc

/// The `Date` field's text, made once a second.
///
/// Used on one event loop only.
final class DateText {
    private var second: time_t = 0
    private var text: [UInt8] = []

    /// The moment, as RFC 9110 writes it.
    func now() -> [UInt8] {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        if time.tv_sec == second { return text }
        second = time.tv_sec
        var parts = tm()
        gmtime_r(&second, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let day = "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)])"
        let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        text = Array("\(day) \(1900 + parts.tm_year) \(clock) GMT".utf8)
        return text
    }
}
