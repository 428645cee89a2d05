import GatewayTesting
import OrderedJSON
import Store
import Testing

@testable import Gateway

/// Whose turn it is, what is counted of it, and who sees it when its plugin is not there.
struct `A task's turn` {
    @Test func `is not hidden by others' that have no place`() async throws {
        var bounds = Assembly.Settings()
        (bounds.tasks.organizationPlacesMax, bounds.tasks.batchMax) = (1, 2)
        try await House.withDigger(bounds: bounds) { (house, digger) async throws in
            let other = try await house.neighbour()
            for _ in 0..<4 { _ = try await house.dig() }
            house.clock.advance(.milliseconds(1))
            _ = await house.call("digger_dig", [:], as: other)

            await house.gateway.tasks.workOnDue()

            #expect(Set(digger.seen.map(\.principal.organization)) == [house.organization, other.organization])
        }
    }
}
