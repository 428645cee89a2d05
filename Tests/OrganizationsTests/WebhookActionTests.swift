import Cryptography
import GatewayTesting
import OrderedJSON
import Organizations
import Testing

@testable import Gateway

/// Somebody who sets endpoints up.
struct Integrator {
    let bureau: Bureau
    let person: Person
    var token: Secret<String> { person.token }

    init(_ bureau: Bureau) async throws {
        self.bureau = bureau
        person = try await bureau.person("integrator", .orgAdmin, of: bureau.shop)
    }

    func ask(_ name: String, _ arguments: JSON = [:], key: String? = nil) async -> ActionReply {
        await bureau.ask(name, arguments, as: token, key: key)
    }

    /// Makes an endpoint; its id.
    func make(_ url: String = "https://example.com/hooks/s3cret?t=s3cret") async throws -> JSON {
        try #require(await ask("webhooks.create", ["url": .string(url)]).data["webhook"]?["id"])
    }

    func stored(_ id: JSON) async throws -> ServedWebhook {
        let id = try #require(id.stringValue.flatMap { Identifier($0) })
        let found = try await bureau.store.webhook(id, organization: bureau.shop.id, environment: .test)
        return try #require(found)
    }
}

/// What is sealed names its place, and opens nowhere else.
extension PlainSafe: WebhookSafe {
    func seal(
        _ secret: Secret<[UInt8]>,
        form: WebhookSecret.Form,
        of endpoint: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> (sealed: [UInt8], keyVersion: Int) {
        (Array("\(organization)/\(endpoint)/\(form.rawValue)/".utf8) + secret.reveal().map { ~$0 }, 1)
    }

    func open(
        _ secret: WebhookSecret,
        of endpoint: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> Secret<[UInt8]> {
        let place = Array("\(organization)/\(endpoint)/\(secret.form.rawValue)/".utf8)
        guard secret.sealed.starts(with: place) else { throw GatewayError.fault("a secret of something else") }
        return Secret(secret.sealed.dropFirst(place.count).map { ~$0 })
    }
}

struct `A webhook endpoint` {
    @Test func `is made and shown as it was said, and its secret this once`() async throws {
        try await Bureau.with { (bureau) async throws in
            let integrator = try await Integrator(bureau)
            let said: JSON = [
                "url": "https://example.com/a?b=c", "description": "Our shop", "shows_phones": true,
                "types": ["transaction.succeeded", "key.revoked"],
            ]

            let first = await integrator.ask("webhooks.create", said, key: "k")
            let again = await integrator.ask("webhooks.create", said, key: "k")

            let shown = try #require(first.data["webhook"])
            let secret = try #require(first.data["secret"]?.stringValue)
            #expect(secret.hasPrefix("whsec_") && secret.utf8.count == 6 + 44)
            #expect(again.isReplayed && again.data["webhook"] == shown && again.data["secret"] == nil)
            for name in ["url", "description", "shows_phones", "types"] { #expect(shown[name] == said[name]) }
            #expect(shown["is_on"] == true && shown["environment"] == "test" && shown["version"] == 1)
            #expect(shown["signing"] == [["form": "hmac"]])
            #expect(await integrator.ask("webhooks.list").data == [shown])
            #expect(await integrator.ask("webhooks.show", ["id": shown["id"] ?? ""]).data == shown)
            let kept = try await integrator.stored(try #require(shown["id"])).endpoint
            let bytes = try await bureau.safe.open(kept.secrets[0], of: kept.id, organization: kept.organization)
            #expect(Base64.encode(bytes.reveal()) == secret.dropFirst(6))
            for line in try await bureau.lines(bureau.shop) { #expect(!(line.detail ?? "").contains(secret)) }
        }
    }

    @Test func `that is signed by a key shows its public half, and no secret`() async throws {
        try await Bureau.with { (bureau) async throws in
            let integrator = try await Integrator(bureau)
            let made = await integrator.ask(
                "webhooks.create",
                ["url": "https://example.com", "signing": "ed25519"]
            )
            let signing = made.data["webhook"]?["signing"]?.arrayValue ?? []
            #expect(signing.count == 1 && signing[0]["form"] == "ed25519" && made.data["secret"] == nil)
            #expect(signing.first?["public_key"]?.stringValue?.hasPrefix("whpk_") == true)
        }
    }

    @Test func `has an address of which audit shows no path`() async throws {
        try await Bureau.with { (bureau) async throws in
            let integrator = try await Integrator(bureau)
            let id = try await integrator.make()
            _ = await integrator.ask("webhooks.update", ["id": id, "url": "https://user:s3cret@example.com/"])
            _ = await integrator.ask("webhooks.update", ["id": id, "url": "https://example.com:8443"])
            _ = await integrator.ask("webhooks.create", ["url": "ftp://s3cret"])

            let details = try await bureau.lines(bureau.shop).compactMap(\.detail)
            #expect(details.allSatisfy { !$0.contains("s3cret") })
            #expect(details.contains { $0.contains(#""url":"https://example.com/…""#) })
            #expect(details.contains { $0.contains(#""url":"https://example.com:8443""#) })
            #expect(details.contains { $0.contains(#""url":"•••""#) })
        }
    }

    @Test func `is changed by whoever saw it as it is, and is gone once it is taken away`() async throws {
        try await Bureau.with { (bureau) async throws in
            let integrator = try await Integrator(bureau)
            let id = try await integrator.make()

            let changed = await integrator.ask("webhooks.update", ["id": id, "description": "B", "version": 1])
            let late = await integrator.ask("webhooks.update", ["id": id, "description": "C", "version": 1])
            let same = await integrator.ask("webhooks.update", ["id": id, "description": "B"])
            let plain = await integrator.ask("webhooks.update", ["id": id, "url": "nonsense"])

            #expect(changed.data["version"] == 2 && changed.data["description"] == "B")
            #expect(late.code == .staleVersion && same.data["version"] == 2)
            #expect(plain.error?.errors.first?.pointer == "/url")
            #expect(await integrator.ask("webhooks.delete", ["id": id]).data == ["id": id])
            for name in ["show", "delete", "update", "enable", "disable", "rotate", "test", "recover", "replays"] {
                #expect(await integrator.ask("webhooks." + name, ["id": id]).code == .notFound)
            }
            #expect(await integrator.ask("webhooks.list").data == [])
        }
    }

    @Test func `is off when somebody says so, and begins anew when it is on again`() async throws {
        try await Bureau.with { (bureau) async throws in
            let integrator = try await Integrator(bureau)
            let id = try await integrator.make()
            let before = try await integrator.stored(id)
            var note = WebhookNote(organization: bureau.shop.id, endpoint: before.endpoint.id)
            var failing = before.progress
            (failing.failures, failing.failingSince) = (7, bureau.clock.now)
            note.progress = (from: before.progress.place, to: failing)
            try await bureau.store.note([note])

            let off = await integrator.ask("webhooks.disable", ["id": id])
            let still = await integrator.ask("webhooks.disable", ["id": id])
            let refused = await integrator.ask("webhooks.test", ["id": id])
            let on = await integrator.ask("webhooks.enable", ["id": id])

            #expect(off.data["is_on"] == false && off.data["off"] == "person" && off.data["failures"] == 7)
            #expect(still.data == off.data && refused.code == .conflict)
            #expect(on.data["is_on"] == true && on.data["off"] == nil && on.data["failures"] == 0)
            #expect(try await integrator.stored(id).progress.failingSince == nil)
            let events = await integrator.ask("events.list").data.arrayValue ?? []
            #expect(events.count == 1 && events.first?["type"] == "webhook.disabled")
            #expect(events.first?["subject"] == id && events.first?["sequence"] == off.data["version"])
            #expect(events.first?["data"]?["why"] == "person")
            #expect(events.first?["data"]?["address"] == "https://example.com/…")
        }
    }

    @Test func `is signed by two secrets for a while after a rotation, and never by three`() async throws {
        try await Bureau.with { (bureau) async throws in
            let integrator = try await Integrator(bureau)
            let id = try await integrator.make()
            let first = try await integrator.stored(id).endpoint.secrets

            let rotated = await integrator.ask("webhooks.rotate", ["id": id], key: "r")
            let again = await integrator.ask("webhooks.rotate", ["id": id], key: "r")
            let two = try await integrator.stored(id).endpoint.secrets
            let third = await integrator.ask(
                "webhooks.rotate",
                ["id": id, "overlap_minutes": 5, "signing": "ed25519"]
            )
            let three = try await integrator.stored(id).endpoint.secrets
            let ended = await integrator.ask("webhooks.rotate", ["id": id, "overlap_minutes": 0])
            let one = try await integrator.stored(id).endpoint.secrets

            #expect(rotated.data["secret"]?.stringValue?.hasPrefix("whsec_") == true)
            #expect(again.isReplayed && again.data["secret"] == nil)
            #expect(two.count == 2 && two[0].endsAt == nil && two[1].sealed == first[0].sealed)
            let until = try #require(two[1].endsAt)
            #expect(until <= bureau.clock.now + .seconds(86_400) && until > bureau.clock.now + .seconds(86_000))
            #expect(third.data["secret"] == nil && third.data["webhook"]?["signing"]?.arrayValue?.count == 2)
            #expect(three.map(\.form) == [.asymmetric, .symmetric] && three[1].sealed == two[0].sealed)
            #expect(one.count == 1 && one[0].form == .asymmetric && ended.code == nil)
            let long = await integrator.ask("webhooks.rotate", ["id": id, "overlap_minutes": 1441])
            #expect(long.code == .invalidArgument)
        }
    }

    @Test func `is one of at most twenty, and nobody else's`() async throws {
        try await Bureau.with { (bureau) async throws in
            let integrator = try await Integrator(bureau)
            for number in 0..<20 { _ = try await integrator.make("https://example.com/\(number)") }
            let more = await integrator.ask("webhooks.create", ["url": "https://example.com"])
            let shown = await integrator.ask("webhooks.list").data.arrayValue ?? []
            let stranger = try await bureau.person("stranger", .orgAdmin, of: bureau.host)
            let id = try #require(shown.first?["id"])
            let foreign = await bureau.ask("webhooks.show", ["id": id], as: stranger.token)

            #expect(more.code == .limitExceeded && shown.count == 20)
            #expect(foreign.code == .notFound)
            #expect(await bureau.ask("webhooks.list", as: stranger.token).data == [])
        }
    }

    @Test func `shows phones whole only to whom a key may show them`() async throws {
        try await Bureau.with { (bureau) async throws in
            let integrator = try await Integrator(bureau)
            let id = try await integrator.make()
            let may = try await bureau.key(.orgAdmin, ["webhooks:write", "phones:read"], of: bureau.shop)
            let mayNot = try await bureau.key(.orgAdmin, ["webhooks:write"], of: bureau.shop)
            let url: JSON = ["id": id, "url": "https://example.com/else"]
            let phones: JSON = ["id": id, "shows_phones": true]

            #expect(await bureau.ask("webhooks.update", phones, as: mayNot).code == .permissionDenied)
            #expect(await bureau.ask("webhooks.update", url, as: mayNot).code == nil)
            #expect(await bureau.ask("webhooks.update", phones, as: may).data["shows_phones"] == true)
            // Who may not see them sends them nowhere else either.
            #expect(
                await bureau.ask("webhooks.update", ["id": id, "url": "https://evil.example"], as: mayNot).code
                    == .permissionDenied
            )
            #expect(
                await bureau.ask("webhooks.update", ["id": id, "description": "x"], as: mayNot).code == nil
            )
        }
    }
}

struct `Events that are asked for once more` {
    @Test func `are kept as what was wished, some at a time`() async throws {
        try await Bureau.with { (bureau) async throws in
            let integrator = try await Integrator(bureau)
            let id = try await integrator.make()
            let event = bureau.clock.entropy.identifier()

            let test = await integrator.ask("webhooks.test", ["id": id])
            let one = await integrator.ask("webhooks.replay", ["id": id, "event": .string("\(event)")])
            let many = await integrator.ask(
                "webhooks.replay",
                ["id": id, "from_ms": 5, "until_ms": 9, "types": ["transaction.succeeded"]]
            )
            let missing = await integrator.ask("webhooks.recover", ["id": id])
            let later = await integrator.ask("webhooks.recover", ["id": id, "since_ms": 7])
            let tooMany = await integrator.ask("webhooks.test", ["id": id])

            let kept = try await bureau.store.openReplays(limit: 10)
            let made = try await integrator.stored(id).endpoint.madeAt
            #expect(
                kept.prefix(3).map(\.wish) == [
                    .test, .event(event),
                    .span(
                        from: Timestamp(milliseconds: 5),
                        to: Timestamp(milliseconds: 9),
                        kinds: [.succeeded],
                        onlyMissing: false
                    ),
                ]
            )
            guard case .span(made, _, [], true) = kept[3].wish else { return #expect(Bool(false), "\(kept[3])") }
            #expect(test.data["event"] == .string("\(kept[0].id)") && one.data["event"] == .string("\(event)"))
            #expect(many.data["is_over"] == false && missing.data["only_missing"] == true)
            #expect(later.data["from_ms"] == 7 && tooMany.code == .limitExceeded)
            let shown = await integrator.ask("webhooks.replays", ["id": id, "limit": 2]).data
            #expect(shown == [later.data, missing.data])
        }
    }

    @Test func `are one event, or those of a time`() async throws {
        try await Bureau.with { (bureau) async throws in
            let integrator = try await Integrator(bureau)
            let id = try await integrator.make()
            for wrong: JSON in [
                ["id": id], ["id": id, "event": "x"], ["id": id, "event": id, "from_ms": 1],
                ["id": id, "from_ms": 2, "until_ms": 1], ["id": id, "from_ms": 2, "types": ["webhook.test"]],
            ] {
                #expect(await integrator.ask("webhooks.replay", wrong).code == .invalidArgument, "\(wrong)")
            }
        }
    }
}

struct `What was sent to an endpoint` {
    @Test func `is listed newest first, in pages, and shown with every attempt`() async throws {
        try await Bureau.with { (bureau) async throws in
            let integrator = try await Integrator(bureau)
            let id = try await integrator.make()
            let endpoint = try await integrator.stored(id).endpoint
            var note = WebhookNote(organization: endpoint.organization, endpoint: endpoint.id)
            for number in 0..<3 {
                bureau.clock.advance(.milliseconds(1))
                note.deliveries.append(
                    WebhookDelivery(
                        organization: endpoint.organization,
                        endpoint: endpoint.id,
                        event: bureau.clock.entropy.identifier(),
                        kind: .succeeded,
                        position: Int64(number + 1),
                        state: number == 1 ? .delivered : .waiting,
                        tries: 1,
                        dueAt: number == 1 ? nil : bureau.clock.now,
                        at: bureau.clock.now,
                        attempts: [
                            WebhookAttempt(
                                at: bureau.clock.now,
                                milliseconds: 4,
                                status: number == 1 ? 204 : nil,
                                fault: number == 1 ? nil : "late",
                                beginning: number == 1 ? Array("ok".utf8) + [0xFF] : [],
                                isReplay: false
                            )
                        ]
                    )
                )
            }
            try await bureau.store.note([note])
            let events = note.deliveries.map { JSON.string("\($0.event)") }

            let page = await integrator.ask("deliveries.list", ["id": id, "limit": 2])
            let rest = await integrator.ask("deliveries.list", ["id": id, "limit": 2, "before": events[1]])
            let waiting = await integrator.ask("deliveries.list", ["id": id, "state": "waiting"])
            let shown = await integrator.ask("deliveries.show", ["id": id, "event": events[1]])
            let unknown = await integrator.ask("deliveries.show", ["id": id, "event": id])

            let names = { (reply: ActionReply) in (reply.data.arrayValue ?? []).map { $0["event"] } }
            #expect(names(page) == [events[2], events[1]] && names(rest) == [events[0]])
            #expect(names(waiting) == [events[2], events[0]])
            #expect(page.data.arrayValue?.first?["fault"] == "late" && page.data.arrayValue?.last?["status"] == 204)
            let attempt = shown.data["attempts"]?.arrayValue?.first
            #expect(shown.data["state"] == "delivered" && attempt?["beginning"] == "ok\u{FFFD}")
            #expect(attempt?["took_ms"] == 4 && attempt?["is_replay"] == false && unknown.code == .notFound)
        }
    }
}
