import Gateway
import GatewayTesting
import OrderedJSON
import Organizations
import Testing

/// Callbacks that this gateway sends itself; what becomes of them is the test's.
struct FakeProber: CallbackProbing {
    let work: @Sendable (String) async -> ProbeJourney

    func send(to url: String) async -> ProbeJourney { await work(url) }
}

struct `An organization's address for callbacks` {
    @Test func `is set by its administrators, and given back to the host's`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)

            let set = await bureau.ask(
                "organization.update",
                ["callback_base_url": "https://Pay.Shop.example/"],
                as: admin.token
            )
            let kept = try await bureau.store.organization(bureau.shop.id)?.callbackBaseURL?.description
            let taken = await bureau.ask("organization.update", ["callback_base_url": .null], as: admin.token)

            #expect(set.data["callback_base_url"] == "https://pay.shop.example")
            #expect(kept == "https://pay.shop.example")
            #expect(taken.code == nil && taken.data["callback_base_url"] == nil)
            #expect(try await bureau.store.organization(bureau.shop.id)?.callbackBaseURL == nil)
        }
    }

    @Test func `is set beside the credentials as well, all of it or nothing`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            var arguments: JSONObject = [
                "org_id": .string(bureau.shop.id.description), "consumer_key": "good", "consumer_secret": "x",
                "business_short_code": "174379", "callback_base_url": "http://shop.example",
            ]

            let refused = await bureau.ask("credentials.update", .object(arguments), as: admin.token)
            let kept = bureau.safe.secrets(of: bureau.shop.id)
            arguments["callback_base_url"] = "https://pay.shop.example"
            let saved = await bureau.ask("credentials.update", .object(arguments), as: admin.token)

            #expect(refused.error?.errors.map(\.pointer) == ["/callback_base_url"] && kept.isEmpty)
            #expect(saved.data["callback_base_url"] == "https://pay.shop.example")
            let base = try await bureau.store.organization(bureau.shop.id)?.callbackBaseURL
            #expect(base?.description == "https://pay.shop.example")
        }
    }

    @Test(arguments: ["http://shop.example", "https://u@shop.example", "https://shop.example/?a", "shop.example", ""])
    func `is no other than what M-Pesa may call`(text: String) async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)

            let reply = await bureau.ask("organization.update", ["callback_base_url": .string(text)], as: admin.token)

            #expect(reply.code == .invalidArgument)
            #expect(reply.error?.errors.map(\.pointer) == ["/callback_base_url"])
            #expect(try await bureau.store.organization(bureau.shop.id)?.version == 1)
        }
    }
}

struct `A check of callbacks` {
    /// A bureau whose callbacks go another way, and somebody who may ask.
    private func check(
        _ bureau: Bureau,
        as token: Secret<String>,
        _ work: @escaping @Sendable (String) async -> ProbeJourney
    ) async -> ActionReply {
        await bureau.ask("callbacks.check", as: token, in: bureau.actions(probing: FakeProber(work: work)))
    }

    /// Lets a callback arrive by its path.
    private static func arrive(_ url: String, at gateway: Assembly, admitted: Bool = true) -> Bool {
        let parts = url.split(separator: "/").suffix(3)
        guard parts.count == 3, parts.first == "cb" else { return false }
        return gateway.probes.arrive(
            organization: parts[parts.startIndex + 1],
            token: parts[parts.endIndex - 1],
            CallbackProbes.Arrival(address: "198.51.100.4", isAdmitted: admitted)
        )
    }

    @Test func `goes to the address that M-Pesa is told, and says from where it came`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            _ = await bureau.ask(
                "organization.update",
                ["callback_base_url": "https://pay.shop.example"],
                as: admin.token
            )

            let reply = await check(bureau, as: admin.token) { [gateway = bureau.gateway] url in
                #expect(url.hasPrefix("https://pay.shop.example/cb/"))
                #expect(Self.arrive(url, at: gateway))
                // A second one of the same path is a stranger's.
                #expect(!Self.arrive(url, at: gateway))
                return ProbeJourney(
                    end: .answered,
                    status: 200,
                    addresses: ["198.51.100.9"],
                    duration: .milliseconds(7)
                )
            }

            #expect(reply.data["is_good"] == true && reply.data["findings"] == [])
            #expect(reply.data["source_address"] == "198.51.100.4" && reply.data["is_own"] == true)
            #expect(reply.data["milliseconds"] == 7 && reply.data["addresses"] == ["198.51.100.9"])
        }
    }

    @Test func `tells what stands against callbacks, each in its own words`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            _ = await bureau.ask(
                "organization.update",
                ["callback_base_url": "https://pay.shop.example"],
                as: admin.token
            )
            var seen: Set<String> = []
            for end in ProbeJourney.End.allCases {
                let reply = await check(bureau, as: admin.token) { _ in
                    ProbeJourney(end: end, status: end == .answered ? 404 : nil, reason: "so it is")
                }
                #expect(reply.data["is_good"] == false && reply.data["arrived"] == false, "\(end)")
                #expect(reply.data["ended_at"]?.stringValue == end.rawValue)
                seen.insert(reply.data["findings"]?.arrayValue?.first?.stringValue ?? "")
            }
            let refused = await check(bureau, as: admin.token) { [gateway = bureau.gateway] url in
                _ = Self.arrive(url, at: gateway, admitted: false)
                return ProbeJourney(end: .answered, status: 404)
            }

            #expect(seen.count == ProbeJourney.End.allCases.count && !seen.contains(""))
            #expect(refused.data["arrived"] == true && refused.data["source_is_admitted"] == false)
            #expect(refused.data["findings"]?.arrayValue?.count == 1)
        }
    }

    @Test func `is asked ten times an hour at most, and leaves nothing open`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let actions = bureau.actions(
                probing: FakeProber { url in
                    ProbeJourney(end: .answered, status: Self.arrive(url, at: bureau.gateway) ? 200 : 500)
                }
            )
            var codes: [GatewayError.Code?] = []
            for _ in 0..<11 { codes.append(await bureau.ask("callbacks.check", as: admin.token, in: actions).code) }

            #expect(codes.dropLast().allSatisfy { $0 == nil } && codes.last == .rateLimited)
            // Twenty may be under way: as many as there are places now.
            for _ in 0..<20 { _ = try bureau.gateway.probes.begin(for: bureau.shop.id) }
            #expect(throws: GatewayError.self) { try bureau.gateway.probes.begin(for: bureau.shop.id) }
        }
    }
}
