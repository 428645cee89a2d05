import Gateway
import Logging
import PluginAPI
import Synchronization

extension HostServices {
    static func log(
        _ host: UnsafeMutableRawPointer?,
        _ number: UInt64,
        _ level: UInt32,
        _ message: gateway_bytes_t,
        _ values: gateway_bytes_t
    ) -> Int32 {
        guard let services = from(host), message.length <= 4096, values.length <= 4096 else {
            return GATEWAY_INVALID_ARGUMENT
        }
        services.log(number, level: level, String(borrowed: message), values: String(borrowed: values))
        return GATEWAY_OK
    }

    /// Writes a plugin's line into the host's log, with the call and the organization that it belongs to.
    ///
    /// So many a second, as whoever reads the log reads other plugins' lines too; phone numbers are masked, and what would
    /// begin another line, or tell a terminal what to do, is written out.
    func log(_ number: UInt64, level: UInt32, _ message: String, values: String) {
        let verdict = logBudget.spend()
        if verdict.leftOut > 0 {
            logger.warning(
                "lines of a plugin were left out",
                metadata: ["plugin": "\(plugin)", "lines": "\(verdict.leftOut)"]
            )
        }
        guard verdict.mayTell else { return }
        let levels: [Logger.Level] = [.debug, .info, .warning, .error]
        var metadata: Logger.Metadata = ["plugin": "\(plugin)"]
        if let call = invocations.call(number) {
            metadata["call"] = "\(call.invocation.call)"
            metadata["organization"] = "\(call.invocation.principal.organization)"
        }
        if !values.isEmpty { metadata["values"] = "\(HostServices.plain(values))" }
        let chosen = levels.indices.contains(Int(level)) ? levels[Int(level)] : .info
        logger.log(level: chosen, "\(HostServices.plain(message))", metadata: metadata)
    }
}

extension HostServices {
    /// How much of one text is written out, in characters: what is longer is mostly no text.
    private static let plainMax = 1_024

    /// A plugin's text as a log shows it; where something in it must be written out, its beginning.
    static func plain(_ text: String) -> String {
        guard PlainText.name.expectation(for: text) != nil else { return PhoneMask.masking(text) }
        let beginning = String(text.unicodeScalars.prefix(plainMax))
        return PhoneMask.masking(PlainText.name.shown(beginning)) + (text.utf8.count > plainMax ? "…" : "")
    }
}

/// So many lines a second; the others are counted.
final class LogBudget: Sendable {
    private let linesMax: Int
    private let state = Mutex((second: ContinuousClock.now, lines: 0))

    init(linesMax: Int) { self.linesMax = linesMax }

    /// Whether one more line may be told, and how many were left out in the second before, told once.
    func spend(at now: ContinuousClock.Instant = .now) -> (mayTell: Bool, leftOut: Int) {
        state.withLock { state in
            var leftOut = 0
            if now - state.second >= .seconds(1) {
                leftOut = max(0, state.lines - linesMax)
                state = (now, 0)
            }
            state.lines += 1
            return (state.lines <= linesMax, leftOut)
        }
    }
}

/// Makes Kenyan mobile numbers in free text unreadable: 254712345678 becomes 2547•••••678.
enum PhoneMask {
    static func masking(_ text: String) -> String {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        // Most lines hold no digit run that long, and are left as they are.
        guard text.utf8.count >= 10 else { return text }
        var out: [UInt8] = []
        var run: [UInt8] = []
        func endRun() {
            let isNumber =
                (run.count == 12 && run.starts(with: "2547".utf8)) || (run.count == 12 && run.starts(with: "2541".utf8))
                || (run.count == 10 && (run.starts(with: "07".utf8) || run.starts(with: "01".utf8)))
            out +=
                isNumber
                ? run[..<4] + Array(String(repeating: "•", count: run.count - 7).utf8) + run.suffix(3) : run[...]
            run = []
        }
        for byte in text.utf8 {
            guard !digits.contains(byte) else {
                run.append(byte)
                continue
            }
            endRun()
            out.append(byte)
        }
        endRun()
        return String(decoding: out, as: UTF8.self)
    }
}
