import Cryptography
import OrderedJSON
import Synchronization

/// Has each question be answered once.
///
/// An answer is written before the tool hears it, so that it stays used whatever becomes of the process; what came of
/// it is kept beside it. The same answer again shows that, another is refused, and neither runs anything.
final class Questions: Sendable {
    private struct State {
        /// Answers that tools work on now.
        var running: Set<Identifier> = []
    }

    private let repository: any QuestionRepository
    /// The longest outcome that is kept: longer ones are not shown again.
    private let outcomeBytesMax: Int
    private let state = Mutex(State())

    init(repository: any QuestionRepository, outcomeBytesMax: Int) {
        self.repository = repository
        self.outcomeBytesMax = outcomeBytesMax
    }

    /// What came of an answer.
    struct Outcome {
        let completion: LoadedPlugin.Completion
        /// The sealed text of the question that followed, where one did.
        var sealed: String?
    }

    // MARK: Asking

    /// Refuses a caller who cannot be asked, where the tool says that it asks; one that does not say so may not ask.
    ///
    /// - Throws: `notSupported`, which MCP answers with the capability that is missing.
    func check(_ work: Dispatch.Work) throws(GatewayError) {
        guard !work.call.canBeAsked, work.entry.tool.asks else { return }
        var error = GatewayError(.notSupported, "\(work.entry.tool.name) asks a person, and this client cannot.")
        error.needsPerson = true
        throw error
    }

    // MARK: Answering

    /// Lets a tool hear an answer, once.
    ///
    /// - Returns: What came of it, and whether that was known already.
    /// - Throws: `invalidArgument` where the question had another answer; `idempotencyInProgress` while the tool works
    ///   on it; `conflict` where nobody knows what came of it.
    func answered(
        _ answer: TakenAnswer,
        by run: () async throws(GatewayError) -> Outcome
    ) async throws(GatewayError) -> (outcome: Outcome, isReplayed: Bool) {
        guard state.withLock({ $0.running.insert(answer.question).inserted }) else { throw Questions.isRunning }
        defer { _ = state.withLock { $0.running.remove(answer.question) } }
        switch try await repository.take(answer) {
        case .earlier(let digest, let outcome):
            guard digest == answer.digest else { throw Questions.otherAnswer }
            return (try Questions.read(outcome), true)
        case .first:
            let outcome = try await run()
            guard outcome.completion.status != LoadedPlugin.Completion.notTaken else {
                try await repository.giveBack(answer.question, organization: answer.organization)
                return (outcome, false)
            }
            do throws(GatewayError) {
                try await repository.keep(text(of: outcome), of: answer.question, organization: answer.organization)
            } catch {
                // The tool has worked: its caller hears of it. Who asks again is told that nobody knows.
            }
            return (outcome, false)
        }
    }

    /// What names an answer: its action and its fields.
    static func digest(of answer: QuestionAnswer) -> [UInt8] {
        SHA256.digest(JSON.object(["action": .string(answer.action), "content": answer.content]).canonicalBytes).bytes
    }

    private func text(of outcome: Outcome) -> String {
        var kept: JSONObject = ["status": .integer(Int64(outcome.completion.status))]
        if outcome.completion.payload.count <= outcomeBytesMax {
            kept["payload"] = .string(String(decoding: outcome.completion.payload, as: UTF8.self))
        }
        kept["sealed"] = outcome.sealed.map { .string($0) }
        return JSON.object(kept).text
    }

    private static func read(_ text: String?) throws(GatewayError) -> Outcome {
        guard let text, let kept = try? JSON(parsing: text), let status = kept["status"]?.integerValue else {
            throw GatewayError(
                .conflict,
                """
                This answer was given before, and the gateway ended while the tool worked on it: nobody knows what came of \
                it. Look whether it was done; the tool is not run again for it.
                """
            )
        }
        guard let payload = kept["payload"]?.stringValue else {
            throw GatewayError(
                .conflict,
                "This answer was given before and the tool worked on it; its result is too long to be shown again."
            )
        }
        let completion = LoadedPlugin.Completion(
            status: Int32(truncatingIfNeeded: status),
            payload: Array(payload.utf8)
        )
        return Outcome(completion: completion, sealed: kept["sealed"]?.stringValue)
    }

    private static let isRunning = GatewayError(
        .idempotencyInProgress,
        "The tool still works on this answer. Ask again in a moment with the same.",
        retryAfter: .seconds(1)
    )

    private static let otherAnswer = GatewayError(
        .invalidArgument,
        "This question has been answered, and not so. Call the tool again to be asked anew."
    )
    .aboutCall
}
