import Cryptography
import Foundation
import Gateway
import GatewayTesting
import PluginAPI
import PluginLoader
import Testing

@testable import PluginHost

struct `A worker that writes frames itself` {
    @Test(arguments: [
        ("flood_reply", "an answer to nothing"), ("flood_started", "an answer to nothing"),
        ("flood_huge", "a frame of 5242880 bytes, of kind 34"), ("flood_log_long", "a frame of 9000 bytes, of kind 36"),
        ("flood_unknown", "a frame of kind 77"), ("flood_complete", "more than 500 frames a second"),
        ("flood_progress", "more than 500 frames a second"),
    ])
    func `is ended for what its own code would not send`(deed: String, reason: String) async throws {
        // Only what it sends may end it while this test looks.
        let hostile = try HostileBench(.sandbox, framesMax: 500) { $0.deadlineMilliseconds = 60_000 }
        defer { hostile.remove() }
        let status = try await hostile.trying(deed)

        #expect(status == "status \(LoadedPlugin.Completion.lost)")
        #expect(try await hostile.reasonOfEnd() == "broke a limit of its link: \(reason) (signal 9)")
    }

    @Test(arguments: [Bench.Isolation.worker, .sandbox], ["flood_log", "flood_call"])
    func `is ended in either kind of process`(isolation: Bench.Isolation, deed: String) async throws {
        let hostile = try HostileBench(isolation, framesMax: 500) { $0.deadlineMilliseconds = 60_000 }
        defer { hostile.remove() }
        _ = try await hostile.trying(deed)

        #expect(try await hostile.reasonOfEnd().hasPrefix("broke a limit of its link: "))
    }

    @Test func `is not one that says too much by the tables it was given`() async throws {
        let hostile = try HostileBench(.sandbox) { $0.deadlineMilliseconds = 60_000 }
        defer { hostile.remove() }

        #expect(try await hostile.trying("log_on") == "limited")
        #expect(try hostile.health.lastCrash == nil)
    }
}

struct `A worker that leaves its host waiting` {
    @Test(arguments: [Bench.Isolation.worker, .sandbox], ["half_head", "half_body", "exit_slowly"])
    func `is ended, and the next one serves`(isolation: Bench.Isolation, deed: String) async throws {
        let hostile = try HostileBench(isolation) { $0.deadlineMilliseconds = 500 }
        defer { hostile.remove() }

        #expect(try await hostile.trying(deed).hasPrefix("status "))
        #expect(!(try await hostile.reasonOfEnd()).isEmpty)
        var answer = ""
        let end = ContinuousClock.now + .seconds(30)
        while answer != "nothing", ContinuousClock.now < end { answer = try await hostile.trying("wait") }
        #expect(answer == "nothing")
    }

    @Test(arguments: [Bench.Isolation.worker, .sandbox])
    func `is not believed what it answers too deep, too often, or to nothing`(isolation: Bench.Isolation) async throws {
        let hostile = try HostileBench(isolation)
        defer { hostile.remove() }

        await #expect(throws: (any Error).self) { try await hostile.trying("deep_answer") }
        #expect(try await hostile.trying("answer_twice") == "first")
        #expect(try await hostile.trying("wait") == "nothing")
        #expect(try hostile.health.lastCrash == nil)
        #expect(hostile.bench.host.violations(of: "hostile") > 0)
    }
}

struct `What a plugin says` {
    @Test func `is some of it, where it refuses by megabytes`() {
        let long = String(repeating: "x", count: 1 << 20)

        for refusal in [PluginRefusal.refused(long), .catalogue("rule C1: describe: " + long), .notConfigured(long)] {
            #expect(refusal.description.utf8.count < 2 * PluginRefusal.sentenceBytesMax)
        }
    }

    @Test func `is one line of the log, whatever stands in it`() {
        let lines = LogLines()
        let services = HostServices(
            plugin: "hostile",
            invocations: Invocations(),
            entropy: Entropy(now: { Timestamp(milliseconds: 1) }, random: SecureRandom.word),
            logger: lines.logger,
            payloadBytesMax: 1_000,
            answers: nil,
            threads: PluginThreads(count: 1, queueMax: 1),
            askedMax: 1,
            askedBytesMax: 1_000,
            logLinesMax: 10
        )

        services.log(0, level: 1, "fine\n2026-01-01 error paid \u{1B}[2J\u{202E}", values: "{}\r\n0712345678")

        let told = lines.all.joined()
        #expect(told.contains(#"fine\u{A}2026-01-01 error paid \u{1B}[2J\u{202E}"#) && told.contains("0712•••678"))
        #expect(!told.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E })
        #expect(PluginRefusal.refused("a\nb").description == #"the plugin refused: a\u{A}b"#)
    }
}

struct `A worker whose threads go on after their call` {
    @Test(arguments: [Bench.Isolation.worker, .sandbox]) func `is ended`(isolation: Bench.Isolation) async throws {
        let hostile = try HostileBench(isolation) { $0.idleProcessor = .milliseconds(200) }
        defer { hostile.remove() }
        #expect(try await hostile.trying("spin_on") == "done")

        let reason = "took over 0.2 seconds of processor time in 10.0 seconds with no call open (signal 9)"
        #expect(try await hostile.reasonOfEnd() == reason)
    }
}

struct `What a worker took while idle` {
    private let start = ContinuousClock.now
    private func at(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

    @Test func `counts when nothing is open`() {
        var watch = IdleWatch()

        let over = [0, 900, 1_100].enumerated()
            .map { watch.isOver(used: .milliseconds($1), at: at(1_000 * $0)) }

        #expect(over == [false, false, true])
    }

    @Test func `is forgotten after ten seconds`() {
        var watch = IdleWatch()
        let over = (0...100).map { watch.isOver(used: .milliseconds(90 * $0), at: at(1_000 * $0)) }

        #expect(!over.contains(true))
    }

    @Test func `does not count while a call is open`() {
        var watch = IdleWatch()
        _ = watch.isOver(used: .zero, at: at(0))
        watch.isOpen(1, at: at(0))
        let during = watch.isOver(used: .seconds(2), at: at(2_000))
        watch.isOpen(0, at: at(4_000))
        let after = watch.isOver(used: .seconds(4), at: at(4_100))

        #expect(!during && !after)
    }

    @Test func `counts between calls that are short`() {
        var watch = IdleWatch()
        _ = watch.isOver(used: .zero, at: at(0))
        let over = (1...20)
            .map { step in
                // Five calls of 1 ms in each half second, and a thread that never rests.
                for call in 0..<5 {
                    watch.isOpen(1, at: at(500 * (step - 1) + 100 * call))
                    watch.isOpen(0, at: at(500 * (step - 1) + 100 * call + 1))
                }
                return watch.isOver(used: .milliseconds(500 * step), at: at(500 * step))
            }

        #expect(over.first == false && over.last == true)
    }

    @Test func `does not count against a worker that is called all the time`() {
        var watch = IdleWatch()
        _ = watch.isOver(used: .zero, at: at(0))
        let over = (1...20)
            .map { step in
                for call in 0..<500 {
                    watch.isOpen(1, at: at(500 * (step - 1) + call))
                    watch.isOpen(0, at: at(500 * (step - 1) + call))
                }
                return watch.isOver(used: .milliseconds(400 * step), at: at(500 * step))
            }

        #expect(!over.contains(true))
    }
}

struct `Bytes that a socket did not take` {
    @Test func `go in order, in whatever pieces it takes them`() {
        var outbox = WorkerOutbox()
        var taken: [UInt8] = []
        for round in 0..<50 {
            outbox.append((0..<20).map { UInt8((round * 20 + $0) % 251) })
            outbox.offer { bytes in
                let count = min(bytes.count, 17)
                taken += bytes.prefix(count)
                return count
            }
        }
        while !outbox.isEmpty {
            outbox.offer { bytes in
                taken += bytes.prefix(100)
                return min(100, bytes.count)
            }
        }
        outbox.append([1])
        outbox.offer { _ in -1 }

        #expect(taken == (0..<1_000).map { UInt8($0 % 251) })
        #expect(outbox.count == 1)
    }
}

struct `What a sandbox asks of Landlock` {
    @Test(arguments: [(0, 0), (1, 8), (3, 8), (4, 16), (5, 16), (6, 24), (9, 24)])
    func `is as long as the kernel knows`(version: Int, size: Int) {
        var rules = gateway_file_rules()

        #expect(gateway_file_rules(version, &rules) == size)
    }

    @Test func `is every right of the kernel's version, and the others are named`() {
        var rules = gateway_file_rules()
        #expect(lacking(6) == [])
        #expect(lacking(5) == ["landlock scope abstract_unix_socket", "landlock scope signal"])
        #expect(lacking(2).count == 6 && lacking(2).first == "landlock truncate")
        #expect(lacking(1).first == "landlock refer")

        _ = gateway_file_rules(2, &rules)
        #expect(rules.files == 0x3FFF && rules.network == 0 && rules.scoped == 0)
        _ = gateway_file_rules(7, &rules)
        #expect(rules.files == 0xFFFF && rules.network == 3 && rules.scoped == 3)
    }

    private func lacking(_ version: Int) -> [String] {
        var text = [CChar](repeating: 0, count: 512)
        gateway_file_rules_lacking(version, &text, text.count)
        return String(padded: text).split(separator: "\n").map(String.init)
    }
}
