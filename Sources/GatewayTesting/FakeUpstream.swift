import Gateway
import OrderedJSON
import Synchronization

/// An M-Pesa that answers what a test says, and remembers what it was sent.
package final class FakeUpstream: Upstream {
    /// One request as it arrived.
    package struct Sent: Sendable {
        /// The operation kind's name.
        package let kind: String
        /// Whose it was.
        package let organization: OrganizationID
        /// By which account.
        package let account: AccountName
        /// The body, with callback addresses.
        package let body: JSON
    }

    private struct State {
        var answer: @Sendable (PreparedRequest) async -> UpstreamOutcome
        var sent: [Sent] = []
        var accepted = 0
        var whenPrepared: (@Sendable () async -> Void)?
    }

    private let state: Mutex<State>

    /// Answers every request by `answer`.
    package init(_ answer: @escaping @Sendable (PreparedRequest) async -> UpstreamOutcome) {
        state = Mutex(State(answer: answer))
    }

    /// Answers every request with this document and 200.
    package convenience init(answering document: JSON) {
        self.init { _ in .answered(status: 200, body: document.bytes) }
    }

    /// Takes every request, and gives each an id of its own: `F1`, `F2` and so on.
    package static func accepting() -> FakeUpstream {
        let upstream = FakeUpstream { _ in .notSent("not told yet what to answer") }
        upstream.accept()
        return upstream
    }

    /// Takes every request from now on, and gives each an id of its own.
    package func accept() {
        answer { [weak self] _ in
            let number = self?.state
                .withLock { state in
                    state.accepted += 1
                    return state.accepted
                }
            let document: JSON = ["verdict": "accepted", "external_ids": ["fake_id": .string("F\(number ?? 0)")]]
            return .answered(status: 200, body: document.bytes)
        }
    }

    /// What was sent so far, first to last.
    package var sent: [Sent] { state.withLock { $0.sent } }

    /// How many requests of a kind were sent.
    package func count(_ kind: String) -> Int { sent.count { $0.kind == kind } }

    /// Answers by something else from now on.
    package func answer(_ answer: @escaping @Sendable (PreparedRequest) async -> UpstreamOutcome) {
        state.withLock { $0.answer = answer }
    }

    /// Does something whenever a request is made ready, before it may leave.
    package func whenPrepared(_ work: @escaping @Sendable () async -> Void) {
        state.withLock { $0.whenPrepared = work }
    }

    /// Answers with this document from now on.
    package func answer(with document: JSON, status: Int = 200) {
        answer { _ in .answered(status: status, body: document.bytes) }
    }

    package func prepare(_ request: UpstreamRequest) async throws(GatewayError) -> PreparedRequest {
        await state.withLock { $0.whenPrepared }?()
        var body = request.template.body
        for callback in request.kind.callbacks {
            _ = body.set(.string(request.callbacks[callback.name] ?? ""), at: callback.pointer)
        }
        return PreparedRequest(request: request, body: Secret(body.bytes), token: Secret("token"))
    }

    package func send(_ request: PreparedRequest) async -> UpstreamOutcome {
        let sent = Sent(
            kind: request.request.kind.name,
            organization: request.request.organization,
            account: request.request.account,
            body: (try? JSON(parsing: request.body.reveal())) ?? .null
        )
        let answer = state.withLock { state in
            state.sent.append(sent)
            return state.answer
        }
        return await answer(request)
    }
}
