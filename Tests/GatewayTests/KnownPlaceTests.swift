import Gateway
import GatewayTesting
import Testing

/// Who is no stranger at an address.
struct `Somebody who logged in` {
    private let clock = ManualEntropy()

    private func user(_ number: UInt64) -> User {
        User(
            id: UserID(Identifier(high: 3, low: number)),
            organization: OrganizationID(Identifier(high: 1, low: 1)),
            username: "u\(number)",
            email: "u\(number)@x.example",
            passwordHash: "h",
            role: .user
        )
    }

    private func logIn(_ throttle: AttemptLimit, _ number: UInt64, from address: String) throws {
        _ = throttle.succeed(try throttle.begin(name: "|u\(number)", address: address), as: user(number))
    }

    private func isKnown(_ throttle: AttemptLimit, _ number: UInt64, at address: String) throws -> Bool {
        let attempt = try throttle.begin(name: "|u\(number)", address: address)
        throttle.giveBack(attempt)
        return attempt.isKnown
    }

    @Test func `is known there for so long, under that name and no other, and not elsewhere`() throws {
        let throttle = AttemptLimit(entropy: clock.entropy)
        try logIn(throttle, 1, from: "192.0.2.1")

        #expect(try isKnown(throttle, 1, at: "192.0.2.1"))
        #expect(try !isKnown(throttle, 2, at: "192.0.2.1"))
        #expect(try !isKnown(throttle, 1, at: "192.0.2.2"))
        clock.advance(.seconds(30 * 86_400))
        #expect(try !isKnown(throttle, 1, at: "192.0.2.1"))
    }

    @Test func `from many addresses makes the house forget their own and nobody else's`() throws {
        var settings = AttemptLimit.Settings()
        (settings.knownPlacesMax, settings.knownPlacesOfAllMax) = (5, 50)
        let throttle = AttemptLimit(entropy: clock.entropy, settings: settings)
        try logIn(throttle, 1, from: "192.0.2.1")
        for number in 0..<200 {
            clock.advance(.seconds(1))
            try logIn(throttle, 2, from: "2001:db8:0:\(String(number, radix: 16))::1")
        }

        #expect(try isKnown(throttle, 1, at: "192.0.2.1"))
        #expect(try isKnown(throttle, 2, at: "2001:db8:0:c7::2") && !isKnown(throttle, 2, at: "2001:db8:0:c2::2"))
    }

    @Test func `long ago is forgotten first, where there is no room for all`() throws {
        var settings = AttemptLimit.Settings()
        settings.knownPlacesOfAllMax = 20
        let throttle = AttemptLimit(entropy: clock.entropy, settings: settings)
        for number in 1...21 {
            clock.advance(.seconds(1))
            try logIn(throttle, UInt64(number), from: "192.0.2.\(number)")
        }

        #expect(try !isKnown(throttle, 1, at: "192.0.2.1") && !isKnown(throttle, 3, at: "192.0.2.3"))
        #expect(try isKnown(throttle, 4, at: "192.0.2.4") && isKnown(throttle, 21, at: "192.0.2.21"))
    }
}
