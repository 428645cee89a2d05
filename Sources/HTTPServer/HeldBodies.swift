import NIOHTTP1
import Synchronization

/// Counts what is held in memory of large bodies, from when they are let in until they are answered.
final class HeldBodies: Sendable {
    private let most: Int
    private let held = Mutex(0)

    init(most: Int) { self.most = most }

    /// What is told where there is no room.
    static let full = HTTPRefusal(.serviceUnavailable, "Too many large requests are being read. Try again in a moment.")

    /// Takes room for a body, until nobody holds the place any more; nil where there is none.
    func place(of count: Int) -> Place? {
        let isTaken = held.withLock { held in
            guard count <= most - held else { return false }
            held += count
            return true
        }
        return isTaken ? Place(self, count) : nil
    }

    /// Room for one body.
    final class Place: Sendable {
        private let bodies: HeldBodies
        private let count: Int

        fileprivate init(_ bodies: HeldBodies, _ count: Int) {
            self.bodies = bodies
            self.count = count
        }

        deinit {
            let count = count
            bodies.held.withLock { $0 -= count }
        }
    }
}

extension HTTPParserError {
    /// What is told whoever sends what cannot be read.
    func refusal(_ limits: HTTPLimits) -> HTTPRefusal {
        self == .headerOverflow
            ? HTTPRefusal(
                .requestHeaderFieldsTooLarge,
                "The header is larger than \(limits.headerBytesMax) bytes."
            ) : HTTPRefusal(.badRequest, "This is not an HTTP/1.1 request.")
    }
}
