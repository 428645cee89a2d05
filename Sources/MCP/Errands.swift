import Cryptography
import Gateway
import OrderedJSON

/// Pages to which clients of sessions were led in an error, because their calls had no stream to be told on.
///
/// That it is decided is told on the session's own stream. Which session was led there stands in the store, so that any host
/// tells it, and no other session is told.
extension Conversations {
    private static let errandDigest = Array("mcp-errand".utf8)

    /// Notes that a session's client was led to the page of a payment.
    func noteErrand(_ record: RecordID, in conversation: Conversation) async {
        guard let id = Conversations.errand(record.description, in: conversation) else { return }
        let claim = OnceClaim(
            id: id,
            organization: conversation.organization,
            digest: Conversations.errandDigest,
            takenAt: entropy.now(),
            expiresAt: conversation.until
        )
        // Who is told nothing finds what became of it by the same call, as the error says.
        do throws(GatewayError) { _ = try await once.take(claim) } catch {}
    }

    /// What a session is told of a payment that is decided; nil where its client was not led there, or is told already.
    func endOfErrand(_ subject: String, in conversation: Conversation) async -> [UInt8]? {
        guard let record = Identifier(subject), let id = Conversations.errand(subject, in: conversation) else {
            return nil
        }
        do throws(GatewayError) {
            let found = try await once.claim(id, organization: conversation.organization, at: entropy.now())
            guard let found, found.digest == Conversations.errandDigest, found.outcome == nil else { return nil }
            try await once.keep("\"told\"", of: id, organization: conversation.organization)
        } catch { return nil }
        return Conversations.completed(record)
    }

    /// What the claim of an errand is named by.
    private static func errand(_ subject: String, in conversation: Conversation) -> Identifier? {
        let text = "errand to \(subject) in \(conversation.id)"
        return Identifier(bytes: SHA256.digest(Array(text.utf8)).bytes.prefix(16))
    }
}

extension MCPServer {
    /// Notes where an answer leads the client to a page by an error, that its session is told once that is decided.
    func noteErrand(_ reply: ToolReply, _ exchange: Exchange) async {
        guard let conversation = exchange.conversation, let record = reply.record,
            case .question(let question, _) = reply.ending, MCPError.needsPage(question, record, exchange) != nil
        else { return }
        await conversations.noteErrand(record, in: conversation)
    }
}

extension Listening {
    /// What a session is told of pages to which its client was led in an error.
    func endsOfErrands(_ news: [FeedEvent], _ now: Sight) async -> [[UInt8]] {
        guard let conversation = exchange.conversation, conversation.hasPages else { return [] }
        var messages: [[UInt8]] = []
        let maker = now.reader.subjectText
        for event in news where event.kind == .approvalDecided && event.payload["made_by"]?.stringValue == maker {
            guard let message = await server.conversations.endOfErrand(event.subject, in: conversation) else {
                continue
            }
            messages.append(message)
        }
        return messages
    }
}
