import Synchronization

/// How much room is left where something may have so many rows, so that not every row that is added counts all of them.
///
/// One host serves a database, and its writes are one after the other. What is remembered is never more than there is,
/// but for rows that were taken away by a write that failed afterwards: it is counted anew when it is used up.
final class Rooms: Sendable {
    /// How many are remembered; past that they are counted anew.
    private static let placesMax = 1_000

    private let left = Mutex<[String: Int]>([:])

    /// Takes a place; false where there is none.
    func take(_ place: String, of most: Int, counting count: () throws -> Int) rethrows -> Bool {
        if hasTaken(place) { return true }
        let room = most - (try count())
        guard room > 0 else { return false }
        left.withLock { left in
            if left.count >= Rooms.placesMax { left = [:] }
            left[place] = room - 1
        }
        return true
    }

    private func hasTaken(_ place: String) -> Bool {
        left.withLock { left in
            guard let room = left[place], room > 0 else { return false }
            left[place] = room - 1
            return true
        }
    }

    /// A row was taken away.
    func giveBack(_ place: String) { left.withLock { left in left[place] = left[place].map { $0 + 1 } } }
}
