import OrderedJSON

/// One use of a tool, as a door hands it to the pipeline.
///
/// A class: every stage and the audit look at the same one.
package final class ToolCall: Sendable {
    /// Names the call; the reply, the log and the audit show it.
    package let id: CallID
    /// The door.
    package let door: Door
    /// Who says they call.
    package let credential: Credential
    /// The tool's name.
    package let tool: String
    /// The arguments, as the caller gave them, with what the door adds among them.
    package let arguments: JSON
    /// The caller's idempotency key that came beside the arguments, if any.
    package let idempotencyKey: String?
    /// The account that the call named, once its arguments were looked at; nil for the default one.
    package let account: AccountName?
    /// How long the caller wants to wait for the outcome; nil for the tool's default.
    package let wait: Duration?
    /// The environment a user's token should act in; a key has its own.
    package let environment: Environment?
    /// The caller's address as the door saw it.
    package let address: String?
    /// What a person answered to this tool's question.
    package let answer: QuestionReply?
    /// Whether the caller can put a question to a person.
    package let canBeAsked: Bool
    /// Whether the caller can lead a person to a page.
    package let opensPages: Bool
    /// How a caller of this door is shown a text that others wrote parts of; nil where it is shown as it is.
    package let sight: Sight?

    /// A text as somebody is shown it.
    package typealias Sight = @Sendable (_ text: String, _ principal: Principal) -> String
    /// Is told how far the call is; nil when the door cannot pass it on.
    package let progress: (@Sendable (LoadedPlugin.Progress) -> Void)?
    /// Who calls, where the door had to know it before.
    package let recognized: Recognized?

    /// Gathers what a door knows.
    package init(
        id: CallID,
        door: Door,
        credential: Credential,
        tool: String,
        arguments: JSON,
        idempotencyKey: String? = nil,
        account: AccountName? = nil,
        wait: Duration? = nil,
        environment: Environment? = nil,
        address: String? = nil,
        answer: QuestionReply? = nil,
        canBeAsked: Bool = true,
        opensPages: Bool = false,
        sight: Sight? = nil,
        progress: (@Sendable (LoadedPlugin.Progress) -> Void)? = nil,
        recognized: Recognized? = nil
    ) {
        self.id = id
        self.door = door
        self.credential = credential
        self.tool = tool
        self.arguments = arguments
        self.idempotencyKey = idempotencyKey
        self.account = account
        self.wait = wait
        self.environment = environment
        self.address = address
        self.answer = answer
        self.canBeAsked = canBeAsked
        self.opensPages = opensPages
        self.sight = sight
        self.progress = progress
        self.recognized = recognized
    }

    /// The same call, of which somebody wants to know how far it is.
    package func reporting(to progress: @escaping @Sendable (LoadedPlugin.Progress) -> Void) -> ToolCall {
        with(arguments, idempotencyKey, account, wait, answer, progress, recognized)
    }

    /// The same call, with what a person answered to its tool's question: whoever calls is looked at anew.
    package func answering(_ answer: QuestionReply) -> ToolCall {
        with(arguments, idempotencyKey, account, wait, answer, progress, nil)
    }

    /// The same call, of which is known what the tool's own arguments are and what came beside them.
    func holding(
        _ arguments: JSON,
        idempotencyKey: String?,
        account: AccountName? = nil,
        wait: Duration?,
        answer: QuestionReply?
    ) -> ToolCall {
        with(arguments, idempotencyKey, account, wait, answer, progress, recognized)
    }

    private func with(
        _ arguments: JSON,
        _ idempotencyKey: String?,
        _ account: AccountName?,
        _ wait: Duration?,
        _ answer: QuestionReply?,
        _ progress: (@Sendable (LoadedPlugin.Progress) -> Void)?,
        _ recognized: Recognized?
    ) -> ToolCall {
        ToolCall(
            id: id,
            door: door,
            credential: credential,
            tool: tool,
            arguments: arguments,
            idempotencyKey: idempotencyKey,
            account: account,
            wait: wait,
            environment: environment,
            address: address,
            answer: answer,
            canBeAsked: canBeAsked,
            opensPages: opensPages,
            sight: sight,
            progress: progress,
            recognized: recognized
        )
    }
}

/// What kind of answer a tool's output is.
package enum ToolEnding: Sendable, Equatable {
    /// The output that its schema promises.
    case output
    /// That, and content beside it: a JSON array of content blocks.
    case content([UInt8])
    /// A question to a person, and the state to send back with the answer; the output shows it.
    case question(Question, state: String)
    /// Work that was begun; the output shows the handle.
    case handle(Handle)
}

/// What the pipeline answers; doors give it their own form.
package struct ToolReply: Sendable {
    /// The tool's output as JSON, or why there is none.
    package let result: Result<[UInt8], GatewayError>
    /// Whether there is an output.
    package var isSuccess: Bool {
        if case .success = result { true } else { false }
    }
    /// What the output is, where it is not simply that.
    package var ending = ToolEnding.output
    /// Whether this is an earlier call's transaction, found by its key.
    package let isReplayed: Bool
    /// The record behind it.
    package let record: RecordID?
    /// Where that record stands.
    package let state: RecordState?
    /// What must be said of the record beside the tool's output.
    package var note: Dispatch.Note?
    /// The tool, once it was found and allowed to be seen.
    package let tool: ToolDescriptor?
    /// Where it acted, once it was known who calls.
    package var place: CallPlace?
    /// What the limiter said, once it was asked.
    package let rate: RateDecision?

    /// Makes a reply.
    package init(
        _ result: Result<[UInt8], GatewayError>,
        isReplayed: Bool = false,
        record: RecordID? = nil,
        state: RecordState? = nil,
        tool: ToolDescriptor? = nil,
        rate: RateDecision? = nil
    ) {
        self.result = result
        self.isReplayed = isReplayed
        self.record = record
        self.state = state
        self.tool = tool
        self.rate = rate
    }
}
