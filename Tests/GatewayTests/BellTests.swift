import Gateway
import Synchronization
import Testing

struct `A bell` {
    @Test func `calls whoever wished it last, and nobody before`() {
        let bell = Bell<Int>()
        let heard = Mutex<[String]>([])
        bell.ring(1)
        bell.call { told in heard.withLock { $0.append("first \(told)") } }
        bell.ring(2)
        bell.call { told in heard.withLock { $0.append("second \(told)") } }
        bell.ring(3)
        #expect(heard.withLock { $0 } == ["first 2", "second 3"])
    }

    /// How deep the stack is where it is heard: each wrapper around a function would be a frame more.
    @Test func `goes no deeper for having rung before`() {
        let bell = Bell<Void>()
        let depths = Mutex<Set<Int>>([])
        bell.call {
            var mark = 0
            let depth = withUnsafeMutablePointer(to: &mark) { Int(bitPattern: $0) }
            depths.withLock { _ = $0.insert(depth) }
        }
        for _ in 0..<1_000 { bell.ring() }
        #expect(depths.withLock { $0.count } == 1)
    }
}
