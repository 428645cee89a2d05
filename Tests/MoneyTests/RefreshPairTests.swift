import Gateway
import GatewayTesting
import OrderedJSON
import Testing

/// Somebody who is logged in with a refresh token.
private struct Holder {
    let house: House
    let people: People

    static func with(_ body: (Holder) async throws -> Void) async throws {
        try await House.with { (house) async throws in
            try await body(Holder(house: house, people: try await People(house)))
        }
    }

    func logIn() async throws -> LogIns.Session {
        try await people.logIns.logIn(
            username: "asha",
            password: Secret("right"),
            organization: "shop",
            withRefresh: true,
            people.caller("192.0.2.1")
        )
    }

    func refresh(_ session: LogIns.Session) async -> Result<LogIns.Session, GatewayError> {
        await refresh(session.refresh?.token ?? Secret(""))
    }

    func refresh(_ text: Secret<String>, by logIns: LogIns? = nil) async -> Result<LogIns.Session, GatewayError> {
        do throws(GatewayError) {
            return .success(try await (logIns ?? people.logIns).refresh(by: text, people.caller("192.0.2.1")))
        } catch { return .failure(error) }
    }

    /// How often somebody has shown a token that was replaced.
    func reuses() async throws -> Int {
        try await house.store.append([], usage: [])
        let lines = try await house.store.records(organization: house.organization, before: nil, limit: 100)
        return lines.count { $0.action == "REFRESH_TOKEN_REUSED" && $0.subject == "user:\(people.asha.id)" }
    }
}

struct `A refresh token` {
    @Test func `brings a short token and its own successor, and voids what it replaces`() async throws {
        try await Holder.with { (holder) async throws in
            let first = try await holder.logIn()
            #expect(first.expiresAt == holder.house.clock.now + .seconds(900))
            holder.house.clock.advance(.seconds(600))

            let second = try await holder.refresh(first).get()
            let third = try await holder.refresh(second).get()

            #expect(await holder.people.isGood(third.token))
            #expect(await !holder.people.isGood(first.token))
            #expect(await !holder.people.isGood(second.token))
            #expect(Set([first, second, third].map { $0.refresh?.token.reveal() }).count == 3)
            let sessions = try await holder.house.store.sessions(
                of: holder.people.asha.id,
                organization: holder.house.organization
            )
            #expect(sessions.map(\.generation) == [3] && sessions.first?.refreshedAt == holder.house.clock.now)
        }
    }

    @Test func `that is shown again later ends its session, whoever holds what of it, and no other one`() async throws {
        try await Holder.with { (holder) async throws in
            let stolen = try await holder.logIn()
            let elsewhere = try await holder.logIn()
            let honest = try await holder.refresh(stolen).get()
            holder.house.clock.advance(.seconds(11))

            #expect(await holder.refresh(stolen).code == .unauthenticated)
            #expect(await !holder.people.isGood(honest.token))
            #expect(await holder.refresh(honest).code == .unauthenticated)
            // Shown once more it says nothing new.
            #expect(await holder.refresh(stolen).code == .unauthenticated)
            #expect(try await holder.reuses() == 1)
            #expect(await holder.people.isGood(elsewhere.token))
            #expect(await holder.refresh(elsewhere).code == nil)
        }
    }

    @Test func `whose answer was lost is answered once more, and with nothing newer`() async throws {
        try await Holder.with { (holder) async throws in
            let first = try await holder.logIn()
            let lost = try await holder.refresh(first).get()
            holder.house.clock.advance(.seconds(9))

            let again = try await holder.refresh(first).get()

            #expect(again.refresh?.token.reveal() == lost.refresh?.token.reveal())
            #expect(await holder.people.isGood(again.token))
            let next = try await holder.refresh(again).get()
            // Two back is no answer that was lost, however soon.
            #expect(await holder.refresh(first).code == .unauthenticated)
            #expect(await holder.refresh(next).code == .unauthenticated)
            #expect(try await holder.reuses() == 1)
        }
    }

    @Test func `that many show at once is replaced once, and all get the same`() async throws {
        try await Holder.with { (holder) async throws in
            let first = try await holder.logIn()
            let texts = await withTaskGroup(of: String?.self) { group in
                for _ in 0..<8 {
                    group.addTask { try? await holder.refresh(first).get().refresh?.token.reveal() }
                }
                return await group.reduce(into: Set<String?>()) { $0.insert($1) }
            }

            #expect(texts.count == 1 && texts.first != .some(nil))
            #expect(try await holder.reuses() == 0)
        }
    }

    @Test func `is good for the next process as well`() async throws {
        try await Holder.with { (holder) async throws in
            let first = try await holder.logIn()
            let next = holder.house.another(Assembly.Settings()) { ports in ports.tokens = PlainTokens() }

            let text = try #require(first.refresh?.token)
            #expect(await holder.refresh(text, by: next.logIns).code == nil)
            holder.house.clock.advance(.seconds(60))
            #expect(await holder.refresh(text).code == .unauthenticated)
            #expect(try await holder.reuses() == 1)
        }
    }

    @Test func `of somebody else's making ends nothing`() async throws {
        try await Holder.with { (holder) async throws in
            let first = try await holder.logIn()
            let text = try #require(first.refresh?.token.reveal())
            let second = try await holder.refresh(first).get()
            holder.house.clock.advance(.seconds(60))
            let parts = text.split(separator: "_").map(String.init)
            var made = [text + "0", String(text.dropLast()), "", "rft_______", text.replacing("rft_", with: "otl_")]
            for (index, value) in [(4, "1"), (5, "0"), (5, "7"), (5, "-1"), (5, "9223372036854775807"), (6, "")] {
                var other = parts
                other[index] = value
                made.append(other.joined(separator: "_"))
            }
            for wrong in made { #expect(await holder.refresh(Secret(wrong)).code == .unauthenticated, "\(wrong)") }

            #expect(try await holder.reuses() == 0)
            #expect(await holder.refresh(second).code == nil)
        }
    }

    @Test func `ends with its user's password, after fourteen days unused, and after ninety at most`() async throws {
        try await Holder.with { (holder) async throws in
            let before = try await holder.logIn()
            _ = try await holder.house.store.change(holder.people.asha.id, organization: holder.house.organization) {
                $0.passwordHash = "other"
            }
            #expect(await holder.refresh(before).code == .unauthenticated)
            _ = try await holder.house.store.change(holder.people.asha.id, organization: holder.house.organization) {
                $0.passwordHash = "right"
            }
            let idle = try await holder.logIn()
            var used = try await holder.logIn()
            for _ in 0..<6 {
                holder.house.clock.advance(.seconds(13 * 86_400))
                used = try await holder.refresh(used).get()
            }
            #expect(await holder.refresh(idle).code == .unauthenticated)
            holder.house.clock.advance(.seconds(12 * 86_400))
            #expect(await holder.refresh(used).code == .unauthenticated)
            #expect(try await holder.reuses() == 0)
        }
    }

    @Test func `is what its session goes on by, and its access token is not`() async throws {
        try await Holder.with { (holder) async throws in
            let first = try await holder.logIn()
            holder.house.clock.advance(.seconds(800))

            #expect(await holder.people.refresh(first.token).code == .conflict)
            #expect(await holder.people.isGood(first.token))
        }
    }
}
