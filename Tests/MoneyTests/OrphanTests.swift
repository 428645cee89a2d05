import Gateway
import GatewayTesting
import Logging
import Testing

struct `A transaction whose plugin is not loaded` {
    @Test func `is told of in readiness until the plugin is back`() async throws {
        try await House.with { (house) async throws in
            _ = await house.collect()
            let health = Health()
            let registry = ToolRegistry()
            let watch = OrphanWatch(
                records: house.store,
                registry: registry,
                health: health,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )

            await watch.look()

            #expect(health.reasons.map(\.name) == ["open transactions of fake"])
            #expect(health.isReady)
            try registry.publish(FakePlugin.make())
            await watch.look()
            #expect(health.reasons.isEmpty)
        }
    }
}
