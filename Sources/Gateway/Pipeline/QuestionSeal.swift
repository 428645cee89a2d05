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
        private let schema: JSON
        private let state: JSON

        fileprivate init?(_ inner: JSON) {
            guard let id = inner["id"]?.stringValue.flatMap({ Identifier($0) }),
                let until = inner["until_ms"]?.integerValue, let schema = inner["schema"]
            else { return nil }
            self.id = id
            self.until = Timestamp(milliseconds: until)
            self.schema = schema
            state = inner["state"] ?? .null
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

        /// What the tool hears, held to the schema that was asked; what is declined or cancelled has no fields.
        ///
        /// - Throws: `invalidArgument` naming the wrong fields.
        func answer(_ reply: QuestionReply) throws(GatewayError) -> QuestionAnswer {
            guard reply.action == "accept" else {
                return QuestionAnswer(action: reply.action, content: [:], state: state)
            }
            let compiled: JSONSchema
            do { compiled = try JSONSchema(compiling: schema) } catch {
                throw GatewayError.fault("a question's schema cannot be used: \(error)")
            }
            let wrong =
                PlainText.errors(in: reply.content) { _ in .lines }
                + compiled.violations(in: reply.content).map { .init(pointer: $0.instancePath, message: $0.message) }
            let errors = wrong.map { error in
                GatewayError.FieldError(
                    pointer: "/\(CallSchemas.input)/content" + error.pointer,
                    message: error.message
                )
            }
            guard let first = errors.first else {
                return QuestionAnswer(action: reply.action, content: reply.content, state: state)
            }
            throw GatewayError(
                .invalidArgument,
                "The answer is not of the schema that was asked: \(first.message)",
                errors: errors
            )
            .aboutCall
        }
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

    /// What questions are for that tools ask.
    static let tools = "question"

    /// The clock that its questions end by.
    var now: Timestamp { entropy.now() }

    /// Makes a seal.
    init(key: Secret<[UInt8]>, entropy: Entropy, life: Duration = .seconds(600)) {
        self.key = key
        self.entropy = entropy
        self.life = life
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
        let inner: JSON = [
            "id": .string(entropy.identifier().description),
            "until_ms": .integer((entropy.now() + life * question.parts.count + grace).milliseconds),
            "schema": question.schema, "state": question.state,
        ]
        do {
            let about = place.bytes(purpose)
            return Base64.encode(try AESGCM.seal(inner.bytes, key: key.reveal(), associatedData: about))
        } catch {
            throw GatewayError.fault("a question cannot be sealed: \(error)")
        }
    }

    /// The question that a reply answers.
    ///
    /// - Throws: `invalidArgument` when the seal is another's, broken or too old.
    func open(
        _ reply: QuestionReply,
        at place: Place,
        as purpose: String = QuestionSeal.tools
    ) throws(GatewayError) -> Opened {
        let now = entropy.now()
        guard let sealed = Base64.decode(reply.state),
            let bytes = try? AESGCM.open(sealed, key: key.reveal(), associatedData: place.bytes(purpose)),
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
