import NIOHTTP1
import Synchronization

/// Counts what is held in memory of large bodies, from when they are let in until they are answered.
///
/// One owner may have a part of the room and not all of it, so that others find some.
final class HeldBodies: Sendable {
    private struct Held {
        var all = 0
        /// Of those who hold anything.
        var byOwner: [String: Int] = [:]
    }

    private let most: Int
    private let ofOne: Int
    private let held = Mutex(Held())

    init(most: Int, ofOne: Int) { (self.most, self.ofOne) = (most, ofOne) }

    /// What is told where there is no room.
    static let full = HTTPRefusal(.serviceUnavailable, "Too many large requests are being read. Try again in a moment.")

    /// Takes room for a body, until nobody holds the place any more; nil where there is none, or its owner has their part.
    func place(of count: Int, for owner: String?) -> Place? {
        let owner = owner ?? ""
        let isTaken = held.withLock { held in
            let own = held.byOwner[owner] ?? 0
            guard count <= most - held.all, count <= ofOne - own else { return false }
            held.all += count
            held.byOwner[owner] = own + count
            return true
        }
        return isTaken ? Place(self, count, owner) : nil
    }

    private func giveBack(_ count: Int, of owner: String) {
        held.withLock { held in
            held.all -= count
            let own = (held.byOwner[owner] ?? 0) - count
            held.byOwner[owner] = own > 0 ? own : nil
        }
    }

    /// Room for one body.
    final class Place: Sendable {
        private let bodies: HeldBodies
        private let count: Int
        private let owner: String

        fileprivate init(_ bodies: HeldBodies, _ count: Int, _ owner: String) {
            self.bodies = bodies
            self.count = count
            self.owner = owner
        }

        deinit { bodies.giveBack(count, of: owner) }
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
