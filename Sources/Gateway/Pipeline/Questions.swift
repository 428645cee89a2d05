import Cryptography
import OrderedJSON

/// Has each question be answered once, and shows what came of it again.
final class Questions: Sendable {
    private let once: Once
    /// The longest outcome that is kept: longer ones are not shown again.
    private let outcomeBytesMax: Int

    init(repository: any OnceRepository, outcomeBytesMax: Int) {
        once = Once(repository: repository)
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
        _ answer: OnceClaim,
        by run: () async throws(GatewayError) -> Outcome
    ) async throws(GatewayError) -> (outcome: Outcome, isReplayed: Bool) {
        let found = try await once.run(answer, Questions.refusals) { () async throws(GatewayError) in
            let outcome = try await run()
            let isHeard = outcome.completion.status != LoadedPlugin.Completion.notTaken
            return (outcome, isHeard ? text(of: outcome) : nil)
        }
        switch found {
        case .done(let outcome): return (outcome, false)
        case .kept(let text): return (try Questions.read(text), true)
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

    private static func read(_ text: String) throws(GatewayError) -> Outcome {
        guard let kept = try? JSON(parsing: text), let status = kept["status"]?.integerValue else {
            throw refusals.isUnknown
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

    private static let refusals = Once.Refusals(
        isRunning: GatewayError(
            .idempotencyInProgress,
            "The tool still works on this answer. Ask again in a moment with the same.",
            retryAfter: .seconds(1)
        ),
        isOther: GatewayError(
            .invalidArgument,
            "This question has been answered, and not so. Call the tool again to be asked anew."
        )
        .aboutCall,
        isUnknown: GatewayError(
            .conflict,
            """
            This answer was given before, and the gateway ended while the tool worked on it: nobody knows what came of \
            it. Look whether it was done; the tool is not run again for it.
            """
        )
    )
}
