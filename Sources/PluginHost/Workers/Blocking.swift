import Dispatch
import Synchronization

/// A value that one thread waits for and another sets; for loading, which happens on a thread that may wait.
final class Blocking<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let isSet = DispatchSemaphore(value: 0)

    func set(_ value: Value) {
        self.value.withLock { $0 = value }
        isSet.signal()
    }

    func wait() -> Value {
        isSet.wait()
        guard let value = value.withLock({ $0 }) else { preconditionFailure("it is set before it is signalled") }
        return value
    }
}
