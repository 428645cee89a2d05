import Gateway
import Glibc
import PluginAPI
import PluginLoader

extension Probe {
    /// What must not depend on the clock.
    static let clocks: [Probe] = [
        Probe(
            name: "operation.clock",
            rule: "P1",
            claim: "a pure function answers the same whatever the clock says"
        ) { context in
            guard MovedClock.take(&context) else { return }
            let (plugin, catalogue) = try context.ready()
            let recordings = try Recording.all(plugin, catalogue).map(\.call)
            let calls = Samples.calls(catalogue) + Samples.madeCalls(catalogue).prefix(20) + recordings
            let first = calls.map { $0.run(plugin) }
            try MovedClock.everywhere(&context) { moment in
                for (call, answer) in zip(calls, first) where moment.run({ call.run(plugin) }) != answer {
                    throw Failure("\(call.title) was answered differently \(moment.text)")
                }
            }
            // What a version saw of the clock when it was loaded is not for its answers either.
            let later = try MovedClock.later.run { try context.openAnother() }
            _ = MovedClock.later.run { later.configure(Array("{}".utf8)) }
            for (call, answer) in zip(calls, first) where call.run(later) != answer {
                throw Failure("\(call.title) was answered differently by a version that was loaded another day")
            }
        },
        Probe(
            name: "context.clock",
            rule: "P1",
            claim: "prompts and resources are the same whatever the clock says"
        ) { context in
            guard MovedClock.take(&context) else { return }
            let (plugin, catalogue) = try context.ready()
            func answers() -> [ProbedPlugin.Answer] {
                catalogue.prompts.enumerated().map { plugin.prompt($0, Samples.arguments(of: $1)) }
                    + catalogue.resources.indices.map { plugin.resource($0) }
            }
            let first = answers()
            try MovedClock.everywhere(&context) { moment in
                guard moment.run(answers) == first else { throw Failure("one of them is another \(moment.text)") }
            }
        },
    ]
}

/// The clocks of this process, as code in it sees them.
struct MovedClock {
    /// How the clock is while something is tried, for a report.
    let text: String
    private let offset: Int64
    private let step: Int64

    private init(_ text: String, by seconds: Int64, step: Int64 = 0) {
        self.text = text
        offset = seconds * 1_000_000_000
        self.step = step * 1_000_000_000
    }

    /// Runs something while the clock is so.
    func run<Value>(_ work: () throws -> Value) rethrows -> Value {
        gateway_clock_move(offset, step)
        defer { gateway_clock_move(0, 0) }
        return try work()
    }

    /// Another day of another year, at another hour.
    static let later = MovedClock("then", by: 400 * day + 5 * 3_600 + 61)

    /// Makes the clocks ones that can be moved; false, with the reason told, where this machine does not let it.
    static func take(_ context: inout ProbeContext) -> Bool {
        let problem = gateway_clock_take()
        guard problem != 0 else { return true }
        context.hadNothing("this machine's clocks cannot be moved: \(String(cString: strerror(problem)))")
        return false
    }

    /// Tries something at every hour of a day, day of a week, month and some years from now, at the edges of time, and with
    /// a clock that leaps at each look.
    static func everywhere(_ context: inout ProbeContext, _ attempt: (MovedClock) throws -> Void) throws {
        for moment in moments where !context.hasTriedEnough { try attempt(moment) }
    }

    private static let day: Int64 = 86_400

    private static let moments: [MovedClock] = {
        let leaps = [MovedClock("with an hour between two looks", by: 0, step: 3_600)]
        let near = [1, 61, 3_601].map { MovedClock("\($0) s later", by: $0) }
        let hours = (2...23).map { MovedClock("\($0) hours later", by: Int64($0) * 3_600) }
        let days = (1...7).map { MovedClock("\($0) days later", by: Int64($0) * day) }
        let months = (1...12).map { MovedClock("\($0) months later", by: Int64($0) * 30 * day + 1_800) }
        let years = [-20, -1, 2, 3, 10, 20, 100].map { MovedClock("\($0) years later", by: Int64($0) * 365 * day) }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let edges = [
            MovedClock("in 1970", by: day - Int64(now.tv_sec)),
            MovedClock("in 2038", by: (1 << 31) - Int64(now.tv_sec)),
        ]
        return leaps + near + years + days + edges + hours + months
    }()
}
