import Cryptography
import OrderedJSON

/// Sixth stage, for what changes something in the host itself: a caller's key makes it once.
///
/// The claim has no record: what is kept is the answer, without what was secret in it, and digests under the host's
/// key, so that a password among the arguments cannot be tried out on what is stored.
final class ReserveAction: Sendable {
    private let once: Once
    private let key: Secret<[UInt8]>
    private let entropy: Entropy
    private let retention: Duration
    private let answerBytesMax: Int

    /// Makes the stage.
    ///
    /// - Parameters:
    ///   - key: Comes from the host's master key.
    ///   - retention: How long a key counts from its first use. Default 24 h, as for tools.
    ///   - answerBytesMax: Answers over this are not shown again. Default 64 KiB.
    init(
        repository: any OnceRepository,
        key: Secret<[UInt8]>,
        entropy: Entropy,
        retention: Duration = .seconds(86_400),
        answerBytesMax: Int = 64 << 10
    ) {
        once = Once(repository: repository)
        self.key = key
        self.entropy = entropy
        self.retention = retention
        self.answerBytesMax = answerBytesMax
    }

    /// Does the work, or shows what it answered when it was done under the same key before.
    ///
    /// What only reads needs no key, and one that comes is held to its form and ignored, as for tools; so is what is only
    /// checked, whose key stays free for what is then made.
    /// - Throws: as the work does, which leaves the key free where nothing was done; `idempotencyKeyReused` when the key
    ///   was used for something else, or by somebody else; `idempotencyInProgress` while it is being done; `conflict`
    ///   when nobody knows whether it was.
    func answer(
        _ call: ActionCall,
        of action: Action,
        _ arguments: JSON,
        _ principal: Principal,
        work: () async throws(GatewayError) -> Action.Answer
    ) async throws(GatewayError) -> (answer: Action.Answer, isReplayed: Bool) {
        guard let text = call.idempotencyKey else { return (try await work(), false) }
        try IdempotencyKey.check(text)
        let isTried = arguments["validate_only"] == true || arguments["preview"] == true
        guard !action.isReadOnly, !isTried else { return (try await work(), false) }
        let claim = claim(text, of: action, arguments, principal)
        let found = try await once.run(claim, ReserveAction.refusals, isUndone: { !$0.isOutcomeUnknown }) {
            () async throws(GatewayError) in
            let answer = try await work()
            return (answer, kept(answer, of: action))
        }
        switch found {
        case .done(let answer): return (answer, false)
        case .kept(let text): return (ReserveAction.replay(text, of: action), true)
        }
    }

    private func claim(_ text: String, of action: Action, _ arguments: JSON, _ principal: Principal) -> OnceClaim {
        let place = digest(["key", principal.environment.rawValue, text])
        let words = [action.name, principal.subjectText]
        let now = entropy.now()
        return OnceClaim(
            id: Identifier(bytes: place.bytes.prefix(16)) ?? Identifier(high: 0, low: 0),
            organization: principal.organization,
            digest: digest(words, arguments.canonicalBytes).bytes,
            takenAt: now,
            expiresAt: now + retention
        )
    }

    /// No word holds a zero, so that two lists never have the same bytes.
    private func digest(_ words: [String], _ rest: [UInt8] = []) -> Digest32 {
        HMACSHA256.authenticate(key: key.reveal(), words.flatMap { Array($0.utf8) + [0] } + rest)
    }

    // MARK: What is kept

    /// The answer without what is shown once; only that it was done, where it is too long or no document.
    private func kept(_ answer: Action.Answer, of action: Action) -> String {
        guard case .data(let bytes, _, let beside) = answer, let data = try? JSON(parsing: bytes) else { return "{}" }
        var kept: JSONObject = ["data": data.removing(action.shownOnce)]
        for (name, value) in beside { kept["+" + name] = (try? JSON(parsing: value)) ?? .null }
        let text = JSON.object(kept).text
        return text.utf8.count <= answerBytesMax ? text : "{}"
    }

    private static func replay(_ text: String, of action: Action) -> Action.Answer {
        let kept = (try? JSON(parsing: text))?.objectValue ?? JSONObject()
        let secrets = action.shownOnce.isEmpty ? "" : " What was shown once is not shown again."
        return .data(
            (kept["data"] ?? .null).bytes,
            message: "This was done before, under the same key; nothing was done again.\(secrets)",
            beside: kept.filter { $0.key.hasPrefix("+") }.map { (String($0.key.dropFirst()), $0.value.bytes) }
        )
    }

    private static let refusals = Once.Refusals(
        isRunning: GatewayError(
            .idempotencyInProgress,
            "The same is being done now. Ask again in a moment with the same key.",
            retryAfter: .seconds(1)
        ),
        isOther: GatewayError(
            .idempotencyKeyReused,
            "This idempotency key was used for something else, or by somebody else. Use a new key for a new change."
        ),
        isUnknown: GatewayError(
            .conflict,
            """
            This was begun before under the same key, and nobody knows whether it was done: the gateway ended meanwhile, \
            or its store did not answer. Look whether it was; it is not done again for this key.
            """
        )
    )
}

/// The form of callers' keys.
enum IdempotencyKey {
    /// - Throws: `invalidArgument` for a key of another form.
    static func check(_ key: String) throws(GatewayError) {
        guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            let message = "\(CallSchemas.key): expected 1 to 255 visible ASCII characters."
            let pointer = "/" + CallSchemas.key
            throw GatewayError(.invalidArgument, message, errors: [.init(pointer: pointer, message: message)])
        }
    }
}
