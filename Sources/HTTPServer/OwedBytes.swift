import NIOCore
import Synchronization

/// How much of a listener's large answers waits for its peers to read it: whoever asks for much on many connections and
/// reads none of it costs so much in all, and no more.
final class OwedBytes: Sendable {
    private let most: Int
    private let owed = Atomic(0)

    init(most: Int) { self.most = most }

    /// Counts a large answer until it has been read, or puts a refusal in its place where others wait for too much.
    ///
    /// - Returns: What is to be fulfilled when it has been written; nil where nothing is counted.
    func count(
        _ response: inout Response,
        _ limits: HTTPLimits,
        _ handler: any HTTPHandler,
        on loop: any EventLoop
    ) -> EventLoopPromise<Void>? {
        let count = response.body.count
        guard count > limits.owedFreeBytes else { return nil }
        guard owed.add(count, ordering: .relaxed).newValue <= most else {
            owed.subtract(count, ordering: .relaxed)
            let refusal = HTTPRefusal(
                .serviceUnavailable,
                "Too many large answers wait to be read. Try again in a moment."
            )
            response = handler.response(refusing: refusal, path: "")
            return nil
        }
        let promise = loop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { _ in self.owed.subtract(count, ordering: .relaxed) }
        return promise
    }
}
