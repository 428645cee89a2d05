import Gateway
import GatewayTesting
import Testing

struct `A transaction whose plugin is not loaded` {
    @Test func `is told of in readiness until the plugin is back`() async throws {
        try await House.with { (house) async throws in
            _ = await house.collect()
            let health = Health()
            let registry = ToolRegistry()
            let watch =
                house.another {
                    $0.health = health
                    $0.registry = registry
                }
                .orphans

            await watch.look()

            #expect(health.reasons.map(\.name) == ["open transactions of fake"])
            #expect(health.isReady)
            try registry.publish(FakePlugin.make())
            await watch.look()
            #expect(health.reasons.isEmpty)
        }
    }
}
