import Logging
import OrderedJSON
import Testing

@testable import Gateway
@testable import PluginHost

struct `What a plugin shows of a record` {
    private let record = Record(
        id: RecordID(Identifier(high: 1, low: 2)),
        organization: .ofATest,
        environment: .test,
        recordClass: .transaction,
        plugin: "fixture",
        operation: "collect",
        tool: "fixture_collect",
        direction: .incoming,
        madeBy: "key:1",
        intent: Intent(amount: Shillings(100), party: "254712345678", reference: nil, description: nil),
        about: nil,
        createdAt: Timestamp(milliseconds: 1),
        query: nil,
        sendBefore: Timestamp(milliseconds: 60_001),
        request: RequestTemplate(headers: [:], body: [:])
    )

    private func shown(by bench: Bench) async throws -> JSON {
        let entry = try #require(
            bench.registry.snapshot.entry("fixture_collect", organization: .ofATest, call: .random)
        )
        let calls = PluginCalls(
            registry: bench.registry,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        return try JSON(parsing: await calls.render(entry.plugin, tool: entry.tool, record: record, events: []))
    }

    @Test func `is the plugin's where it is of the tool's schema`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        try await bench.install("1.0.0")

        #expect(try await shown(by: bench)["transaction_id"]?.stringValue == "x")
    }

    @Test func `is the host's own where it is not, and three times of that take the version back`() async throws {
        for flag in ["-DBAD_RENDERING", "-DBROKEN_RENDERING", "-DHUGE_RENDERING"] {
            let bench = try Bench(.worker)
            defer { bench.remove() }
            try await bench.install("1.0.0")
            try await bench.install("1.1.0", [flag]) { $0.promotes = true }
            for _ in 0..<3 {
                await bench.host.takeBackWhatFails()
                #expect(bench.version() == "1.1.0")
                #expect(try await shown(by: bench)["transaction_id"]?.stringValue == record.id.description)
            }
            await bench.host.takeBackWhatFails()

            #expect(bench.version() == "1.0.0")
            let note = bench.host.status(of: "fixture")?.note
            #expect(
                note?.hasSuffix("0 crashes and 3 answers that are not of their form (rules P2, M5)") ?? false,
                "\(note ?? "")"
            )
        }
    }
}
