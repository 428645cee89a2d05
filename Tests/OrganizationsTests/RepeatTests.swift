import Cryptography
import GatewayTesting
import OrderedJSON
import Organizations
import Synchronization
import Testing

@testable import Gateway

struct `A change that is asked for again` {
    private static let till: JSON = ["name": "Till", "environment": "test"]

    @Test func `under the same key is done once, and what was secret is not shown again`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)

            let first = await bureau.ask("keys.create", Self.till, as: admin.token, key: "till-1")
            let again = await bureau.ask("keys.create", Self.till, as: admin.token, key: "till-1")
            let other = await bureau.ask("keys.create", Self.till, as: admin.token, key: "till-2")

            #expect(first.data["api_key"] != nil && !first.isReplayed)
            #expect(again.isReplayed && again.data["key"] == first.data["key"] && again.data["api_key"] == nil)
            #expect(!other.isReplayed && other.data["key"] != first.data["key"])
            #expect(try await bureau.store.apiKeys(organization: bureau.shop.id, limit: 9).count == 2)
            let lines = try await bureau.audit(bureau.shop)
            #expect(lines.map { ($0.detail ?? "").contains("$replayed") } == [false, true, false])
            #expect(lines.allSatisfy { $0.outcome == .success && $0.action == "KEY_CREATED" })
        }
    }

    @Test func `keeps no secret in the store`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let kept = KeptAnswers(bureau.store)
            let wanjiru: JSON = ["username": "wanjiru", "email": "w@x.example"]

            let made = try await kept.answer(bureau, "users.create", wanjiru, as: admin)
            let key = try await kept.answer(bureau, "keys.create", Self.till, as: admin)

            let secrets = try [made.data["password"], key.data["api_key"]].map { try #require($0?.stringValue) }
            #expect(kept.texts.count == 2)
            for text in kept.texts { #expect(!secrets.contains { text.contains($0) }, "\(text)") }
        }
    }

    @Test func `is not one that was only previewed, whose key is free for the change`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let change: JSON = ["org_id": .string(bureau.shop.id.description), "name": "Large shop"]
            var tried = try #require(change.objectValue)
            tried["preview"] = true

            for _ in 0..<2 {
                let preview = await bureau.ask("organizations.update", .object(tried), as: boss.token, key: "k")
                #expect(preview.code == nil && !preview.isReplayed)
            }
            let made = await bureau.ask("organizations.update", change, as: boss.token, key: "k")

            #expect(made.code == nil && !made.isReplayed)
            #expect(try await bureau.store.organization(bureau.shop.id)?.name == "Large shop")
        }
    }

    @Test func `with another body, or by somebody else, is refused`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let second = try await bureau.person("second", .orgAdmin, of: bureau.shop)
            let foreign = try await bureau.person("foreign", .orgAdmin, of: bureau.host)
            _ = await bureau.ask("keys.create", Self.till, as: admin.token, key: "k")

            let otherBody = await bureau.ask(
                "keys.create",
                ["name": "Counter", "environment": "test"],
                as: admin.token,
                key: "k"
            )
            let otherAction = await bureau.ask("users.deactivate", ["id": second.id], as: admin.token, key: "k")
            let otherPerson = await bureau.ask("keys.create", Self.till, as: second.token, key: "k")
            let elsewhere = await bureau.ask("keys.create", Self.till, as: foreign.token, key: "k")

            for reply in [otherBody, otherAction, otherPerson] { #expect(reply.code == .idempotencyKeyReused) }
            #expect(elsewhere.code == nil && !elsewhere.isReplayed)
            let noKey = await bureau.ask("keys.create", Self.till, as: admin.token, key: "two words")
            #expect(noKey.error?.errors.first?.pointer == "/idempotency_key")
        }
    }

    @Test func `finds its key free where nothing was done, and when its time is over`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let ghost = await bureau.ask("keys.revoke", ["id": "nobody"], as: admin.token, key: "k")

            let first = await bureau.ask("keys.create", Self.till, as: admin.token, key: "k")
            bureau.clock.advance(.seconds(86_400))
            let later = try await bureau.logIn(admin.user)
            let next = await bureau.ask("keys.create", Self.till, as: later.token, key: "k")

            #expect(ghost.code == .notFound && first.code == nil)
            #expect(next.code == nil && !next.isReplayed && next.data["key"] != first.data["key"])
        }
    }

    @Test func `while it is being done, or when nobody knows whether it was, does nothing`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let person: JSON = ["username": "wanjiru", "email": "w@x.example", "password": "a long password"]
            let meanwhile = Mutex<ActionReply?>(nil)
            bureau.passwords.meanwhile {
                let reply = await bureau.ask("users.create", person, as: admin.token, key: "w")
                meanwhile.withLock { $0 = reply }
            }
            #expect(await bureau.ask("users.create", person, as: admin.token, key: "w").code == nil)
            #expect(meanwhile.withLock { $0?.code } == .idempotencyInProgress)

            // What a process leaves that ends between the claim and the answer.
            let lost = KeptAnswers(bureau.store, isDeaf: true)
            _ = try await lost.answer(bureau, "keys.create", Self.till, as: admin)
            let again = try await lost.answer(bureau, "keys.create", Self.till, as: admin)
            #expect(again.code == .conflict)
            #expect(try await bureau.store.apiKeys(organization: bureau.shop.id, limit: 9).count == 1)
        }
    }

    @Test func `has an output that says what it shows once`() async throws {
        try await Bureau.with { (bureau) async throws in
            let words = ["password", "api_key", "secret", "token"]
            for action in bureau.actions.sorted where !action.isReadOnly {
                guard case .data(let schema, _) = action.output else {
                    Issue.record("\(action.name) changes something and answers a file")
                    continue
                }
                let shown = Set(action.shownOnce.map { $0.tokens.joined(separator: "/") })
                for place in Self.places(in: schema)
                where words.contains(String(place.split(separator: "/").last ?? "")) {
                    #expect(shown.contains(place), "\(action.name) shows \(place)")
                }
                for place in shown {
                    let parent = place.split(separator: "/").dropLast()
                        .reduce(Optional(schema)) {
                            $0?["properties"]?[String($1)]
                        }
                    let required = (parent?["required"]?.arrayValue ?? []).compactMap(\.stringValue)
                    #expect(!required.contains(String(place.split(separator: "/").last ?? "")), "\(action.name)")
                }
            }
        }
    }

    private static func places(in schema: JSON, under path: String = "") -> [String] {
        (schema["properties"]?.objectValue ?? JSONObject())
            .flatMap { name, inner in [path + name] + places(in: inner, under: path + name + "/") }
    }
}

/// A pipeline's stage over a store whose answers it keeps to be looked at, or that loses them.
final class KeptAnswers: OnceRepository {
    private let store: any OnceRepository
    private let isDeaf: Bool
    private let kept = Mutex<[String]>([])

    init(_ store: any OnceRepository, isDeaf: Bool = false) {
        self.store = store
        self.isDeaf = isDeaf
    }

    var texts: [String] { kept.withLock { $0 } }

    /// Does an action through this repository, as the person would.
    func answer(_ bureau: Bureau, _ name: String, _ arguments: JSON, as person: Person) async throws -> ActionReply {
        let action = try #require(bureau.actions.action(name))
        let entropy = bureau.clock.entropy
        let stage = ReserveAction(repository: self, key: Secret([1]), entropy: entropy)
        let principal = Principal(
            organization: person.user.organization,
            subject: .user(person.user.id),
            name: person.user.username,
            role: person.user.role,
            scopes: nil,
            environment: .test
        )
        let call = ActionCall(
            id: CallID(entropy.identifier()),
            door: .rest,
            credential: .token(person.token),
            environment: nil,
            address: nil,
            arguments: .success(arguments),
            idempotencyKey: "kept" + name
        )
        do throws(GatewayError) {
            let done = try await stage.answer(call, of: action, arguments, principal) { () async throws(GatewayError) in
                let reply = await bureau.ask(name, arguments, as: person.token)
                return try reply.result.get()
            }
            return ActionReply(result: .success(done.answer), isReplayed: done.isReplayed)
        } catch { return ActionReply(result: .failure(error)) }
    }

    func take(_ claim: OnceClaim) async throws(GatewayError) -> OnceTaking { try await store.take(claim) }

    func claim(
        _ id: Identifier,
        organization: OrganizationID,
        at now: Timestamp
    ) async throws(GatewayError) -> OnceFound? { try await store.claim(id, organization: organization, at: now) }

    func keep(_ outcome: String, of claim: Identifier, organization: OrganizationID) async throws(GatewayError) {
        kept.withLock { $0.append(outcome) }
        if !isDeaf { try await store.keep(outcome, of: claim, organization: organization) }
    }

    func giveBack(_ claim: Identifier, organization: OrganizationID) async throws(GatewayError) {
        try await store.giveBack(claim, organization: organization)
    }
}
