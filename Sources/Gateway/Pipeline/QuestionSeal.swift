import Cryptography
import JSONSchema
import OrderedJSON

/// Seals a question and its state into the text that goes out, so that the host keeps nothing while a person thinks.
///
/// An answer counts only from the same caller, for the same tool (prompt, resource), arguments and environment, within the
/// seal's life, and once (`Dispatch`, `ContextCalls`).
package struct QuestionSeal: Sendable {
    /// A question that was asked, as its answer brings it back.
    struct Opened {
        /// Names the question.
        let id: Identifier
        /// It can be answered until then.
        let until: Timestamp
        /// All that was asked.
        let question: Question
        /// What was answered before, by name, where something else was missing then.
        fileprivate var given: JSONObject

        fileprivate init?(_ inner: JSON) {
            guard let id = inner["id"]?.stringValue.flatMap({ Identifier($0) }),
                let until = inner["until_ms"]?.integerValue, let question = Question(inner["question"]),
                let given = inner["given"]?.objectValue
            else { return nil }
            self.id = id
            self.until = Timestamp(milliseconds: until)
            (self.question, self.given) = (question, given)
        }

        /// What an answer takes, so that it counts once.
        func claim(of answer: QuestionAnswer, organization: OrganizationID, at now: Timestamp) -> OnceClaim {
            OnceClaim(
                id: id,
                organization: organization,
                digest: Questions.digest(of: answer),
                takenAt: now,
                expiresAt: until
            )
        }
    }

    /// What a reply comes to.
    enum Heard {
        /// Everything was answered: what the tool hears.
        case answer(QuestionAnswer)
        /// Something was not: it is asked again, with what goes out beside it.
        case missing(Question, state: String)
    }

    /// What a question is about: an answer counts for nothing else.
    struct Place: Sendable {
        /// What asks, as callers name it.
        let name: String
        /// Who is asked.
        let principal: Principal
        /// What it was asked about.
        let arguments: JSON

        fileprivate func bytes(_ purpose: String) -> [UInt8] {
            let digest = SHA256.digest(arguments.canonicalBytes).hexadecimal
            return Array(
                "\(purpose)|\(principal.organization)|\(principal.environment.rawValue)|\(principal.bearerText)|\(name)|\(digest)"
                    .utf8
            )
        }
    }

    private let key: Secret<[UInt8]>
    private let entropy: Entropy
    /// How long a person has for each question of a round.
    private let life: Duration
    /// How much longer it is good for than a person is asked: an answer of the last moment is still one in time.
    private let grace = Duration.seconds(30)
    /// The longest text that carries answers along, where others are missing.
    private let stateBytesMax: Int

    /// What questions are for that tools ask.
    static let tools = "question"

    /// The clock that its questions end by.
    var now: Timestamp { entropy.now() }

    /// Makes a seal.
    ///
    /// Answers are carried along in a text of at most `stateBytesMax`, by default 64 KiB, while others are missing.
    init(key: Secret<[UInt8]>, entropy: Entropy, life: Duration = .seconds(600), stateBytesMax: Int = 64 << 10) {
        self.key = key
        self.entropy = entropy
        self.life = life
        self.stateBytesMax = stateBytesMax
    }

    /// The text that goes out with a question.
    ///
    /// - Throws: `pluginFailed` when the question's schema is none.
    func seal(
        _ question: Question,
        at place: Place,
        as purpose: String = QuestionSeal.tools
    ) throws(GatewayError) -> String {
        do { _ = try JSONSchema(compiling: question.schema) } catch {
            throw GatewayError(
                .pluginFailed,
                "\(place.name) asked by a schema that is none.",
                detail: "rule P2: \(error)"
            )
        }
        let until = entropy.now() + life * question.parts.count + grace
        return try seal(question, entropy.identifier(), until, given: JSONObject(), about: place.bytes(purpose))
    }

    private func seal(
        _ question: Question,
        _ id: Identifier,
        _ until: Timestamp,
        given: JSONObject,
        about: [UInt8]
    ) throws(GatewayError) -> String {
        let inner: JSON = [
            "id": .string(id.description), "until_ms": .integer(until.milliseconds), "question": question.document,
            "given": .object(given),
        ]
        do {
            return Base64.encode(try AESGCM.seal(inner.bytes, key: key.reveal(), associatedData: about))
        } catch {
            throw GatewayError.fault("a question cannot be sealed: \(error)")
        }
    }

    /// The question that a reply answers, and what it comes to.
    ///
    /// Where an answer is missing, what is missing is asked again: the same question, which ends when it would have ended, and
    /// counts once. What was answered is carried along.
    ///
    /// - Throws: `invalidArgument` when the seal is another's, broken or too old, or an answer is not of its schema.
    func hear(
        _ reply: QuestionReply,
        at place: Place,
        as purpose: String = QuestionSeal.tools
    ) throws(GatewayError) -> (opened: Opened, heard: Heard) {
        let about = place.bytes(purpose)
        let opened = try open(reply, about)
        let answers: JSONObject
        switch reply.said {
        case .once(let word): return (opened, .answer(try opened.answer(word)))
        case .each(let given): answers = given
        }
        let words = try opened.words(in: answers)
        if let refusal = QuestionWord.refusal(among: words.map(\.word)) {
            return (opened, .answer(try opened.answer(refusal)))
        }
        let given = try opened.given(with: words)
        let missing = opened.question.asking { given[$0.answerName] == nil }
        guard !missing.parts.isEmpty else { return (opened, .answer(opened.answer(given))) }
        guard !words.isEmpty else { return (opened, .missing(missing, state: reply.state)) }
        let sealed = try seal(opened.question, opened.id, opened.until, given: given, about: about)
        if sealed.utf8.count <= stateBytesMax { return (opened, .missing(missing, state: sealed)) }
        // What is too long to be carried along is asked again, too.
        let open = opened.question.asking { opened.given[$0.answerName] == nil }
        return (opened, .missing(open, state: reply.state))
    }

    private func open(_ reply: QuestionReply, _ about: [UInt8]) throws(GatewayError) -> Opened {
        let now = entropy.now()
        guard let sealed = Base64.decode(reply.state),
            let bytes = try? AESGCM.open(sealed, key: key.reveal(), associatedData: about),
            let inner = try? JSON(parsing: bytes), let opened = Opened(inner),
            // One that ends later than any can was sealed by a clock that has been set back since.
            now < opened.until, opened.until - now <= life * Question.partsMax + grace
        else {
            throw GatewayError(
                .invalidArgument,
                "request_state: expected the text that came with the question, for the same call and caller, within "
                    + "\(life.wholeMilliseconds / 1000) seconds for each question. Call again without it."
            )
            .aboutCall
        }
        return opened
    }
}

// MARK: - What is said

extension Question.Part {
    /// What its answer goes by.
    fileprivate var answerName: String { name ?? Question.aloneName }
}

extension QuestionSeal.Opened {
    /// What the tool hears of one answer to all, held to the schema that was asked; what is declined or cancelled has no
    /// fields.
    ///
    /// - Throws: `invalidArgument` naming the wrong fields.
    fileprivate func answer(_ word: QuestionWord) throws(GatewayError) -> QuestionAnswer {
        guard word.action == "accept" else {
            return QuestionAnswer(action: word.action, content: [:], state: question.state)
        }
        try Self.refuse(Self.errors(in: word.content, of: question.schema))
        return QuestionAnswer(action: word.action, content: word.content, state: question.state)
    }

    /// The same of answers by name, each of which was looked at.
    fileprivate func answer(_ given: JSONObject) -> QuestionAnswer {
        let isAlone = question.parts.first?.name == nil
        // In the order of what was asked, whatever the order in which it was answered.
        let all = JSONObject(question.parts.compactMap { part in given[part.answerName].map { (part.answerName, $0) } })
        let content = isAlone ? given[Question.aloneName] ?? [:] : .object(all)
        return QuestionAnswer(action: "accept", content: content, state: question.state)
    }

    /// What is said to what is still asked; what was not asked is passed over.
    fileprivate func words(
        in answers: JSONObject
    ) throws(GatewayError) -> [(part: Question.Part, word: QuestionWord)] {
        var words: [(part: Question.Part, word: QuestionWord)] = []
        for part in question.parts where given[part.answerName] == nil {
            guard let answer = answers[part.answerName] else { continue }
            guard let word = QuestionWord(answer) else {
                throw GatewayError(
                    .invalidArgument,
                    "inputResponses.\(part.answerName): action must be accept, decline or cancel, and content an object"
                )
                .aboutCall
            }
            words.append((part, word))
        }
        return words
    }

    /// What was answered before, and what is accepted now.
    ///
    /// - Throws: `invalidArgument` naming the wrong fields.
    fileprivate func given(
        with words: [(part: Question.Part, word: QuestionWord)]
    ) throws(GatewayError) -> JSONObject {
        var (given, errors) = (given, [GatewayError.FieldError]())
        for (part, word) in words {
            let place = part.name.map { "/" + $0 } ?? ""
            errors += try Self.errors(in: word.content, of: part.schema, at: place)
            given[part.answerName] = word.content
        }
        try Self.refuse(errors)
        return given
    }

    private static func errors(
        in content: JSON,
        of schema: JSON,
        at place: String = ""
    ) throws(GatewayError) -> [GatewayError.FieldError] {
        let compiled: JSONSchema
        do { compiled = try JSONSchema(compiling: schema) } catch {
            throw GatewayError.fault("a question's schema cannot be used: \(error)")
        }
        let wrong =
            PlainText.errors(in: content) { _ in .lines }
            + compiled.violations(in: content).map { .init(pointer: $0.instancePath, message: $0.message) }
        return wrong.map { error in
            .init(pointer: "/\(CallSchemas.input)/content" + place + error.pointer, message: error.message)
        }
    }

    private static func refuse(_ errors: [GatewayError.FieldError]) throws(GatewayError) {
        guard let first = errors.first else { return }
        throw GatewayError(
            .invalidArgument,
            "The answer is not of the schema that was asked: \(first.message)",
            errors: errors
        )
        .aboutCall
    }
}
