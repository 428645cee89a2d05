import Addresses
import Cryptography
import Gateway
import Testing

@testable import Store

struct `A quota's count` {
    private let entropy = Entropy(now: { moment }, random: { SecureRandom.word() })

    private func claim(limit: Int, counted: String = "money", of organization: OrganizationID = ours) -> QuotaClaim {
        let place = QuotaPlace(organization: organization, counted: counted, month: Month(of: moment))
        return QuotaClaim(place, limit: limit, entropy)
    }

    @Test func `lets through as many commits at once as there are, and notes 80 and 100 per cent once`() async throws {
        try await withStore { (store) async throws in
            let outcomes = try await withThrowingTaskGroup(of: CommitOutcome.self) { group in
                for _ in 0..<20 {
                    let new = NewRecord(record: makeRecord(), quota: claim(limit: 10))
                    group.addTask { try await store.commit(new) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(outcomes.count { $0 == .committed } == 10 && outcomes.count { $0 == .quotaSpent } == 10)
            #expect(try await store.used(claim(limit: 10).place) == 10)
            let lines = try await store.records(organization: ours, before: nil, limit: 100)
            let notes = lines.filter { $0.action == "QUOTA_REACHED" }.compactMap(\.detail)
            #expect(notes.count == 2 && notes.contains { $0.contains("\"percent\":100") })
            let told = try await store.feed(lane: FeedReader.lane, after: 0, limit: 100).map(\.event)
            #expect(told.map(\.kind) == [.limitNear, .limitReached] && Set(told.map(\.id)).count == 2)
            #expect(try await store.commit(NewRecord(record: makeRecord(), quota: claim(limit: 11))) == .committed)
            #expect(try await store.used(of: theirs, in: Month(of: moment)).isEmpty)
        }
    }

    @Test func `goes with a line's commit, or neither is written`() async throws {
        try await withStore { (store) async throws in
            #expect(
                try await store.append(makeLine("first"), usage: [], taking: claim(limit: 1, counted: "administration"))
                    == 1
            )
            let second = try await store.append(
                makeLine("second"),
                usage: [],
                taking: claim(limit: 1, counted: "administration")
            )

            #expect(second == nil)
            let actions = try await store.records(organization: ours, before: nil, limit: 100).map(\.action)
            #expect(actions.contains("first") && !actions.contains("second"))
        }
    }

    @Test func `is taken before it is used, as far as there is so much, and given back`() async throws {
        try await withEachStore { (store) async throws in
            let place = claim(limit: 10, counted: "read").place
            let take = { (units: Int) async throws in
                try await store.take(QuotaClaim(place, units: units, limit: 10, entropy))
            }
            #expect(try await take(7) == 7)
            #expect(try await take(4) == nil)
            #expect(try await take(3) == 10)
            try await store.giveBack(6, to: place)
            #expect(try await store.used(place) == 4)
            #expect(try await take(7) == nil)
            #expect(try await take(6) == 10)
            #expect(try await store.used(of: theirs, in: place.month).isEmpty)
        }
    }
}

struct `A month` {
    @Test(arguments: [
        (1_767_214_799_999, "2025-12"), (1_767_214_800_000, "2026-01"), (1_772_312_400_000, "2026-03"),
        (1_709_240_399_999, "2024-02"), (0, "1970-01"),
    ])
    func `is Nairobi's`(milliseconds: Int64, text: String) {
        let month = Month(of: Timestamp(milliseconds: milliseconds))

        #expect(month.description == text && Month(text) == month)
        #expect(month.start <= Timestamp(milliseconds: milliseconds))
        #expect(Timestamp(milliseconds: milliseconds) < month.end && Month(of: month.end) == month.next)
        #expect(Month(of: month.start) == month && Month(of: month.start + .milliseconds(-1)) < month)
    }

    @Test(arguments: ["2026-13", "2026-00", "26-01", "2026-1", "2026", "1969-12", "2026-01-01", ""])
    func `of another form is none`(text: String) { #expect(Month(text) == nil) }
}

struct `A key's row` {
    @Test func `keeps its rules, its two secrets and its newest use`() async throws {
        try await withStore { (store) async throws in
            let key = APIKey(
                id: APIKeyID(newID()),
                organization: ours,
                owner: UserID(newID()),
                name: "k",
                prefix: "p",
                hash: [1],
                previous: APIKey.PreviousSecret(hash: [2], until: moment),
                environment: .live,
                role: .user,
                scopes: ["a"],
                rules: KeyRules(
                    tools: ["x", "y"],
                    amountMax: Shillings(70),
                    isAgent: true,
                    sources: [AddressBlock("192.0.2.0/24"), AddressBlock("::1")].compactMap { $0 }
                )
            )
            try await store.save(key)
            #expect(try await store.apiKey(key.id, organization: ours) == key)

            try await store.note([KeyUses.Use(organization: ours, key: key.id, at: moment + .seconds(5))])
            try await store.note([KeyUses.Use(organization: ours, key: key.id, at: moment)])
            try await store.note([KeyUses.Use(organization: theirs, key: key.id, at: moment + .seconds(9))])
            let used = try await store.apiKey(key.id, organization: ours)

            #expect(used?.lastUsedAt == moment + .seconds(5) && used?.version == 1)
            let changed = try await store.change(key.id, organization: ours) { $0.rules = KeyRules() }
            #expect(changed?.version == 2 && changed?.rules == KeyRules())
            #expect(try await store.change(key.id, organization: ours) { $0.name = "k" }?.version == 2)
        }
    }
}

struct `A plan's row` {
    @Test func `is written in the place of the version that was seen, and taken away when nobody is on it`()
        async throws
    {
        try await withStore { (store) async throws in
            let plan = Plan(
                name: "p",
                tools: ["a"],
                organizationLimits: [:],
                principalLimits: [:],
                ceilings: Ceilings(
                    quotas: ["money": 5],
                    amounts: [OperationDirection.outgoing: Shillings(7)].compactMapValues { $0 },
                    callsMax: 3
                ),
                price: Plan.Price(monthCents: 100, callCents: ["money": 3])
            )
            try await store.save(plan)
            #expect(try await store.plan("p") == plan)
            #expect(try await store.set(plan, from: 1).version == 2)
            let stale = await #expect(throws: GatewayError.self) { try await store.set(plan, from: 1) }
            #expect(stale?.code == .staleVersion)
            try await store.save(Organization(id: ours, slug: "ours", name: "Ours", plan: "p"))
            let used = await #expect(throws: GatewayError.self) { try await store.removePlan("p") }
            #expect(used?.code == .conflict)
            let unknown = await #expect(throws: GatewayError.self) {
                _ = try await store.change(ours) { $0.plan = "q" }
            }
            #expect(unknown?.code == .conflict)
            try await store.save(Plan(name: "q", tools: [], organizationLimits: [:], principalLimits: [:]))
            _ = try await store.change(ours) { $0.plan = "q" }
            #expect(try await store.removePlan("p"))
            #expect(try await !store.removePlan("p"))
            #expect(try await store.plans(after: nil, limit: 10).map(\.name) == ["q"])
        }
    }

    @Test func `is taken away from under nobody who is put on it meanwhile`() async throws {
        try await withEachStore { (store) async throws in
            try await store.save(Plan(name: "old", tools: [], organizationLimits: [:], principalLimits: [:]))
            try await store.save(Organization(id: theirs, slug: "theirs", name: "Theirs", plan: "old"))
            for round in 0..<20 {
                let (plan, id) = ("p\(round)", OrganizationID(newID()))
                try await store.save(Plan(name: plan, tools: [], organizationLimits: [:], principalLimits: [:]))
                async let removed = try? await store.removePlan(plan)
                async let saved: Void? = try? await store.save(
                    Organization(id: id, slug: "s\(round)", name: "S", plan: plan)
                )
                async let moved = try? await store.change(theirs, at: nil) { $0.plan = plan }
                _ = await (removed, saved, moved)

                let isThere = try await store.plan(plan) != nil
                let isUsed = try await !store.organizations(on: plan, after: nil, limit: 1).isEmpty
                #expect(isThere == isUsed)
                _ = try await store.change(theirs, at: nil) { $0.plan = "old" }
            }
        }
    }
}
