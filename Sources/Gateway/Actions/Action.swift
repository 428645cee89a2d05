import OrderedJSON

/// Something that a principal may ask of the host itself: its one descriptor.
///
/// From it come the REST operation with its schemas, validation, role, scope, limit, audit, usage, metrics and the
/// command; no door checks or decides anything of its own.
package struct Action: Sendable {
    /// One use that passed every stage.
    package struct Use: Sendable {
        /// Who asks.
        package let principal: Principal
        /// Their organization and its plan.
        package let membership: DirectoryCache.Membership
        /// Of the action's schema.
        package let arguments: JSON
        /// The file that came in the place of one of them.
        package var file: [UInt8]?
        /// Names the use.
        package let call: CallID
        /// The caller's address as the door saw it.
        package let address: String?
        /// Who asked, with what they may do now: what goes on after the answer has begun looks again and again.
        ///
        /// Throws as the stages do where they may not ask this any more. It reads no SQL while nothing has changed.
        package let standing: @Sendable () async throws(GatewayError) -> Principal
        /// The door it came in by.
        package var door = Door.rest
        /// What a person answered to what the action asked.
        package var answer: QuestionReply?
        /// What it adds to audit and usage; nil where that is written already.
        package var lines: ChangeLines?
        /// Whether the caller can put a question to a person.
        package var canBeAsked = true
        /// Whether who asked may still ask this; throws as `standing` does.
        package var mayGoOn: @Sendable () async throws(GatewayError) -> Void {
            { [standing] () async throws(GatewayError) in _ = try await standing() }
        }

        /// The text of an argument; nil when it was left out.
        package func text(_ name: String) -> String? { arguments[name]?.stringValue }
    }

    /// What an action answers.
    package enum Answer: Sendable {
        /// The output, of the action's schema; with what stands beside it in the envelope.
        case data([UInt8], message: String? = nil, beside: [(name: String, value: [UInt8])] = [])
        /// A file to be saved.
        case file(name: String, mediaType: String, bytes: [UInt8])
        /// A file that is made while it is saved, however long it gets.
        case stream(FileStream)
        /// Events as they come, for as long as somebody follows them.
        case live(LiveEvents)
        /// A question to a person, and the state to send back with the answer.
        case question(Question, state: String)

        /// The output, as a value.
        package static func data(_ value: JSON, message: String? = nil) -> Answer {
            .data(value.bytes, message: message)
        }
    }

    /// What an action's answer looks like.
    package enum Output: Sendable {
        /// JSON of this schema, and what stands beside it in the envelope.
        case data(JSON, beside: [(name: String, schema: JSON)] = [])
        /// A file of any type.
        case file
    }

    /// Who may ask, what it costs, and the words for it.
    package let rules: ActionRules
    /// For people: a few words.
    package let title: String
    /// For people and models: what it does, in sentences.
    package let summary: String
    /// How plain HTTP asks for it.
    package let route: Route
    /// What the arguments look like; also what is checked.
    package let input: CallSchemas.Schema
    /// What it takes as a file; nil where it takes none.
    package let file: FileInput?
    /// What the arguments look like that come with a file.
    package let fileInput: CallSchemas.Schema?
    /// What the answer looks like.
    package let output: Output
    /// What audit and logs mask of the arguments.
    package let sensitive: [JSONPointer]
    /// Which of those are addresses, whose path and query alone are masked.
    package let addresses: [JSONPointer]
    /// Whether its texts may have several lines; otherwise each is a name, or one line where it is masked.
    package let takesLines: Bool
    /// What the output shows once: a repeat under the same key shows the output without it.
    package let shownOnce: [JSONPointer]
    /// Where the output names what was made, changed or ended: audit keeps it.
    package let target: JSONPointer?
    /// Whether it may ask a person before it goes on.
    package let asks: Bool
    /// Its name among the tools of MCP, for what reads the organization's own data; nil where agents are not offered it.
    package let tool: String?
    /// How what it answers is read as a resource; nil where it is none.
    package let resource: ActionResource?
    /// Goes on with what it answers as it comes; nil where that is answered once.
    let follow: (@Sendable (Use) async throws(GatewayError) -> LiveEvents)?
    /// Does it.
    let work: @Sendable (Use) async throws(GatewayError) -> Answer

    /// Its name.
    package var name: String { rules.name }
    /// What belongs together in documents and commands: `transactions` of `transactions.list`.
    package var group: String { String(rules.name.prefix { $0 != "." }) }
    /// The id that an answer names as what was made, changed or ended.
    func target(of answer: Answer) -> String? {
        guard let target, case .data(let bytes, _, _) = answer, let json = try? JSON(parsing: bytes) else { return nil }
        return json.value(at: target)?.stringValue
    }

    /// Whether it changes nothing.
    package let isReadOnly: Bool
    /// Whether what it answers may be followed as it comes.
    package var isFollowed: Bool { follow != nil }

    /// What one use is answered.
    func answer(_ use: Use, following: Bool) async throws(GatewayError) -> Answer {
        if following, let follow { return .live(try await follow(use)) }
        return try await work(use)
    }

    /// Describes an action; `arguments` are its schema's properties, of which `required` must be there.
    ///
    /// It changes something unless its method is GET, or `changes` says otherwise; places in the output, and of
    /// addresses, are written `key/id`.
    package init(
        _ rules: ActionRules,
        title: String,
        summary: String,
        route: Route,
        arguments: JSONObject = [:],
        required: [String] = [],
        file: FileInput? = nil,
        output: Output,
        sensitive: [JSONPointer] = [],
        addresses: [String] = [],
        takesLines: Bool = false,
        shownOnce: [String] = [],
        changes: Bool? = nil,
        asks: Bool = false,
        tool: String? = nil,
        resource: ActionResource? = nil,
        target: String? = nil,
        follow: (@Sendable (Use) async throws(GatewayError) -> LiveEvents)? = nil,
        work: @escaping @Sendable (Use) async throws(GatewayError) -> Answer
    ) {
        self.rules = rules
        self.title = title
        self.summary = summary
        self.route = route
        self.output = output
        self.addresses = addresses.map(JSONPointer.init(path:))
        self.sensitive = sensitive + self.addresses
        self.takesLines = takesLines
        self.shownOnce = shownOnce.map(JSONPointer.init(path:))
        isReadOnly = !(changes ?? (route.method != "GET"))
        self.asks = asks
        self.tool = tool
        self.resource = resource
        self.target = target.map(JSONPointer.init(path:))
        self.follow = follow
        self.work = work
        let all = required + route.pathArguments.filter { !required.contains($0) }
        input = CallSchemas.Schema(Action.schema(arguments, all), summary: summary)
        self.file = file
        fileInput = file.map { file in
            var members = arguments
            members[file.replaces] = nil
            for (name, schema) in file.arguments { members[name] = schema }
            return CallSchemas.Schema(Action.schema(members, all.filter { $0 != file.replaces }), summary: summary)
        }
    }

    private static func schema(_ arguments: JSONObject, _ required: [String]) -> JSON {
        var schema: JSONObject = ["type": "object", "properties": .object(arguments)]
        if !required.isEmpty { schema["required"] = .array(required.map { .string($0) }) }
        schema["additionalProperties"] = false
        return .object(schema)
    }
}

extension JSONPointer {
    /// A place written as `key/id`.
    fileprivate init(path: String) { self.init(tokens: path.split(separator: "/").map(String.init)) }
}
