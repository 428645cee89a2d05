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

    @Test(arguments: [true, false])
    func `is no attempt while its tool was not called, whichever host took it`(again: Bool) async throws {
        try await House.withDigger(again: again) { (house, digger) async throws in
            let id = try await house.dig()
            // A host takes it, and is never heard of again.
            let due = try #require(try await house.store.dueTasks(at: house.clock.now, limit: 5, except: .nobody).first)
            _ = try await house.store.take(due, until: house.clock.now + .seconds(30))
            house.clock.advance(.seconds(31))

            await house.another().tasks.workOnDue()

            let ended = await house.task(id).data
            #expect(ended["status"] == "COMPLETED" && ended["attempts"] == 1)
            #expect(digger.seen.map(\.attempt) == [1])
        }
    }

    @Test(arguments: [LoadedPlugin.Completion.notTaken, AnswerStatus.rateLimited.rawValue])
    func `is no attempt while its plugin has no worker or no place for it`(status: Int32) async throws {
        var bounds = Assembly.Settings()
        bounds.tasks.attemptsMax = 1
        try await House.withDigger(again: false, bounds: bounds) { (house, digger) async throws in
            let id = try await house.dig()
            digger.does { _ in .init(status: status, payload: [], hasRun: false) }
            for _ in 0..<2 {
                await house.gateway.tasks.workOnDue()
                let waiting = await house.task(id).data
                #expect(waiting["status"] == "WORKING" && waiting["attempts"] == 0)
                house.clock.advance(.seconds(2))
            }
            digger.does { _ in Digger.found }

            await house.gateway.tasks.workOnDue()

            #expect(await house.task(id).data["status"] == "COMPLETED")
            #expect(digger.seen.map(\.attempt) == [1, 1, 1])
        }
    }

    @Test func `is an attempt that failed where its tool says itself that it has no place`() async throws {
        try await House.withDigger { (house, digger) async throws in
            let id = try await house.dig()
            digger.does { _ in .init(status: AnswerStatus.rateLimited.rawValue, payload: []) }
            await house.gateway.tasks.workOnDue()
            #expect(await house.task(id).data["error"]?["code"] == "rate_limited")
        }
    }
}
