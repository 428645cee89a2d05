import Gateway
import Glibc

/// A moment as M-Pesa writes it: `YYYYMMDDHHmmss` of East Africa, three hours ahead of UTC all year.
enum EastAfricaStamp {
    static func text(of moment: Timestamp) -> String {
        var seconds = time_t(moment.milliseconds / 1000 + 3 * 3600)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let fields = [
            1900 + parts.tm_year, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
        ]
        return fields.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined()
    }
}
