import Gateway
import Testing

@testable import Store

struct `What is done once` {
    @Test func `is looked at without being taken, until its time is over`() async throws {
        try await withEachStore { (store) async throws in
            let claim = OnceClaim(
                id: newID(),
                organization: ours,
                digest: [1, 2],
                takenAt: moment,
                expiresAt: moment + .seconds(10)
            )
            func look(_ organization: OrganizationID, after wait: Duration) async throws -> OnceFound? {
                try await store.claim(claim.id, organization: organization, at: moment + wait)
            }
            #expect(try await look(ours, after: .zero) == nil)
            #expect(try await store.take(claim) == .first, "to look is not to take")

            #expect(try await look(ours, after: .seconds(9)) == OnceFound(digest: [1, 2], outcome: nil))
            try await store.keep("{}", of: claim.id, organization: ours)

            #expect(try await look(ours, after: .seconds(9)) == OnceFound(digest: [1, 2], outcome: "{}"))
            #expect(try await look(theirs, after: .seconds(9)) == nil)
            #expect(try await look(ours, after: .seconds(10)) == nil)
            #expect(try await store.take(claim) == .earlier(digest: [1, 2], outcome: "{}"))
        }
    }
}
