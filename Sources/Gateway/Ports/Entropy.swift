/// The moment, waiting and chance, handed in so that the rules can be run by a simulation.
package struct Entropy: Sendable {
    /// The time now: for what is kept and for every age and deadline that outlives the process.
    ///
    /// In a host a `SteadyClock`, which nobody can set.
    package let now: @Sendable () -> Timestamp
    /// The time that has passed: for whatever lasts a while within the process.
    package let uptime: @Sendable () -> Uptime
    /// What the machine's clock shows now: for what M-Pesa is told, and for moments that people have named.
    package let wall: @Sendable () -> Timestamp
    /// 64 random bits that nobody can guess.
    package let random: @Sendable () -> UInt64
    /// How one waits.
    package let sleep: Sleep

    /// Hands in clocks, a way to wait and a source of chance.
    ///
    /// Without `uptime` and `wall` both are read off `now`: for clocks that nobody sets.
    package init(
        now: @escaping @Sendable () -> Timestamp,
        uptime: (@Sendable () -> Uptime)? = nil,
        wall: (@Sendable () -> Timestamp)? = nil,
        sleep: Sleep = .real,
        random: @escaping @Sendable () -> UInt64
    ) {
        self.now = now
        self.uptime = uptime ?? { Uptime(nanoseconds: now().milliseconds * 1_000_000) }
        self.wall = wall ?? now
        self.sleep = sleep
        self.random = random
    }

    /// Hands in a machine's clocks, the wall clock as a steady one.
    package init(
        steady clock: SteadyClock,
        uptime: @escaping @Sendable () -> Uptime,
        wall: @escaping @Sendable () -> Timestamp,
        sleep: Sleep = .real,
        random: @escaping @Sendable () -> UInt64
    ) {
        self.init(now: { clock.now() }, uptime: uptime, wall: wall, sleep: sleep, random: random)
    }

    /// A new identifier for this moment.
    package func identifier() -> Identifier {
        Identifier(at: now(), random: (random(), random()))
    }
}
