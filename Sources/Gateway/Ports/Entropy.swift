/// The moment and chance, handed in so that the rules can be run by a simulation.
package struct Entropy: Sendable {
    /// The time now: for what is kept, shown, or told to M-Pesa.
    package let now: @Sendable () -> Timestamp
    /// The time that has passed: for whatever lasts a while, whether or not somebody sets the wall clock meanwhile.
    package let uptime: @Sendable () -> Uptime
    /// 64 random bits that nobody can guess.
    package let random: @Sendable () -> UInt64

    /// Hands in clocks and a source of chance.
    ///
    /// Without `uptime` the time that has passed is read off `now`: for clocks that nobody sets back.
    package init(
        now: @escaping @Sendable () -> Timestamp,
        uptime: (@Sendable () -> Uptime)? = nil,
        random: @escaping @Sendable () -> UInt64
    ) {
        self.now = now
        self.uptime = uptime ?? { Uptime(nanoseconds: now().milliseconds * 1_000_000) }
        self.random = random
    }

    /// A new identifier for this moment.
    package func identifier() -> Identifier {
        Identifier(at: now(), random: (random(), random()))
    }
}
