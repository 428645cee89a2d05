import Gateway
import GatewayTesting
import Testing

@testable import Webhooks

private let start = Timestamp(milliseconds: 1_800_000_000_000)

private func found(_ status: Int?, after: Duration = .zero, retryAfter: Duration? = nil) -> WebhookJudge.Found {
    let outcome: WebhookOutcome =
        status.map { .answered(status: $0, beginning: [], retryAfter: retryAfter) } ?? .failed(fault: "late")
    return WebhookJudge.Found(at: start + after, endedAt: start + after, outcome: outcome)
}

private func delivery(_ kind: FeedEvent.Kind = .succeeded, isReplay: Bool = false) -> WebhookDelivery {
    WebhookDelivery(
        organization: OrganizationID(Identifier(high: 1, low: 1)),
        endpoint: Identifier(high: 2, low: 2),
        event: Identifier(high: 3, low: 3),
        kind: kind,
        position: 1,
        state: .waiting,
        isReplay: isReplay,
        at: start
    )
}

struct `What an attempt means` {
    private let judge = WebhookJudge(settings: WebhookSettings())

    @Test func `is tried ten times within some three days, then given up`() {
        var (now, at) = (delivery(), Duration.zero)
        var moments: [Duration] = []
        while now.state == .waiting {
            moments.append(at)
            now = judge.delivery(now, after: found(500, after: at), chance: 0.5)
            at = now.dueAt.map { $0 - start } ?? at
        }

        let steps: [Int64] = [0, 5, 305, 2_105, 9_305, 27_305, 63_305, 113_705, 185_705, 272_105]
        #expect(moments == steps.map { .seconds($0) })
        #expect(now.state == .givenUp && now.dueAt == nil && now.attempts.count == 10)
    }

    @Test func `is tried a tenth sooner or later, by chance`() {
        let pauses = [0, 0.5, 1]
            .map { chance in
                judge.delivery(delivery(), after: found(nil), chance: chance).dueAt.map { $0 - start }
            }
        #expect(pauses == [.milliseconds(4_500), .milliseconds(5_000), .milliseconds(5_500)])
    }

    @Test(arguments: [200, 201, 204, 299])
    func `is taken by any status of success`(status: Int) {
        let now = judge.delivery(delivery(), after: found(status), chance: 0)
        #expect(now.state == .delivered && now.dueAt == nil && now.attempts.map(\.status) == [status])
    }

    @Test(arguments: [100, 199, 300, 301, 302, 307, 400, 404, 429, 500, 503, 599])
    func `is taken by no other status`(status: Int) {
        #expect(judge.delivery(delivery(), after: found(status), chance: 0).state == .waiting)
    }

    @Test func `waits for as long as the receiver asks, and no longer than a day`() {
        let pauses = [1, 60, 86_400, 900_000]
            .map { seconds in
                judge.delivery(delivery(), after: found(503, retryAfter: .seconds(seconds)), chance: 0.5).dueAt
                    .map { $0 - start }
            }
        #expect(pauses == [.seconds(5), .seconds(60), .seconds(86_400), .seconds(86_400)])
    }

    @Test func `ends a test at once, whatever came of it`() {
        #expect(judge.delivery(delivery(.webhookTest), after: found(500), chance: 0).state == .givenUp)
        #expect(judge.delivery(delivery(.webhookTest), after: found(200), chance: 0).state == .delivered)
    }

    @Test func `keeps fifty attempts, the newest`() {
        var now = delivery()
        for number in 0..<60 {
            now.tries = 0
            now = judge.delivery(now, after: found(400 + number % 10, after: .seconds(number)), chance: 0)
        }
        #expect(now.attempts.count == 50 && now.attempts.first?.at == start + .seconds(10))
    }
}

struct `How an endpoint does` {
    private let judge = WebhookJudge(settings: WebhookSettings())

    @Test func `is paused after five failures, each time for longer, until something arrives`() {
        var now = WebhookProgress(place: 7)
        var pauses: [Duration?] = []
        for _ in 0..<13 {
            now = judge.progress(now, after: found(500))
            pauses.append(now.pausedUntil.map { $0 - start })
        }
        let seconds: [Int64?] = [nil, nil, nil, nil, 10, 20, 40, 80, 160, 320, 600, 600, 600]
        #expect(pauses == seconds.map { $0.map { .seconds($0) } })
        #expect(now.failures == 13 && now.failingSince == start && now.place == 7)
        #expect(judge.progress(now, after: found(200)) == WebhookProgress(place: 7))
    }

    @Test(arguments: [429, 502, 503, 504])
    func `is left alone altogether where it asks for that`(status: Int) {
        let now = judge.progress(
            WebhookProgress(place: 0),
            after: found(status, retryAfter: .seconds(900_000))
        )
        #expect(now.pausedUntil == start + .seconds(86_400))
    }

    @Test(arguments: [400, 500])
    func `is not left alone by what concerns one event`(status: Int) {
        let now = judge.progress(WebhookProgress(place: 0), after: found(status, retryAfter: .seconds(60)))
        #expect(now.pausedUntil == nil)
    }

    @Test func `is off where it is gone, and after five days without anything that arrived`() {
        var now = judge.progress(WebhookProgress(place: 0), after: found(500))
        #expect(judge.off(now, after: found(410)) == .gone)
        #expect(judge.off(now, after: found(500)) == nil)
        let (before, then) = (Duration.seconds(5 * 86_400 - 1), Duration.seconds(5 * 86_400))
        #expect(judge.off(now, after: found(500, after: before)) == nil)
        #expect(judge.off(now, after: found(500, after: then)) == .failing)

        #expect(!judge.isNoticed(now, at: start + .seconds(86_399)))
        #expect(judge.isNoticed(now, at: start + .seconds(86_400)))
        now.noticedAt = start
        #expect(!judge.isNoticed(now, at: start + .seconds(86_400)))
    }
}
