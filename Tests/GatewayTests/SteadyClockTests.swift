import Gateway
import GatewayTesting
import Glibc
import Testing

struct `A steady clock` {
    @Test(arguments: 0..<200)
    func `goes neither back nor far from the time that passes, whoever sets the wall clock`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let clock = ManualEntropy(seed: seed)
        var (passed, gap, before) = (Duration.zero, Duration.zero, clock.now)
        let start = before

        for _ in 0..<50 {
            let set = Duration.milliseconds(Int64.random(in: -3_600_000...3_600_000, using: &random))
            if abs((gap + set).wholeMilliseconds) < 86_400_000 {
                clock.setWallClock(by: set)
                gap += set
            }
            let step = Duration.milliseconds(Int64.random(in: 0...600_000, using: &random))
            clock.advance(step)
            passed += step
            let now = clock.now
            #expect(now >= before, "seed \(seed)")
            before = now
        }

        let shown = before - start
        #expect(shown <= passed + passed / 20 + .milliseconds(50), "seed \(seed): \(shown) of \(passed)")
        #expect(shown >= passed - passed / 100 - .milliseconds(50), "seed \(seed): \(shown) of \(passed)")
    }

    @Test(arguments: [-3_600, 86_400])
    func `draws near to the wall clock, and then goes with it`(seconds: Int) {
        let clock = ManualEntropy()
        clock.setWallClock(by: .seconds(seconds))

        for _ in 0..<(24 * 30) {
            clock.advance(.seconds(3_600))
            _ = clock.now
        }

        #expect(clock.now == clock.entropy.wall())
    }

    @Test func `follows at once where the wall clock is behind by years`() {
        let clock = ManualEntropy()

        clock.setWallClock(by: .seconds(-400 * 86_400))

        #expect(clock.now == clock.entropy.wall())
    }

    @Test func `shows the same again for a tenth of a millisecond, and no longer`() {
        let clock = ManualEntropy()
        clock.advance(.microseconds(950))
        let before = clock.now

        clock.advance(.microseconds(99))
        #expect(clock.now == before)
        clock.advance(.microseconds(1))

        #expect(clock.now - before == .milliseconds(1))
    }

    @Test func `never goes back for whoever asks from elsewhere`() async {
        let clock = SteadyClock(
            wall: { Timestamp(milliseconds: nanoseconds(by: CLOCK_REALTIME) / 1_000_000) },
            uptime: { Uptime(nanoseconds: nanoseconds(by: CLOCK_BOOTTIME)) }
        )
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var (before, isSteady) = (clock.now(), true)
                    for _ in 0..<20_000 {
                        let now = clock.now()
                        isSteady = isSteady && now >= before
                        before = now
                    }
                    return isSteady
                }
            }
            for await isSteady in group { #expect(isSteady) }
        }
    }

    @Test(arguments: [40 * 3_600, 400 * 86_400])
    func `follows no leap ahead, however far`(seconds: Int) {
        let clock = ManualEntropy()
        let before = clock.now

        clock.setWallClock(by: .seconds(seconds))
        #expect(clock.now == before)
        clock.advance(.seconds(3_600))

        #expect(clock.now - before == .seconds(3_600 + 180))
    }

    @Test func `goes on from where the last one was, unless that was years ahead`() {
        let (near, far) = (ManualEntropy(), ManualEntropy())
        let (soon, never) = (near.now + .seconds(3_600), far.now + .seconds(400 * 86_400))

        #expect(near.steady.resume(from: soon) == nil)
        #expect(far.steady.resume(from: never) == .seconds(400 * 86_400))

        #expect(near.now == soon)
        #expect(far.now == far.entropy.wall())
    }
}

private func nanoseconds(by clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Chance that repeats.
private struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &+ 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
