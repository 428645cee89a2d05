import Testing
import Threads

struct `A condition` {
    @Test func `ends a wait when its time has passed`() {
        let condition = MonotonicCondition()

        let isWoken = condition.withLock { condition.wait(atMost: .milliseconds(1_001)) }
        let isWokenAtOnce = condition.withLock { condition.wait(atMost: .seconds(-1)) }

        #expect(!isWoken && !isWokenAtOnce)
    }

    @Test(.timeLimit(.minutes(15)))
    func `wakes who waits long before that`() {
        let condition = MonotonicCondition()
        nonisolated(unsafe) var isRung = false
        NamedThread.start("bell") {
            condition.withLock {
                isRung = true
                condition.signal()
            }
        }

        condition.withLock { while !isRung { condition.wait(atMost: .seconds(3600)) } }

        #expect(condition.withLock { isRung })
    }
}
