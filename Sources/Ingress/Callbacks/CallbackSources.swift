import Addresses
import Gateway
import Logging
import Synchronization

/// From where callbacks are taken: everywhere, unless the operator names addresses.
///
/// Whoever comes from elsewhere is told what every path is told at which there is nothing. The log has one line a minute
/// of them, and one of those whose address was one of ours: then either the list is wrong, or somebody has learned it.
package final class CallbackSources: Sendable {
    private struct Window {
        var loggedAt: Uptime?
        var count = 0
    }

    private let blocks: [AddressBlock]?
    private let entropy: Entropy
    private let logger: Logger
    private let counted = Atomic<Int>(0)
    private let windows = Mutex<[Bool: Window]>([:])
    /// How long after a line the next one is written.
    private static let period = Duration.seconds(60)

    /// Takes callbacks from these blocks alone; nil for everywhere.
    package init(_ blocks: [AddressBlock]? = nil, entropy: Entropy, logger: Logger) {
        self.blocks = blocks
        self.entropy = entropy
        self.logger = logger
    }

    /// How many were refused.
    package var refused: Int { counted.load(ordering: .relaxed) }

    /// Whether callbacks are taken from an address, which the door has learned from proxies that are named.
    func admits(_ address: String?) -> Bool {
        guard let blocks else { return true }
        guard let address else { return false }
        return blocks.contains { $0.contains(address) }
    }

    /// Counts one that was refused; `target` where its path was one of ours.
    func noteRefused(_ address: String?, target: CallbackAddresses.Target?) {
        counted.add(1, ordering: .relaxed)
        let now = entropy.uptime()
        let isOurs = target != nil
        let count: Int? = windows.withLock { windows in
            var window = windows[isOurs] ?? Window()
            defer { windows[isOurs] = window }
            window.count += 1
            if let loggedAt = window.loggedAt, now < loggedAt + CallbackSources.period { return nil }
            let count = window.count
            window = Window(loggedAt: now)
            return count
        }
        guard let count else { return }
        var metadata: Logger.Metadata = ["address": "\(address ?? "unknown")", "count": "\(count)"]
        guard let target else {
            return logger.info("callbacks were refused that came from addresses off the list", metadata: metadata)
        }
        metadata["organization"] = "\(target.organization)"
        metadata["record"] = "\(target.record)"
        logger.warning(
            "callbacks to addresses that M-Pesa was told were refused: they came from addresses off the list",
            metadata: metadata
        )
    }
}
