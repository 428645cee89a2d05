import Gateway
import GatewayTesting
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A password that is kept at another cost than today's` {
    /// Works off what log-ins have put down, until the user's hash is another.
    private func kept(_ people: People, after old: String) async throws -> String? {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await people.gateway.renewals.run() }
            defer { group.cancelAll() }
            while try await people.hash == old { await Task.yield() }
            return try await people.hash
        }
    }

    @Test func `is kept anew beside the log-in that proved it, and no session ends`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            let before = try await people.logIn("right").get()
            people.passwords.cost(3)

            let token = try await people.logIn("right").get()
            // Nobody waited for it.
            #expect(try await people.hash == "right")
            #expect(try await kept(people, after: "right") == "   right")

            #expect(try await people.user()?.sessionEpoch == 0)
            for known in [before, token] { #expect(await people.isGood(known)) }
            #expect(await people.code("right") == nil)
            #expect(await people.code("wrong") == .unauthenticated)
        }
    }

    @Test func `stays as it is where nobody has proved it, or where it was changed meanwhile`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            people.passwords.cost(3)
            #expect(await people.code("wrong") == .unauthenticated)
            #expect(await people.code("right") == nil)
            _ = try await house.store.change(people.asha.id, organization: house.organization) {
                $0.passwordHash = "other"
            }
            // Of the two that wait, the first finds another hash; the second is of it.
            #expect(await people.code("other") == nil)

            #expect(try await kept(people, after: "other") == "   other")
            #expect(await people.code("right") == .unauthenticated)
        }
    }

    @Test func `that is changed while the new hash is made stays changed`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            people.passwords.cost(3)
            #expect(await people.code("right") == nil)
            people.passwords.meanwhile {
                _ = try? await house.store.change(people.asha.id, organization: house.organization) {
                    $0.passwordHash = "   other"
                }
            }

            #expect(try await kept(people, after: "right") == "   other")
        }
    }

    @Test func `keeps out nobody who logs in while it is kept anew`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            people.passwords.meanwhile {
                _ = try? await house.store.replace(
                    "right",
                    by: "   right",
                    of: people.asha.id,
                    organization: house.organization
                )
            }

            #expect(await people.code("right") == nil)
            #expect(try await people.hash == "   right")
        }
    }
}

extension People {
    fileprivate var hash: String? { get async throws { try await user()?.passwordHash } }
}
