import Gateway
import OrderedJSON
import Testing

@testable import MCP

struct `A list of tools` {
    private func names(_ said: Said) -> [String] {
        (said.json["result"]?["tools"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
    }

    @Test func `is made once for all who see the same, and again for whoever sees something else`() async throws {
        try await Office.with { office in
            let other = try await office.addKey(scopes: nil, of: office.addOrganization("other"))
            let bare = try await office.addKey(scopes: [])
            let (shown, views) = (office.server.listing.shown, office.gateway.pipeline.views)
            let first = await office.ask("tools/list")
            #expect(shown.madeCount == 1 && views.searchCount == 1)

            for _ in 0..<10 { #expect(names(await office.ask("tools/list")) == names(first)) }
            #expect(shown.madeCount == 1 && views.searchCount == 1)
            #expect(names(await office.ask("tools/list", credential: other)) == names(first))
            #expect(shown.madeCount == 1 && views.searchCount == 2)
            #expect(names(await office.ask("tools/list", credential: bare)) != names(first))
            _ = await office.ask("tools/list", in: .november2024)
            #expect(shown.madeCount == 3)
        }
    }

    @Test func `of plain HTTP is kept likewise, with the schemas of its own door`() async throws {
        try await Office.with { office in
            let principal = try await office.gateway.authenticate.principal(
                for: .token(office.key.text),
                environment: nil,
                at: .mcp
            )
            let membership = try await office.gateway.directory.membership(of: office.organization)
            let list = ToolList()

            let view = office.gateway.pipeline.view(for: principal, membership)
            let once = try JSON(parsing: list.restList(of: view, amongAccounts: false))
            let same = office.gateway.pipeline.view(for: principal, membership)
            let twice = try JSON(parsing: list.restList(of: same, amongAccounts: false))
            let naming = try JSON(parsing: list.restList(of: view, amongAccounts: true))
            #expect(naming != once && naming.text.contains("\"account\""))

            #expect(once == twice && list.shown.madeCount == 2)
            #expect(once == .array(view.tools.map { ToolList.document($0, at: .rest, amongAccounts: false) }))
        }
    }

    @Test func `follows plugins, plans and an organization's own switches at once`() async throws {
        try await Office.with { office in
            let whole = names(await office.ask("tools/list"))
            #expect(whole.contains("fake_collect"))

            _ = try await office.store.change(office.organization) { $0.disabledTools = ["fake_collect"] }
            office.gateway.directory.forget()
            #expect(names(await office.ask("tools/list")) == whole.filter { $0 != "fake_collect" })
            _ = try await office.store.change(office.organization) { $0.disabledTools = [] }
            office.gateway.directory.forget()
            #expect(names(await office.ask("tools/list")) == whole)

            office.registry.withdraw("fake")
            let left = names(await office.ask("tools/list"))
            #expect(!left.isEmpty && !left.contains { $0.hasPrefix("fake_") })
            try await office.store.save(
                Plan(name: "all", tools: [], organizationLimits: [:], principalLimits: [:])
            )
            office.gateway.directory.forget()
            #expect(names(await office.ask("tools/list")).allSatisfy { !$0.hasPrefix("desk_") })
        }
    }

    @Test func `says of what moves money that a repeat does nothing where its key must come, and only there`()
        async throws
    {
        try await Office.with { office in
            let tools = await office.ask("tools/list").result["tools"]?.arrayValue ?? []
            var hints: [String: Bool] = [:]
            for tool in tools where tool["inputSchema"]?["properties"]?[CallSchemas.key] != nil {
                let required = tool["inputSchema"]?["required"]?.arrayValue ?? []
                let hint = tool["annotations"]?["idempotentHint"] == true
                #expect(hint == required.contains(.string(CallSchemas.key)), "\(tool)")
                hints[tool["name"]?.stringValue ?? ""] = hint
            }
            #expect(hints["fake_pay"] == true && hints["fake_collect"] == false, "\(hints)")
        }
    }

    @Test func `is forgotten past its bytes, and only made again`() throws {
        let texts = ShownTexts(bytesMax: 10)
        func ask(_ form: Int) -> [UInt8] {
            texts.text(ShownTexts.Key(tools: nil, actions: nil, form: form)) { ShownTexts.Text([1, 2, 3, 4, 5, 6]) }
                .bytes
        }

        for form in [1, 2, 2, 1] { #expect(ask(form).count == 6) }

        #expect(texts.madeCount == 3)
    }
}
