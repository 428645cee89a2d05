import OrderedJSON

/// One use of an action, as a door hands it to the pipeline.
package struct ActionCall: Sendable {
    /// Names the use; the reply, the log and the audit show it.
    package let id: CallID
    /// The door.
    package let door: Door
    /// Who says they call.
    package let credential: Credential
    /// The environment a user's token should act in; a key has its own.
    package let environment: Environment?
    /// The caller's address as the door saw it.
    package let address: String?
    /// The arguments, or why the door could not read them: that is told to nobody who may not ask at all.
    package var arguments: Result<JSON, GatewayError>
    /// The file that came in the place of one of them.
    package var file: [UInt8]?
    /// The caller's key, which makes a change that is asked for again the same one.
    package var idempotencyKey: String?
    /// Whether the caller follows what is answered as it comes, where the action can be followed.
    package var follows = false
    /// Who asks, where the door had to know it before.
    package var recognized: Recognized?
    /// What a person answered to what the action asked.
    package var answer: QuestionReply?
    /// Whether the caller can put a question to a person.
    package var canBeAsked = true

    /// Gathers what a door knows.
    package init(
        id: CallID,
        door: Door,
        credential: Credential,
        environment: Environment?,
        address: String?,
        arguments: Result<JSON, GatewayError> = .success(.object(JSONObject())),
        idempotencyKey: String? = nil
    ) {
        self.id = id
        self.door = door
        self.credential = credential
        self.environment = environment
        self.address = address
        self.arguments = arguments
        self.idempotencyKey = idempotencyKey
    }
}

/// What came of an action; doors give it their own form.
package struct ActionReply: Sendable {
    /// The answer, or why there is none.
    package let result: Result<Action.Answer, GatewayError>
    /// Whether it is what an earlier use with the same key was answered.
    package let isReplayed: Bool
    /// What the limiter said, once it was asked.
    package let rate: RateDecision?
    /// Where it was asked, once it was known who asks.
    package let place: CallPlace?

    /// Makes a reply.
    package init(
        result: Result<Action.Answer, GatewayError>,
        isReplayed: Bool = false,
        rate: RateDecision? = nil,
        place: CallPlace? = nil
    ) {
        self.result = result
        self.isReplayed = isReplayed
        self.rate = rate
        self.place = place
    }
}
