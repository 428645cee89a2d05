/// What became of persons' answers to tools' questions: each question is answered once.
package protocol QuestionRepository: Sendable {
    /// Takes a question's one answer, durably, before the tool hears it.
    func take(_ answer: TakenAnswer) async throws(GatewayError) -> AnswerTaking
    /// Keeps what came of an answer that was taken, as JSON text.
    func keep(
        _ outcome: String,
        of question: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError)
    /// Lets a question be answered again, because the tool never heard the answer.
    func giveBack(_ question: Identifier, organization: OrganizationID) async throws(GatewayError)
}

/// An answer that is about to be used.
package struct TakenAnswer: Sendable, Equatable {
    /// The question.
    package let question: Identifier
    /// Whose caller was asked.
    package let organization: OrganizationID
    /// SHA-256 of the answer.
    package let digest: [UInt8]
    /// Forgotten after this, when the question can be answered no more.
    package let expiresAt: Timestamp

    /// States an answer.
    package init(question: Identifier, organization: OrganizationID, digest: [UInt8], expiresAt: Timestamp) {
        self.question = question
        self.organization = organization
        self.digest = digest
        self.expiresAt = expiresAt
    }
}

/// Whether an answer is the first.
package enum AnswerTaking: Sendable, Equatable {
    /// It is: the tool may hear it.
    case first
    /// There was one before; what came of it is nil while nobody knows.
    case earlier(digest: [UInt8], outcome: String?)
}
