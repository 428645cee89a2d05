import Gateway
import GatewayTesting
import Testing

struct `The oldest holder of a name` {
    @Test func `is of an organization that is open, however many older ones are of closed ones`() async throws {
        let store = MemoryStore()
        try await store.save(Plan(name: "p", tools: [], organizationLimits: [:], principalLimits: [:]))
        for number in 1...25 {
            let organization = Organization(
                id: OrganizationID(Identifier(high: 1, low: UInt64(number))),
                slug: "o\(number)",
                name: "O",
                isActive: number == 25,
                plan: "p"
            )
            let user = User(
                id: UserID(Identifier(high: 2, low: UInt64(number))),
                organization: organization.id,
                username: "asha",
                email: "asha@x.example",
                passwordHash: "h",
                role: .user
            )
            try await store.save(organization, with: user)
        }

        let found = try await store.oldestHolder(of: "asha")

        #expect(found?.organization.slug == "o25" && found?.user.organization == found?.organization.id)
        let (nobody, few) = (
            try await store.oldestHolder(of: "brian"), try await store.oldestHolder(of: "asha", among: 20)
        )
        #expect(nobody == nil && few == nil)
    }
}
