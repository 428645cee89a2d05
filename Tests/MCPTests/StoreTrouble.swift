import Gateway
import Store
import Synchronization

/// A store that can be read so many times more, where a test says so.
final class StoreTrouble: Sendable {
    private let left = Mutex<Int?>(nil)

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
            if isAway { throw GatewayError(.unavailable, "The store is away.") }
        })
    }
}
