import Gateway
import Synchronization

/// What whoever changes something had seen of it: a change of what has been changed since is refused (412).
final class Sight: Sendable {
    private let version: Int?
    private let met = Mutex<Int?>(nil)

    /// The version among the arguments; none for whatever there is.
    init(_ use: Action.Use) { version = use.arguments["version"]?.integerValue.map(Int.init) }

    /// Whether the change may be made to what stands there now.
    func meets(_ now: Int) -> Bool {
        let isSeen = version == nil || version == now
        met.withLock { $0 = isSeen ? nil : now }
        return isSeen
    }

    /// Refuses, once the change was not made.
    func check() throws(GatewayError) {
        guard let now = met.withLock({ $0 }) else { return }
        throw GatewayError(
            .staleVersion,
            "It was changed meanwhile: it is version \(now) by now. Read it again, and change that."
        )
    }
}
