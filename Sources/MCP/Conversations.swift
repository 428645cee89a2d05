import Cryptography
import Gateway
import OrderedJSON
import Synchronization

/// A session of an older revision, in which its client can be asked.
///
/// It is a sealed text that the client carries: nothing is kept of it, and any host reads it. Kept is that one was ended
/// before its time.
struct Conversation: Sendable, Equatable {
    let id: Identifier
    let revision: Revision
    /// Whose it is: it is nobody else's, and of those who act as one key by tokens each has their own.
    let organization: OrganizationID
    let bearer: String
    let environment: Environment
    let until: Timestamp
    /// Whether its client asks people in forms.
    var hasForms = true
    /// Whether its client leads people to pages.
    var hasPages = false
}

/// Sessions, and questions that are asked in them: the question goes out on the stream of the call that asks, the answer
/// comes in by a request of its own, perhaps at another host, and is found in the store by whoever waits.
package final class Conversations: Sendable {
    /// What bounds them.
    package struct Settings: Sendable {
        /// How long a session lasts; then its client begins anew.
        ///
        /// Default 12 h.
        package var life: Duration = .seconds(43_200)
        /// How long a person has for an answer; of several that are asked in one round, for each on the average: the round has
        /// one end.
        ///
        /// Default 10 min, which is how long a tool's question lasts.
        package var answerWithin: Duration = .seconds(600)
        /// How often it is looked whether an answer has come in at another host.
        ///
        /// Default 2 s; one that comes in here is seen at once.
        package var lookEvery: Duration = .seconds(2)
        /// How often a stream on which there is nothing to tell shows that it is open.
        ///
        /// Default 15 s: what stands between cuts connections that are silent for minutes.
        package var signEvery: Duration = .seconds(15)
        /// So many calls wait for an answer at a time.
        ///
        /// Default 1,000.
        package var waitingMax = 1_000
        /// So many of one organization.
        ///
        /// Default 64: an organization leaves places to the others.
        package var waitingOfOrganizationMax = 64
        /// So many questions one call may ask, one after another.
        ///
        /// Default 8.
        package var questionsMax = 8
        /// So long a call whose question is answered waits for another of the same key that is being answered too.
        ///
        /// Default 30 s.
        package var settleWithin: Duration = .seconds(30)
        /// The longest answer.
        ///
        /// Default 64 KiB.
        package var answerBytesMax = 64 << 10

        /// The defaults.
        package init() {}
    }

    private let key: Secret<[UInt8]>
    let once: any OnceRepository
    let entropy: Entropy
    let settings: Settings
    private let waiting = Mutex<[Identifier: Waiting]>([:])

    /// Who waits, and how they are told that an answer is there.
    private struct Waiting {
        let organization: OrganizationID
        let session: Identifier
        /// Nil for who waits for no answer, but for what is decided on a page.
        let arrived: AsyncStream<Void>.Continuation?

        init(_ conversation: Conversation, _ arrived: AsyncStream<Void>.Continuation?) {
            (organization, session, self.arrived) = (conversation.organization, conversation.id, arrived)
        }
    }

    /// Makes them over the store in which answers are found.
    package init(
        key: Secret<[UInt8]>,
        once: any OnceRepository,
        entropy: Entropy,
        settings: Settings = Settings()
    ) {
        self.key = key
        self.once = once
        self.entropy = entropy
        self.settings = settings
    }

    private static let place = Array("mcp-session".utf8)

    // MARK: Sessions

    /// Begins one: the text that its client carries, and what that said it can.
    func begin(
        _ principal: Principal,
        in revision: Revision,
        hasForms: Bool = true,
        hasPages: Bool = false
    ) throws(GatewayError) -> String {
        let inner: JSON = [
            "id": .string(entropy.identifier().description), "version": .string(revision.rawValue),
            "organization": .string(principal.organization.description),
            "bearer": .string(principal.bearerText), "environment": .string(principal.environment.rawValue),
            "until_ms": .integer((entropy.now() + settings.life).milliseconds),
            "forms": .bool(hasForms), "pages": .bool(hasPages),
        ]
        do {
            let sealed = try AESGCM.seal(inner.bytes, key: key.reveal(), associatedData: Conversations.place)
            return Base64.encode(sealed)
        } catch { throw GatewayError.fault("a session cannot be sealed: \(error)") }
    }

    /// The session of a text; nil for what is none of ours, and once its time is over.
    func read(_ text: String) -> Conversation? {
        guard text.utf8.count <= 2048, let sealed = Base64.decode(text),
            let bytes = try? AESGCM.open(sealed, key: key.reveal(), associatedData: Conversations.place),
            let inner = try? JSON(parsing: bytes),
            let id = inner["id"]?.stringValue.flatMap({ Identifier($0) }),
            let revision = inner["version"]?.stringValue.flatMap(Revision.init(rawValue:)),
            let organization = inner["organization"]?.stringValue.flatMap({ OrganizationID($0) }),
            let bearer = inner["bearer"]?.stringValue,
            let environment = inner["environment"]?.stringValue.flatMap(Environment.init(rawValue:)),
            let until = inner["until_ms"]?.integerValue, entropy.now() < Timestamp(milliseconds: until)
        else { return nil }
        return Conversation(
            id: id,
            revision: revision,
            organization: organization,
            bearer: bearer,
            environment: environment,
            until: Timestamp(milliseconds: until),
            // Of one that was begun before there were pages, forms are all that was asked for.
            hasForms: inner["forms"] != false,
            hasPages: inner["pages"] == true
        )
    }

    /// Whether it was ended before its time.
    func hasEnded(_ conversation: Conversation) async throws(GatewayError) -> Bool {
        let now = entropy.now()
        return try await once.claim(conversation.id, organization: conversation.organization, at: now) != nil
    }

    /// Ends it, for every host; whoever waits in it here sees that at once.
    func end(_ conversation: Conversation) async throws(GatewayError) {
        let claim = OnceClaim(
            id: conversation.id,
            organization: conversation.organization,
            digest: Conversations.place,
            takenAt: entropy.now(),
            expiresAt: conversation.until
        )
        _ = try await once.take(claim)
        let waiting = waiting.withLock { waiting in waiting.values.filter { $0.session == conversation.id } }
        for one in waiting { one.arrived?.yield() }
    }

    // MARK: Questions

    /// When a round of so many questions is over that begins now.
    func end(ofRound questions: Int) -> Timestamp { entropy.now() + settings.answerWithin * questions }

    /// Asks the person at the client, and waits until then; `isOver` says at each look whether nobody is to be asked any
    /// longer.
    ///
    /// - Returns: The answer; nil where none has come in time, or its call is given up.
    /// - Throws: `rateLimited` where too many wait.
    func ask(
        _ question: Question.Part,
        in conversation: Conversation,
        as id: Identifier? = nil,
        until end: Timestamp? = nil,
        unless isOver: @Sendable () async -> Bool = { false },
        _ tell: @Sendable ([UInt8]) -> Void
    ) async throws(GatewayError) -> JSON? {
        let (id, now) = (id ?? entropy.identifier(), entropy.now())
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        guard letIn(Waiting(conversation, arrived), as: id) else {
            throw GatewayError(.rateLimited, "Too many wait for people's answers.", retryAfter: .seconds(30))
        }
        defer { leavePlace(of: id) }
        let claim = OnceClaim(
            id: id,
            organization: conversation.organization,
            digest: Conversations.digest(of: conversation),
            takenAt: now,
            expiresAt: end ?? self.end(ofRound: 1)
        )
        _ = try await once.take(claim)
        tell(Conversations.message(question, id, conversation.revision))
        if let answer = try await answer(to: claim, arrivals, arrived, unless: isOver, tell) { return answer }
        // Nobody waits for it any longer: what is answered now counts for nothing. What is not taken away ends by itself.
        do throws(GatewayError) { try await once.giveBack(claim.id, organization: claim.organization) } catch {}
        return nil
    }

    /// Keeps a place among those who wait for a call that has led somebody to a page, until it is left; whether there is one.
    func keepPlace(of id: Identifier, in conversation: Conversation) -> Bool {
        letIn(Waiting(conversation, nil), as: id)
    }

    /// Leaves it to others.
    func leavePlace(of id: Identifier) { _ = waiting.withLock { $0.removeValue(forKey: id) } }

    private func letIn(_ one: Waiting, as id: Identifier) -> Bool {
        waiting.withLock { waiting in
            let own = waiting.values.count { $0.organization == one.organization }
            guard waiting.count < settings.waitingMax, own < settings.waitingOfOrganizationMax else { return false }
            waiting[id] = one
            return true
        }
    }

    /// What names the session that a question is asked in: no other answers it.
    private static func digest(of conversation: Conversation) -> [UInt8] {
        SHA256.digest(Array("question in \(conversation.id)".utf8)).bytes
    }

    private static func message(_ question: Question.Part, _ id: Identifier, _ revision: Revision) -> [UInt8] {
        var params: JSONObject = ["message": .string(question.message)]
        if let page = question.page {
            (params["mode"], params["url"], params["elicitationId"]) = ("url", .string(page), .string(id.description))
        } else {
            params["requestedSchema"] = question.schema
            if revision >= .november2025 { params["mode"] = "form" }
        }
        let message: JSON = [
            "jsonrpc": "2.0", "id": .string(id.description), "method": "elicitation/create",
            "params": .object(params),
        ]
        return message.bytes
    }

    /// That what was asked on a page is decided.
    static func completed(_ id: Identifier) -> [UInt8] {
        let message: JSON = [
            "jsonrpc": "2.0", "method": "notifications/elicitation/complete",
            "params": ["elicitationId": .string(id.description)],
        ]
        return message.bytes
    }

    /// Looks at once, when something has come in here, and every so often besides.
    ///
    /// All of that comes in one stream of one reader: a stream whose reader is cancelled is over for good.
    private func answer(
        to claim: OnceClaim,
        _ arrivals: AsyncStream<Void>,
        _ arrived: AsyncStream<Void>.Continuation,
        unless isOver: @Sendable () async -> Bool,
        _ tell: @Sendable ([UInt8]) -> Void
    ) async throws(GatewayError) -> JSON? {
        let (sleep, every) = (entropy.sleep, settings.lookEvery)
        var silent = Duration.zero
        let ticker = Task {
            while !Task.isCancelled {
                do { try await sleep(for: every) } catch { return }
                arrived.yield()
            }
        }
        defer { ticker.cancel() }
        arrived.yield()
        for await _ in arrivals {
            guard !Task.isCancelled, entropy.now() < claim.expiresAt else { return nil }
            let found = try await once.claim(claim.id, organization: claim.organization, at: entropy.now())
            if let outcome = found?.outcome { return try? JSON(parsing: outcome) }
            if await isOver() { return nil }
            silent += every
            guard silent > settings.signEvery else { continue }
            silent = every
            tell([])
        }
        return nil
    }

    /// Takes a client's answer to a question of its session: the first one counts.
    ///
    /// - Returns: Whether such a question waits.
    func hear(_ reply: Message.Reply, in conversation: Conversation) async throws(GatewayError) -> Bool {
        guard let id = reply.id.stringValue.flatMap({ Identifier($0) }) else { return false }
        let found = try await once.claim(id, organization: conversation.organization, at: entropy.now())
        guard let found, found.digest == Conversations.digest(of: conversation) else { return false }
        let text = (reply.result ?? ["action": "cancel"]).text
        guard text.utf8.count <= settings.answerBytesMax else {
            throw GatewayError(.tooLarge, "An answer is longer than \(settings.answerBytesMax) bytes.")
        }
        if found.outcome == nil { try await once.keep(text, of: id, organization: conversation.organization) }
        _ = waiting.withLock { $0[id] }?.arrived?.yield()
        return true
    }
}
