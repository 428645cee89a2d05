import Addresses
import NIOCore
import Synchronization

/// How much of a listener's large answers waits for its peers to read it: whoever asks for much on many connections and
/// reads none of it costs so much in all, and takes no more than a share of that from the others.
final class OwedBytes: Sendable {
    /// One peer may be owed one part of so many.
    private static let shares = 8

    private let most: Int
    private let owed = Mutex<(sum: Int, ofPeer: [IPAddress: Int])>((0, [:]))

    init(most: Int) { self.most = most }

    /// Counts a large answer until it has been read, or puts a refusal in its place where others wait for too much.
    ///
    /// - Parameter address: Who reads it; nil for a proxy, who reads for many. This machine's own are many, too.
    /// - Returns: What is to be fulfilled when it has been written; nil where nothing is counted.
    func count(
        _ response: inout Response,
        to address: String?,
        _ limits: HTTPLimits,
        _ handler: any HTTPHandler,
        on loop: any EventLoop
    ) -> EventLoopPromise<Void>? {
        let count = response.body.count
        guard count > limits.owedFreeBytes else { return nil }
        let peer = address.flatMap { IPAddress($0) }.flatMap { $0.isLoopback ? nil : $0.network }
        guard take(count, for: peer) else {
            let refusal = HTTPRefusal(
                .serviceUnavailable,
                "Too many large answers wait to be read. Try again in a moment."
            )
            response = handler.response(refusing: refusal, path: "")
            return nil
        }
        let promise = loop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { _ in self.giveBack(count, of: peer) }
        return promise
    }

    private func take(_ count: Int, for peer: IPAddress?) -> Bool {
        owed.withLock { owed in
            let own = peer.map { owed.ofPeer[$0] ?? 0 } ?? 0
            // One answer that is larger than a share is let through where nothing else is owed.
            let isWithinShare = peer == nil || own == 0 || own + count <= most / OwedBytes.shares
            guard owed.sum + count <= most, isWithinShare else { return false }
            owed.sum += count
            if let peer { owed.ofPeer[peer] = own + count }
            return true
        }
    }

    private func giveBack(_ count: Int, of peer: IPAddress?) {
        owed.withLock { owed in
            owed.sum -= count
            guard let peer, let own = owed.ofPeer[peer] else { return }
            owed.ofPeer[peer] = own > count ? own - count : nil
        }
    }
}
