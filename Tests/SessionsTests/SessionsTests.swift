import Cryptography
import Gateway
import Testing

@testable import Sessions

struct `A fair queue` {
    @Test func `gives each one its turn`() {
        var queue = FairQueue<String>(countMax: 200, ofOneMax: 150)
        for number in 0..<105 { _ = queue.add("stranger \(number)", of: "192.0.2.1") }
        _ = queue.add("honest", of: "192.0.2.2")

        #expect((0..<2).map { _ in queue.next() } == ["stranger 0", "honest"])
        #expect(queue.next() == "stranger 1" && queue.count == 103)
    }

    @Test func `holds so many of one, and so many in all`() {
        var queue = FairQueue<Int>(countMax: 6, ofOneMax: 4)
        func isRefused(_ added: FairQueue<Int>.Added) -> Bool { if case .refused = added { true } else { false } }
        for number in 0..<4 { #expect(!isRefused(queue.add(number, of: "a"))) }
        #expect(isRefused(queue.add(4, of: "a")))
        for number in 5..<7 { #expect(!isRefused(queue.add(number, of: "b"))) }

        guard case .insteadOf(let displaced) = queue.add(7, of: "c") else {
            Issue.record("a newcomer found no room")
            return
        }
        #expect(displaced == 3 && queue.count == 6)
        #expect(isRefused(queue.add(8, of: "b")))
        #expect((0..<7).compactMap { _ in queue.next() } == [0, 5, 7, 1, 6, 2])
    }
}

struct `A full queue` {
    @Test func `has room for whom the house knows, and a quarter for whom it does not`() {
        var queue = FairQueue<String>(countMax: 8, ofOneMax: 4)
        for number in 0..<8 { _ = queue.add("stranger \(number)", of: "\(number)") }
        func isWaiting(_ element: String, of name: String) -> Bool {
            if case .refused = queue.add(element, of: name, isKnown: true) { false } else { true }
        }

        for number in 0..<6 { #expect(isWaiting("known \(number)", of: "k\(number)")) }

        #expect(queue.count == 8)
        #expect(!isWaiting("too many", of: "k9"))
        // The two lines take turns, so that neither waits for all of the other.
        let first = (0..<4).compactMap { _ in queue.next() }
        #expect(first.filter { $0.hasPrefix("known") } == ["known 0", "known 1"])
        #expect((0..<9).compactMap { _ in queue.next() }.count == 4)
    }
}

private let stranger = PasswordTurn(name: "192.0.2.1", isKnown: false)

struct `Passwords` {
    @Test func `cost nobody's hash as much as anybody's, and it is never right`() async throws {
        let hasher = PasswordHash(logCost: 5)
        let passwords = ScryptPasswords(hasher: hasher)
        let made = try await passwords.hash(Secret("right"))

        // Who was invited has no hash yet: against nobody's is derived in its place.
        #expect(PasswordHash.isHash(made) && PasswordHash.isHash(hasher.nobodys) && !PasswordHash.isHash("!"))
        #expect(hasher.nobodys.split(separator: "$")[1] == made.split(separator: "$")[1])
        #expect(hasher.nobodys.split(separator: "$").map(\.count) == made.split(separator: "$").map(\.count))
        #expect(try await passwords.verify(Secret("right"), against: made, turn: stranger))
        #expect(try await !passwords.verify(Secret("wrong"), against: made, turn: stranger))
        #expect(try await !passwords.verify(Secret("right"), against: nil, turn: stranger))
    }

    @Test func `of another cost than today's are outdated, and what is no hash is not`() async throws {
        let old = try PasswordHash(logCost: 5).make(for: "right")
        let passwords = ScryptPasswords(hasher: PasswordHash(logCost: 6))

        #expect(passwords.isOutdated(old))
        #expect(try await !passwords.isOutdated(passwords.hash(Secret("right"), turn: stranger)))
        #expect(!passwords.isOutdated("!") && !passwords.isOutdated(""))
        #expect(try await passwords.verify(Secret("right"), against: old, turn: stranger))
    }

    @Test func `of too many at once are answered with the time to wait`() async throws {
        var settings = ScryptPasswords.Settings()
        settings.waitingOfOneMax = 1
        let passwords = ScryptPasswords(hasher: PasswordHash(logCost: 12), settings: settings)
        let codes = await withTaskGroup(of: GatewayError?.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    do throws(GatewayError) {
                        _ = try await passwords.verify(Secret("x"), against: nil, turn: stranger)
                        return nil
                    } catch { return error }
                }
            }
            var errors: [GatewayError?] = []
            for await error in group { errors.append(error) }
            return errors
        }

        #expect(codes.contains(nil))
        #expect(codes.compactMap { $0 }.allSatisfy { $0.code == .rateLimited && $0.retryAfter != nil })
        #expect(codes.contains { $0 != nil })
    }

    @Test func `of a thousand strangers at once keep nobody out whom the house knows`() async throws {
        let passwords = ScryptPasswords(hasher: PasswordHash(logCost: 10))
        let right = try await passwords.hash(Secret("right"), turn: stranger)
        let honest = PasswordTurn(name: "192.0.2.200", isKnown: true)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    let turn = PasswordTurn(name: "198.51.\(number / 250).\(number % 250)", isKnown: false)
                    do throws(GatewayError) {
                        return try await passwords.verify(Secret("x"), against: right, turn: turn)
                    } catch {
                        #expect(error.code == .rateLimited && error.retryAfter != nil)
                        return false
                    }
                }
            }
            // Throws where he is refused for the others' sake.
            for _ in 0..<20 { #expect(try await passwords.verify(Secret("right"), against: right, turn: honest)) }
            for try await isRight in group { #expect(!isRight) }
        }
    }
}

struct `An access token` {
    @Test func `says what it was made of, until it ends`() async throws {
        let tokens = await JWTAccessTokens(key: Secret([UInt8](repeating: 1, count: 32)))
        let now = Timestamp(milliseconds: 1_800_000_000_000)
        let claims = AccessClaims(
            user: UserID(Identifier(high: 1, low: 2)),
            organization: OrganizationID(Identifier(high: 3, low: 4)),
            sessionEpoch: 5,
            session: Identifier(high: 6, low: 7),
            generation: 8,
            issuedAt: now,
            expiresAt: now + .seconds(60)
        )
        let token = try await tokens.sign(claims).reveal()

        #expect(try await tokens.verify(token, at: now) == claims)
        await #expect(throws: GatewayError.self) { try await tokens.verify(token, at: now + .seconds(60)) }
        let others = await JWTAccessTokens(key: Secret([UInt8](repeating: 2, count: 32)))
        await #expect(throws: GatewayError.self) { try await others.verify(token, at: now) }
    }
}
