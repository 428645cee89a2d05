import Cryptography
import OrderedJSON

/// A caller's answer to a tool's question, as it came back: the state is a stranger's text until the seal is opened.
package struct QuestionReply: Sendable, Equatable {
    /// `accept`, `decline` or `cancel`.
    package let action: String
    /// The fields.
    package let content: JSON
    /// What the caller was given with the question.
    package let state: String

    /// States a reply.
    package init(action: String, content: JSON, state: String) {
        self.action = action
        self.content = content
        self.state = state
    }
}

/// Seals a tool's state into the question that goes out, so that the host keeps nothing while a person thinks.
///
/// An answer counts only from the same caller, for the same tool and arguments, within the seal's life.
package struct QuestionSeal: Sendable {
    private let key: Secret<[UInt8]>
    private let entropy: Entropy
    private let life: Duration

    /// Makes a seal.
    package init(key: Secret<[UInt8]>, entropy: Entropy, life: Duration = .seconds(600)) {
        self.key = key
        self.entropy = entropy
        self.life = life
    }

    /// The text that goes out with a question.
    func seal(_ state: JSON, for work: Dispatch.Work) throws(GatewayError) -> String {
        let until = (entropy.now() + life).milliseconds
        let inner: JSON = ["until_ms": .integer(until), "state": state]
        do {
            return Base64.encode(try AESGCM.seal(inner.bytes, key: key.reveal(), associatedData: place(of: work)))
        } catch {
            throw GatewayError.fault("a question cannot be sealed: \(error)")
        }
    }

    /// The answer with the tool's state.
    ///
    /// - Throws: `invalidArgument` when the seal is another's, broken or too old.
    func open(_ reply: QuestionReply, for work: Dispatch.Work) throws(GatewayError) -> QuestionAnswer {
        let invalid = GatewayError(
            .invalidArgument,
            "request_state: expected the text that came with the question, for the same tool, arguments and caller, "
                + "within \(life.wholeMilliseconds / 1000) seconds. Call the tool again without it."
        )
        guard ["accept", "decline", "cancel"].contains(reply.action) else {
            throw GatewayError(.invalidArgument, "input/action: expected accept, decline or cancel.")
        }
        guard let sealed = Base64.decode(reply.state),
            let bytes = try? AESGCM.open(sealed, key: key.reveal(), associatedData: place(of: work)),
            let inner = try? JSON(parsing: bytes), let until = inner["until_ms"]?.integerValue,
            until > entropy.now().milliseconds
        else { throw invalid }
        return QuestionAnswer(action: reply.action, content: reply.content, state: inner["state"] ?? .null)
    }

    private func place(of work: Dispatch.Work) -> [UInt8] {
        let digest = SHA256.digest(work.arguments.bytes).hexadecimal
        let principal = work.principal
        return Array(
            "question|\(principal.organization)|\(principal.subjectText)|\(work.entry.tool.name)|\(digest)".utf8
        )
    }
}
