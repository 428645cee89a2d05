import Gateway
import Synchronization

/// How many files of an organization are being made while they are saved: each holds a connection for as long as its
/// reader likes, and reads the store for as long as its reader keeps up.
final class StreamPlaces: Sendable {
    /// How many of one organization may be under way at once.
    static let most = 2

    /// A file's place; it is given back when nobody holds the file any more, whether it was saved or not.
    final class Place: Sendable {
        private let places: StreamPlaces
        private let organization: OrganizationID

        fileprivate init(_ places: StreamPlaces, _ organization: OrganizationID) {
            self.places = places
            self.organization = organization
        }

        deinit { places.leave(organization) }
    }

    private let taken = Mutex<[OrganizationID: Int]>([:])

    /// Takes a place.
    ///
    /// - Throws: `rateLimited` when all of the organization's are taken.
    func enter(_ organization: OrganizationID) throws(GatewayError) -> Place {
        let isFree = taken.withLock { taken in
            guard taken[organization, default: 0] < StreamPlaces.most else { return false }
            taken[organization, default: 0] += 1
            return true
        }
        guard isFree else {
            throw GatewayError(
                .rateLimited,
                "\(StreamPlaces.most) files of the organization are being saved already. Wait for one of them to end.",
                retryAfter: .seconds(5)
            )
        }
        return Place(self, organization)
    }

    private func leave(_ organization: OrganizationID) {
        taken.withLock { taken in
            let left = (taken[organization] ?? 1) - 1
            taken[organization] = left == 0 ? nil : left
        }
    }
}
