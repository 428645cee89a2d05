import Gateway
import OrderedJSON
import Testing

@testable import Ingress

struct `The types of events that OpenAPI lists` {
    private func principal(_ role: Role, accounts: Set<AccountName>? = nil) -> Principal {
        Principal(
            organization: OrganizationID(Identifier(high: 1, low: 1)),
            subject: .apiKey(APIKeyID(Identifier(high: 3, low: 3))),
            name: "k",
            role: role,
            scopes: nil,
            environment: .test,
            rules: accounts.map { KeyRules(accounts: $0) }
        )
    }

    private func listed(for principal: Principal) -> [String] {
        let section = EventWebhooks.section(of: FeedEvent.Kind.seen(by: principal))
        return section.objectValue?.map(\.key) ?? []
    }

    @Test func `are those of which its caller may be shown an event`() {
        let all = FeedEvent.Kind.allCases.map(\.rawValue)
        let own = all.filter { $0.hasPrefix("transaction.") || $0.hasPrefix("approval.") || $0.hasPrefix("batch.") }

        #expect(listed(for: principal(.manager)) == all)
        #expect(listed(for: principal(.user)) == own)
        let ofAccounts = all.filter { own.contains($0) || $0 == "credential.changed" }
        #expect(listed(for: principal(.manager, accounts: [.main])) == ofAccounts)
        let schemas = EventWebhooks.schemas(of: FeedEvent.Kind.seen(by: principal(.user))).map(\.0)
        #expect(!schemas.contains("KeyEvent") && schemas.contains("TransactionEvent"))
    }
}
