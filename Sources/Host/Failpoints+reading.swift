import Foundation
import Gateway
import Synchronization

extension Failpoints {
    /// Ends the process, as a crash would, when a named point is reached the n-th time: `before_send` or
    /// `before_send@3`.
    ///
    /// Nothing for nil.
    init(reading text: String?) {
        guard let text else {
            self = .none
            return
        }
        let parts = text.split(separator: "@")
        let name = String(parts.first ?? "")
        let counter = Counter(left: parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
        self.init { point in
            guard point.rawValue == name, counter.countDown() else { return }
            kill(getpid(), SIGKILL)
        }
    }

    private final class Counter: Sendable {
        private let left: Mutex<Int>

        init(left: Int) { self.left = Mutex(left) }

        func countDown() -> Bool {
            left.withLock { left in
                left -= 1
                return left == 0
            }
        }
    }
}
