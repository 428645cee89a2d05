import Gateway
import GatewayTesting
import OrderedJSON
import Testing

/// What a plan says otherwise by the time it is made again, and the word for it.
private struct Other: Sendable, CustomTestStringConvertible {
    let member: String
    let value: String
    let word: String
    var testDescription: String { member }
}

struct `A payment that is another one by the time it is to leave` {
    /// A plugin whose plans hold something else, once a test says so.
    private static func changing(_ member: String, to other: Kept<String>) throws -> LoadedPlugin {
        try FakePlugin.make { functions in
            LoadedPlugin.OperationFunctions(
                prepare: { tool, input throws(LoadedPlugin.Failure) in
                    let bytes = try await functions.prepare(tool, input)
                    guard let value = other.value, var answer = try? JSON(parsing: bytes) else { return bytes }
                    _ = answer.set(.string(value), at: JSONPointer(tokens: ["plan", "intent", member]))
                    return answer.bytes
                },
                interpret: functions.interpret,
                query: functions.query,
                render: functions.render
            )
        }
    }

    private func expectWithdrawn(_ drafts: [Record], for word: String, in house: House) async throws {
        #expect(await house.refusal(of: drafts[0])?.code == .withdrawn)
        await house.gateway.releases.sendDue()
        for draft in drafts {
            let record = try await house.record(draft.id)
            #expect(record.state == .withdrawn && record.hold?.withdrawal == .obsolete, "\(word)")
            #expect(record.meaning?.contains("its \(word) has changed") == true, "\(record.meaning ?? "")")
        }
        #expect(house.upstream.count("pay") == 0 && house.upstream.count("undo") == 0)
    }

    /// Two payouts that are held, of which the second was let go.
    private func held(in house: House) async throws -> [Record] {
        let first = try await house.held { await house.pay(phone: "254711000001", key: "a") }
        let second = try await house.held { await house.pay(phone: "254711000002", key: "b") }
        try await house.release(second)
        return [first, second]
    }

    @Test(
        arguments: [
            Other(member: "party", value: "254711000009", word: "receiver"),
            Other(member: "reference", value: "INV-2", word: "reference"),
        ]
    )
    private func `is not sent, let go or not`(other: Other) async throws {
        let now = Kept<String>(nil)
        try await House.with(plugin: Self.changing(other.member, to: now)) { (house) async throws in
            let drafts = try await held(in: house)
            now.value = other.value
            try await expectWithdrawn(drafts, for: other.word, in: house)
        }
    }

    @Test func `is not sent where it gives back something else`() async throws {
        let now = Kept<String>(nil)
        try await House.with(plugin: Self.changing("original", to: now)) { (house) async throws in
            var paid: [RecordID] = []
            for number in 1...3 {
                let phone = "25471100001\(number)"
                paid.append(try await house.paid(phone: phone, receipt: "R\(number)"))
            }
            var drafts: [Record] = []
            for original in paid.prefix(2) {
                let arguments: JSON = ["original": .string("\(original)"), "amount": 100]
                drafts.append(try await house.held { await house.call("fake_undo", arguments, key: "\(original)") })
            }
            try await house.release(drafts[1])
            now.value = "\(paid[2])"
            try await expectWithdrawn(drafts, for: "original", in: house)
        }
    }

    @Test func `is not sent by another short code`() async throws {
        try await House.with { (house) async throws in
            let drafts = try await held(in: house)
            let other = Profile(
                environment: .test,
                shortCode: "600999",
                shortCodeType: "paybill",
                organizationName: "Shop"
            )
            try await house.store.save(other, organization: house.organization)
            house.gateway.configuration.forget()
            try await expectWithdrawn(drafts, for: "short code", in: house)
        }
    }

    @Test func `is not sent by an account that was retired`() async throws {
        try await House.with { (house) async throws in
            let till = try #require(AccountName("till"))
            let profile = Profile(
                environment: .test,
                shortCode: "600111",
                shortCodeType: "paybill",
                organizationName: "Shop"
            )
            try await house.store.save(MPesaAccount(name: till, profile: profile), organization: house.organization)
            let pay = { (phone: String) in
                await house.call("fake_pay", ["phone": .string(phone), "amount": 100, "account": "till"], key: phone)
            }
            let draft = try await house.held { await pay("254711000001") }
            let released = try await house.held { await pay("254711000002") }
            try await house.release(released)
            _ = try await house.store.change(till, organization: house.organization, environment: .test) {
                $0.retiredAt = Timestamp(milliseconds: 1)
            }
            house.gateway.configuration.forget()
            house.gateway.directory.forget()

            #expect(await house.refusal(of: draft)?.code == .withdrawn)
            await house.gateway.releases.sendDue()

            for record in [draft, released] {
                #expect(try await house.record(record.id).hold?.withdrawal == .obsolete)
            }
            #expect(house.upstream.count("pay") == 0)
        }
    }
}
