import Gateway
import OrderedJSON

/// Who sent a message, as a transport knows it.
package struct Caller: Sendable {
    /// What was shown.
    package let credential: Credential
    /// The environment that a user's call names.
    package let environment: Environment?
    /// The address, as the transport saw it.
    package let address: String?
    /// The message's header.
    package let headers: any HeaderSource
    /// A key that came beside the message, or why it is none.
    package let idempotencyKey: Result<String?, GatewayError>

    /// Gathers what a transport knows.
    package init(
        credential: Credential,
        environment: Environment?,
        address: String?,
        headers: any HeaderSource,
        idempotencyKey: Result<String?, GatewayError>
    ) {
        self.credential = credential
        self.environment = environment
        self.address = address
        self.headers = headers
        self.idempotencyKey = idempotencyKey
    }
}

/// One request on its way to its answer: the message, the revision that it is of, who sent it.
package struct Exchange: Sendable {
    let message: Message
    var revision: Revision
    let caller: Caller
    /// Names the request; the log and the audit show it.
    package let call: CallID
    /// The session that it is of, in an older revision.
    var conversation: Conversation?
    /// As other hosts find the call, in a session.
    var standing: StandingCall?
    /// Whether it came beside a stream, on which its client is told of more than answers.
    var hasStream = false
    /// That stream, where requests of their own come for it.
    var pair: Identifier?
    /// Who sent it, once that was looked for; of what goes on for long, nobody is named.
    var recognized: Recognized?

    init(message: Message, revision: Revision, caller: Caller, call: CallID) {
        self.message = message
        self.revision = revision
        self.caller = caller
        self.call = call
    }

    /// Whether the client takes a task for an answer.
    var takesTasks: Bool { !revision.hasHandshake && message.takesTasks }

    /// Whether the client can ask a person: what it cannot be asked is refused before anything runs.
    ///
    /// Clients with a handshake say so then, and have a session for it; a server asks them by a request of its own,
    /// for which the call must have a stream.
    func canElicit(_ hasStream: Bool) -> Bool {
        revision.hasHandshake ? conversation?.hasForms == true && hasStream : message.canElicit
    }

    /// Whether the client can lead a person to a page.
    ///
    /// One with a handshake is told on its call's stream, and without a stream in an error: that needs none.
    var opensPages: Bool {
        guard revision.hasHandshake else { return message.opensPages }
        return revision >= .november2025 && conversation?.hasPages == true
    }

    /// By what a client of an older revision says that a closed connection gives its request up.
    package static let endsWithConnectionHeader = "Gateway-Ends-With-Connection"

    /// By what a client of an older revision names its session.
    package static let sessionHeader = "Mcp-Session-Id"

    /// Whether the client giving its connection up gives the request up.
    ///
    /// The older revisions say that it does not; a bridge, which has a connection for each request, says that it does.
    package var endsWithConnection: Bool {
        !revision.hasHandshake || !caller.headers.values(of: Exchange.endsWithConnectionHeader).isEmpty
    }

    var action: ActionCall {
        var action = ActionCall(
            id: call,
            door: .mcp,
            credential: caller.credential,
            environment: caller.environment,
            address: caller.address
        )
        action.recognized = recognized
        return action
    }
}
