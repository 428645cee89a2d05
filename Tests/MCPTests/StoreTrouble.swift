import Gateway
import Store
import Synchronization

/// A store that can be read so many times more, where a test says so.
final class StoreTrouble: Sendable {
    private let left = Mutex<Int?>(nil)
    private let held = Mutex<(reached: AsyncStream<Void>.Continuation, go: AsyncStream<Void>)?>(nil)

    /// Holds the next write; the first stream says that there is one, and it goes on when the second ends.
    func holdWrite() -> (reached: AsyncStream<Void>, go: AsyncStream<Void>.Continuation) {
        let (reached, begun) = AsyncStream.makeStream(of: Void.self)
        let (gate, go) = AsyncStream.makeStream(of: Void.self)
        held.withLock { $0 = (begun, gate) }
        return (reached, go)
    }

    /// Lets so many reads come through and then none; nil lets all.
    func allow(reads: Int?) { left.withLock { $0 = reads } }

    var way: StoreWay {
        StoreWay(before: { [self] isWrite throws(GatewayError) in
            let isAway =
                !isWrite
                && left.withLock { left in
                    guard let count = left else { return false }
                    left = max(0, count - 1)
                    return count == 0
                }
            let hold =
                !isWrite
                ? nil
                : held.withLock { held in
                    defer { held = nil }
                    return held
                }
            if let hold {
                hold.reached.yield()
                for await _ in hold.go {}
            }
            if isAway { throw GatewayError(.unavailable, "The store is away.") }
        })
    }
}
