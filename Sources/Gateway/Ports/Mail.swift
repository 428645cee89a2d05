/// What is written to somebody: plain text, with what only they may read.
package struct Letter: Sendable {
    /// To whom: an address of mail.
    package let recipient: String
    /// What it is about; one line.
    package let subject: String
    /// What it says.
    ///
    /// Secret: it may hold a one-time link.
    package let text: Secret<String>

    /// Writes a letter.
    package init(to recipient: String, subject: String, text: Secret<String>) {
        self.recipient = recipient
        self.subject = subject
        self.text = text
    }
}

/// What became of a letter.
package enum LetterState: Sendable, Equatable {
    /// A server has taken it.
    case sent
    /// No server has said so; why, in words that hold nothing of the letter.
    case failed(String)
}

/// Sends letters.
///
/// Each is tried once, while somebody waits for what becomes of it: nothing is kept of it, and nothing is sent later. So
/// whoever made a link is told whether it left, and a process that dies has sent it or has not.
///
/// Implemented by `Egress`.
package protocol Mailer: Sendable {
    /// Hands a letter over, within its own time.
    func send(_ letter: Letter) async -> LetterState
}
