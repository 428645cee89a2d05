import Foundation
import Gateway
import Store
import Synchronization

/// The failpoint that whoever started the process chose: `before_send`, or `before_send@3` for the third time.
struct ChosenFailpoint: Sendable {
    let point: Failpoint
    let times: Int

    /// The names there are, for people.
    static let names = Failpoint.allCases.map(\.rawValue).joined(separator: ", ")

    /// Reads the text of the setting; nil for an unknown name, or a number below 1.
    init?(_ text: String) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count <= 2, let point = Failpoint(rawValue: String(parts[0])) else { return nil }
        guard let times = parts.count == 2 ? Int(parts[1]) : 1, times > 0 else { return nil }
        self.point = point
        self.times = times
    }
}

extension Failpoints {
    /// Ends the process at a failpoint, as a crash would; nothing for nil.
    init(ending chosen: ChosenFailpoint?) {
        guard let chosen else {
            self = .none
            return
        }
        let counter = Counter(left: chosen.times)
        self.init { point in
            guard point == chosen.point, counter.countDown() else { return }
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

extension Store {
    /// The same store, and what ends the process where it was chosen: before each read and on both sides of each write by
    /// the store's own way, elsewhere by whoever comes there.
    func reaching(_ chosen: ChosenFailpoint?) -> (Store, Failpoints) {
        let failpoints = Failpoints(ending: chosen)
        guard let chosen, [.beforeRead, .beforeWrite, .afterWrite].contains(chosen.point) else {
            return (self, failpoints)
        }
        let way = StoreWay(
            before: { isWrite in failpoints.reach(isWrite ? .beforeWrite : .beforeRead) },
            after: { failpoints.reach(.afterWrite) }
        )
        return (along(way), failpoints)
    }
}
