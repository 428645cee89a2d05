import OrderedJSON
import Synchronization

/// What was read of a value, member by member, and as what.
///
/// Only tests keep one: they compare it with the schema. Elements of a list are one place, `*`.
package final class ReadLog: Sendable {
    /// As what something was read.
    package enum Kind: Hashable, Sendable {
        /// As what JSON Schema calls so.
        case null, boolean, integer, number, string, array, object
        /// Every member, whatever its name.
        case members
        /// As it is: with everything in it.
        case whole
        /// As an enumeration of these values.
        case values([JSON])
        /// As a type of raw values that does not list them.
        case unlisted
    }

    private let places = Mutex<[[String]: Set<Kind>]>([:])

    /// An empty log.
    package init() {}

    /// What was asked for, whether it was there or not, by the way to it.
    package var reads: [[String]: Set<Kind>] { places.withLock { $0 } }

    func record(_ kind: Kind?, at place: CodingPlace?) {
        let pattern = place?.pattern ?? []
        places.withLock { places in
            if let kind {
                places[pattern, default: []].insert(kind)
            } else {
                places[pattern, default: []].formUnion([])
            }
        }
    }
}
