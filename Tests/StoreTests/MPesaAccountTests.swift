import Gateway
import Testing

@testable import Store

struct `Accounts of an organization` {
    private func account(_ name: String, shortCode: String = "174379") throws -> MPesaAccount {
        MPesaAccount(
            name: try #require(AccountName(name)),
            profile: Profile(
                environment: .test,
                shortCode: shortCode,
                shortCodeType: "paybill",
                organizationName: "Ours"
            )
        )
    }

    @Test func `begin with the default one, and there is always just one of those`() async throws {
        try await withEachStore { (store) async throws in
            for name in ["shop", "bar", "yard"] { try await store.save(account(name), organization: ours) }
            let known = { () async throws in try await store.accounts(organization: ours, environment: .test) }
            #expect(try await known().map(\.name.description) == ["bar", "shop", "yard"])
            #expect(try await known().filter(\.isDefault).map(\.name.description) == ["shop"])
            let bar = try #require(AccountName("bar"))

            #expect(try await store.makeDefault(bar, organization: ours, environment: .test))

            #expect(try await known().filter(\.isDefault).map(\.name) == [bar])
            #expect(try await known().map(\.version) == [2, 2, 1])
            #expect(try await !store.makeDefault(bar, organization: theirs, environment: .test))
            #expect(try await !store.makeDefault(bar, organization: ours, environment: .live))
            #expect(try await store.accounts(organization: theirs, environment: .test).isEmpty)
        }
    }

    @Test func `are changed as they stand, and a retired one becomes no default`() async throws {
        try await withEachStore { (store) async throws in
            for name in ["a", "b"] { try await store.save(account(name), organization: ours) }
            let b = try #require(AccountName("b"))

            let changed = try await store.change(b, organization: ours, environment: .test) { account in
                account.profile.shortCode = "600000"
                account.retiredAt = Timestamp(milliseconds: 7)
                account.isDefault = true
            }

            let found = try await store.accounts(organization: ours, environment: .test).last
            #expect(changed == found && found?.profile.shortCode == "600000" && found?.isDefault == false)
            #expect(found?.retiredAt == Timestamp(milliseconds: 7) && found?.version == 2)
            #expect(try await !store.makeDefault(b, organization: ours, environment: .test))
            let stranger = try await store.change(b, organization: theirs, environment: .test) { $0.retiredAt = nil }
            #expect(stranger == nil)
        }
    }

    @Test func `have a name each, and are not more than may be`() async throws {
        try await withEachStore { (store) async throws in
            try await store.save(account("a0"), organization: ours)
            let twice = await #expect(throws: GatewayError.self) {
                try await store.save(account("a0"), organization: ours)
            }
            #expect(twice?.code == .conflict)
            for number in 1..<MPesaAccount.countMax { try await store.save(account("a\(number)"), organization: ours) }

            let full = await #expect(throws: GatewayError.self) {
                try await store.save(account("one-more"), organization: ours)
            }

            #expect(full?.code == .limitExceeded)
            try await store.save(account("a0"), organization: theirs)
        }
    }

    @Test func `have secrets of their own`() async throws {
        try await withEachStore { (store) async throws in
            let till = try #require(AccountName("till"))
            for (index, name) in [AccountName.main, till].enumerated() {
                let sealed = SealedCredential(
                    environment: .test,
                    account: name,
                    fields: ["a": [UInt8(index)]],
                    keyVersion: 1,
                    version: -1
                )
                try await store.save(sealed, organization: ours)
            }

            let found = try await store.sealedCredential(organization: ours, environment: .test, account: till)

            #expect(found?.fields == ["a": [1]] && found?.account == till)
            #expect(try await store.sealedCredential(organization: ours, environment: .live, account: till) == nil)
            #expect(try await store.sealedCredential(organization: theirs, environment: .test, account: till) == nil)
        }
    }

    @Test(arguments: ["", "-a", "A", "a b", "a/b", "a\u{200B}", "ä", "a_b", String(repeating: "a", count: 33)])
    func `have no such name`(text: String) { #expect(AccountName(text) == nil) }

    @Test func `stand in their records`() async throws {
        try await withEachStore { (store) async throws in
            let name = try #require(AccountName("till-2"))
            let base = makeRecord()
            let record = Record(
                id: base.id,
                organization: base.organization,
                environment: base.environment,
                recordClass: base.recordClass,
                plugin: base.plugin,
                operation: base.operation,
                tool: base.tool,
                direction: base.direction,
                madeBy: base.madeBy,
                intent: base.intent,
                about: nil,
                createdAt: base.createdAt,
                query: base.query,
                sendBefore: base.sendBefore,
                account: "174379",
                accountName: name,
                request: base.request
            )
            #expect(try await store.commit(NewRecord(record: record)) == .committed)

            let found = try await store.record(record.id, organization: ours, environment: .test)

            #expect(found?.accountName == name)
        }
    }
}
