/// The moment and chance, handed in so that the rules can be run by a simulation.
package struct Entropy: Sendable {
    /// The time now.
    package let now: @Sendable () -> Timestamp
    /// 64 random bits that nobody can guess.
    package let random: @Sendable () -> UInt64

    /// Hands in a clock and a source of chance.
    package init(now: @escaping @Sendable () -> Timestamp, random: @escaping @Sendable () -> UInt64) {
        self.now = now
        self.random = random
    }

    /// A new identifier for this moment.
    package func identifier() -> Identifier {
        Identifier(at: now(), random: (random(), random()))
    }
}
