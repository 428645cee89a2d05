import Gateway
import Testing

struct `Letters about a webhook` {
    @Test func `go to administrators, once when nothing arrives and once when it is off, and hold no secret`()
        async throws
    {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: [])
            let endpoint = WebhookEndpoint(
                id: Identifier(high: 5, low: 5),
                organization: house.organization,
                environment: .test,
                madeBy: "user:1",
                madeAt: house.clock.now,
                url: "https://example.com/secret?token=1",
                secrets: []
            )
            try await house.store.add(endpoint, endpointsMax: 1)
            // Of what a person did nobody is written to.
            let byHand = FeedEvent.about(
                endpoint,
                off: .person,
                address: "https://example.com/…",
                failingSince: nil,
                at: house.clock.now
            )
            var told = WebhookNote(organization: house.organization, endpoint: endpoint.id)
            told.told = [byHand]
            try await house.store.note([told])
            house.clock.advance(.seconds(1))
            for off in [nil, WebhookEndpoint.Off.failing] {
                var note = WebhookNote(organization: house.organization, endpoint: endpoint.id)
                let now = house.clock.now
                note.off = off.map { ($0, at: now) }
                note.told = [
                    .about(endpoint, off: off, address: "https://example.com/…", failingSince: now, at: now)
                ]
                try await house.store.note([note])
            }

            let letters = try #require(desk.gateway.approvalLetters)
            for _ in 1...2 { try await letters.catchUp() }

            let sent = desk.mail.take()
            #expect(Set(sent.map(\.recipient)) == ["admin@x.example"])
            #expect(sent.map(\.subject) == ["Nothing arrives at a webhook", "A webhook was switched off"])
            #expect(sent.allSatisfy { $0.text.reveal().contains("https://example.com/…") })
            #expect(sent.allSatisfy { !$0.text.reveal().contains("token") })
        }
    }
}
