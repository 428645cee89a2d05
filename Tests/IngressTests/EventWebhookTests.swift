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

    private func organization(_ slug: String = "shop") -> Organization {
        let id = OrganizationID(Identifier(high: 1, low: 1))
        return Organization(id: id, slug: slug, name: slug, subscription: .active, plan: "p")
    }

    private func listed(for principal: Principal, of slug: String = "shop") -> [String] {
        let section = EventWebhooks.section(of: FeedEvent.Kind.seen(by: principal, of: organization(slug)))
        return section.objectValue?.map(\.key) ?? []
    }

    @Test func `are those of which its caller may be shown an event`() {
        let all = FeedEvent.Kind.common.map(\.rawValue)
        let beginnings = ["transaction.", "approval.", "batch.", "task."]
        let own = all.filter { type in beginnings.contains { type.hasPrefix($0) } }

        #expect(listed(for: principal(.manager)) == all)
        #expect(listed(for: principal(.user)) == own)
        let ofAccounts = all.filter { own.contains($0) || $0 == "credential.changed" }
        #expect(listed(for: principal(.manager, accounts: [.main])) == ofAccounts)
        let seen = FeedEvent.Kind.seen(by: principal(.user), of: organization())
        let schemas = EventWebhooks.schemas(of: seen).map(\.0)
        #expect(!schemas.contains("KeyEvent") && schemas.contains("TransactionEvent"))
    }

    @Test func `are whoever runs the gateway's alone where they are of plugins, among what is chosen too`() {
        let operators = ["plugin.promoted", "plugin.rolled_back", "plugin.withdrawn"]
        let theirs = listed(for: principal(.superAdmin), of: Organization.hostSlug)
        #expect(theirs == FeedEvent.Kind.allCases.map(\.rawValue) && Set(theirs).isSuperset(of: operators))
        #expect(!listed(for: principal(.manager), of: Organization.hostSlug).isEmpty)
        #expect(Set(listed(for: principal(.manager))).isDisjoint(with: operators))

        let arguments: JSON = [
            "properties": ["types": ["type": "array", "items": FeedEvent.choice], "url": ["type": "string"]]
        ]
        let shown = EventWebhooks.chosen(among: FeedEvent.Kind.common, arguments)
        let words = (shown["properties"]?["types"]?["items"]?["enum"]?.arrayValue ?? []).compactMap(\.stringValue)
        #expect(words.contains("key.revoked") && Set(words).isDisjoint(with: operators + ["webhook.test"]))
        #expect(shown["properties"]?["url"] == ["type": "string"])
        for (name, schema) in EventWebhooks.schemas(of: FeedEvent.Kind.common) {
            #expect(name != "PluginEvent")
            #expect(!String(decoding: schema.bytes, as: UTF8.self).contains("plugin."), "\(name)")
        }
    }
}
