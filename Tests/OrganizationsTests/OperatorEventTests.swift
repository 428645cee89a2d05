import OrderedJSON
import Testing

@testable import Gateway

/// What becomes of plugins, as who runs the gateway is told it.
struct `An event of a plugin` {
    private func tell(in bureau: Bureau) async throws {
        let version = InstalledVersion(generation: 2, role: .live, digest: "5f", entry: ["id": "stk-push"])
        let plugin = InstalledPlugin(id: "stk-push", declared: nil, lastGeneration: 2, note: nil, versions: [version])
        var news = PluginNews(.promoted, of: plugin.id, by: "operator", at: bureau.clock.now)
        (news.version, news.generation, news.digest, news.was) = ("1.1.0", 2, "5f", "1.0.0")
        try await bureau.store.save(plugin, binaries: ["5f": [1]], telling: news)
    }

    private func types(_ reply: ActionReply) -> [String] {
        (reply.data.arrayValue ?? []).compactMap { $0["type"]?.stringValue }
    }

    @Test func `is listed for people and keys of the organization that runs the gateway, and for no other`()
        async throws
    {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let clerk = try await bureau.person("clerk", .user, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let pretender = try await bureau.person("pretender", .superAdmin, of: bureau.shop)
            let reader = try await bureau.key(.manager, ["events:read"], of: bureau.host)
            try await tell(in: bureau)

            let told = await bureau.ask("events.list", ["types": "plugin.promoted"], as: boss.token)
            let event = try #require(told.data.arrayValue?.first)
            #expect(told.data.arrayValue?.count == 1 && event["subject"] == "stk-push")
            #expect(event["data"]?["version"] == "1.1.0" && event["data"]?["was"] == "1.0.0")
            #expect(types(await bureau.ask("events.list", as: reader)) == ["plugin.promoted"])
            #expect(types(await bureau.ask("events.list", as: clerk.token)).isEmpty)
            for other in [admin, pretender] {
                #expect(types(await bureau.ask("events.list", as: other.token)).isEmpty)
                let refused = await bureau.ask("events.list", ["types": "plugin.promoted"], as: other.token)
                #expect(refused.code == .invalidArgument)
                #expect(refused.error?.message.contains("plugin.") == false)
            }
        }
    }

    @Test func `is sent to endpoints of the organization that runs the gateway, and asked for by no other`()
        async throws
    {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let wish: JSON = ["url": "https://example.com/ops", "types": ["plugin.promoted", "plugin.rolled_back"]]

            let made = await bureau.ask("webhooks.create", wish, as: boss.token)
            #expect(made.data["webhook"]?["types"] == wish["types"])
            #expect(await bureau.ask("webhooks.create", wish, as: admin.token).code == .invalidArgument)
            for type in ["plugin.promoted", "webhook.test", "nonsense"] {
                let refused = await bureau.ask(
                    "webhooks.create",
                    ["url": "https://example.com/y", "types": ["key.revoked", .string(type)]],
                    as: admin.token
                )
                #expect(refused.error?.errors.map(\.pointer) == ["/types/1"])
                let words = refused.error?.message ?? ""
                #expect(words.contains("expected one of") && words.contains("key.revoked"), "\(words)")
                #expect(!words.contains("plugin.") && !words.contains("webhook.test"), "\(words)")
            }
            let plain = await bureau.ask("webhooks.create", ["url": "https://example.com/x"], as: admin.token)
            let id = try #require(plain.data["webhook"]?["id"])
            let change: JSON = ["id": id, "types": ["plugin.withdrawn"]]
            #expect(await bureau.ask("webhooks.update", change, as: admin.token).code == .invalidArgument)
            let again: JSON = ["id": id, "from_ms": 0, "types": ["plugin.promoted"]]
            #expect(await bureau.ask("webhooks.replay", again, as: admin.token).code == .invalidArgument)
        }
    }
}
