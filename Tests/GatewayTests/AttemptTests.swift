import Gateway
import GatewayTesting
import Testing

/// However many strangers come, nobody who is no stranger is kept out by them.
struct `More strangers than are told apart` {
    private let clock = ManualEntropy()
    private let user = User(
        id: UserID(Identifier(high: 3, low: 1)),
        organization: OrganizationID(Identifier(high: 1, low: 1)),
        username: "wanjiru",
        email: "wanjiru@x.example",
        passwordHash: "h",
        role: .user
    )

    private var throttle: AttemptLimit {
        var settings = AttemptLimit.Settings()
        settings.entriesMax = 20
        return AttemptLimit(entropy: clock.entropy, settings: settings)
    }

    /// Each from an address of its own; answers how many were let in.
    private func crowd(_ throttle: AttemptLimit, for kind: AttemptLimit.Kind) -> Int {
        (0..<500)
            .count { number in
                (try? throttle.begin(name: "n\(number)", address: "2001:db8:0:\(number)::1", for: kind)) != nil
            }
    }

    @Test func `keep nobody out who logged in there before, nor who has a session`() throws {
        let throttle = throttle
        _ = throttle.succeed(try throttle.begin(name: "|wanjiru", address: "192.0.2.1"), as: user)

        #expect(crowd(throttle, for: .logIn) < 100)

        let attempt = try throttle.begin(name: "|wanjiru", address: "192.0.2.1")
        #expect(attempt.isKnown)
        throttle.giveBack(try throttle.begin(codeOf: user.id, at: attempt))
        throttle.giveBack(try throttle.begin(codeOf: user.id))
        throttle.giveBack(try throttle.begin(passwordOf: user.id, address: "192.0.2.7"))
        // A stranger among strangers waits.
        #expect(throws: GatewayError.self) { try throttle.begin(name: "|new", address: "192.0.2.9") }
    }

    @Test func `who ask for letters keep no stranger from logging in`() throws {
        let throttle = throttle

        #expect(crowd(throttle, for: .errand) < 100)

        #expect(throws: GatewayError.self) { try throttle.begin(name: "a", address: "192.0.2.9", for: .errand) }
        _ = try throttle.begin(name: "|new", address: "192.0.2.9")
    }

    @Test func `are forgotten once their time is over`() throws {
        let throttle = throttle
        #expect(crowd(throttle, for: .logIn) < 100)

        clock.advance(.seconds(120))

        #expect(crowd(throttle, for: .logIn) >= 10)
    }

    @Test func `are not guesses of a second factor: of these there are a hundred a day at a known place`() throws {
        let throttle = throttle
        _ = throttle.succeed(try throttle.begin(name: "|wanjiru", address: "192.0.2.1"), as: user)
        var looked = 0
        for _ in 0..<600 {
            clock.advance(.seconds(7))
            guard let attempt = try? throttle.begin(name: "|wanjiru", address: "192.0.2.1") else { continue }
            #expect(attempt.isKnown)
            if (try? throttle.begin(codeOf: user.id, at: attempt)) != nil { looked += 1 }
        }

        // What is given back within the time of the test is a few.
        #expect((100..<110).contains(looked), "\(looked)")
    }
}
