import OrderedJSON

/// Where tasks are kept: work of tools that goes on after their calls were answered.
///
/// Every method is one database transaction and returns once it is durable. Every question carries the organization; the
/// two that do not are the clock's.
package protocol TaskRepository: Sendable {
    /// Keeps a task, unless the same caller has begun one by the same key.
    ///
    /// - Returns: The one that is kept now.
    /// - Throws: `limitExceeded` when the organization has as many as it may.
    func begin(_ task: PluginTask, bounds: PluginTask.Bounds) async throws(GatewayError) -> PluginTask
    /// A task that has not expired.
    func task(
        _ id: Identifier,
        organization: OrganizationID,
        environment: Environment,
        now: Timestamp
    ) async throws(GatewayError) -> PluginTask?
    /// The task that was begun by a key and has not expired.
    func task(
        begunBy key: String,
        organization: OrganizationID,
        environment: Environment,
        now: Timestamp
    ) async throws(GatewayError) -> PluginTask?
    /// Tasks that have not expired, newest first.
    func tasks(
        of organization: OrganizationID,
        in environment: Environment,
        before: Identifier?,
        limit: Int,
        now: Timestamp
    ) async throws(GatewayError) -> [PluginTask]
    /// Any organization's tasks whose moment has come, earliest first; leaves out those of `busy`, as far as it can.
    func dueTasks(at now: Timestamp, limit: Int, except busy: BusyTasks) async throws(GatewayError) -> [PluginTask]
    /// Takes a task until `until`; nil where another has taken it meanwhile, or it has ended.
    func take(_ task: PluginTask, until: Timestamp) async throws(GatewayError) -> PluginTask?
    /// Counts an attempt of a task that was taken, before its tool is called; nil where it is somebody else's by now, or has
    /// ended.
    func countAttempt(of task: PluginTask) async throws(GatewayError) -> PluginTask?
    /// Keeps a task that is worked on until `until`, and says how far it is; false where it is this attempt's no more.
    func renew(
        _ task: PluginTask,
        until: Timestamp,
        progress: PluginTask.Progress,
        at now: Timestamp
    ) async throws(GatewayError) -> Bool
    /// Lets a task come due again, so many attempts having been made.
    func postpone(_ task: PluginTask, to due: Timestamp, attempts: Int) async throws(GatewayError)
    /// Whether a task is still this attempt's to work on.
    func isUnderWay(_ task: PluginTask) async throws(GatewayError) -> Bool
    /// Ends a task, which the feed tells of; false where it has ended, or is another attempt's by now.
    ///
    /// - Parameter anyAttempt: Whether it ends whoever works on it.
    func end(
        _ task: PluginTask,
        as ending: PluginTask.Ending,
        anyAttempt: Bool
    ) async throws(GatewayError) -> Bool
    /// Forgets every organization's tasks that have expired.
    func removeExpiredTasks(at now: Timestamp) async throws(GatewayError)
}

/// Whose tasks may not be worked on for now, since as many as may be are.
package struct BusyTasks: Sendable, Equatable {
    /// Organizations, whichever plugin's they are.
    package var organizations: Set<OrganizationID> = []
    /// Plugins, whoever began them.
    package var plugins: Set<String> = []

    /// While all have places.
    package static let nobody = BusyTasks()

    /// Nobody's.
    package init() {}
}

/// Work of a function tool that goes on after its call was answered.
///
///     call -> committed here, then answered -> the tool is called to go on -> ended, kept for a while, forgotten
package struct PluginTask: Sendable, Equatable {
    /// How it stands.
    package enum State: String, Sendable, CaseIterable {
        /// It goes on, or waits to.
        case working
        /// It has a result.
        case completed
        /// It has none, and says why.
        case failed
        /// Somebody did not want it any more.
        case cancelled
    }

    /// How far it is.
    package struct Progress: Sendable, Equatable {
        /// In parts per million.
        package var fraction = 0
        /// For people; may be empty.
        package var message = ""

        /// States it.
        package init(fraction: Int = 0, message: String = "") {
            self.fraction = fraction
            self.message = message
        }

        /// The words of a plugin as they are kept: no control or hidden characters, and no more bytes than these.
        package static func words(_ told: String, bytesMax: Int) -> String {
            var kept = String.UnicodeScalarView()
            var left = bytesMax
            for scalar in told.unicodeScalars {
                var scalar = scalar
                if scalar.properties.isWhitespace { scalar = " " }
                guard scalar.properties.generalCategory != .control, !scalar.properties.isDefaultIgnorableCodePoint
                else { continue }
                left -= UTF8.width(scalar)
                guard left >= 0 else { break }
                kept.append(scalar)
            }
            return String(kept)
        }
    }

    /// How it ends.
    package struct Ending: Sendable {
        /// Any but `working`.
        package let state: State
        /// `{output, content?}` or `{error}`.
        package let result: JSON
        /// When.
        package let at: Timestamp
        /// Until when it is kept.
        package let expiresAt: Timestamp

        /// States it.
        package init(_ state: State, _ result: JSON, at: Timestamp, expiresAt: Timestamp) {
            self.state = state
            self.result = result
            self.at = at
            self.expiresAt = expiresAt
        }
    }

    /// How many one organization may have in one environment.
    package struct Bounds: Sendable {
        /// That have not ended.
        package let openMax: Int
        /// That are kept.
        package let keptMax: Int

        /// States them.
        package init(openMax: Int, keptMax: Int) {
            self.openMax = openMax
            self.keptMax = keptMax
        }
    }

    /// Its id.
    package let id: Identifier
    /// Whose, and which plugin's.
    package let owner: PluginOwner
    /// The tool.
    package let tool: String
    /// What the tool was called with: JSON.
    package let arguments: [UInt8]
    /// As whom it goes on.
    package let begunBy: Principal
    /// What they saw of the organization then, which is all that it can be about.
    package let purview: Purview
    /// What the caller's key is told by; nil where it had none.
    package let key: String?
    /// What tool and arguments are told by, so that a key cannot be used for others.
    package let fingerprint: String
    /// When.
    package let begunAt: Timestamp
    /// After this it is worked on no more.
    package let endsBy: Timestamp
    /// How it stands.
    package let state: State
    /// How often its tool was called to go on.
    package var attempt: Int
    /// When it comes due; nil once it has ended.
    package let dueAt: Timestamp?
    /// How far it is.
    package let progress: Progress
    /// When it last changed.
    package let updatedAt: Timestamp
    /// When it ended.
    package let endedAt: Timestamp?
    /// When it is forgotten; nil while it goes on.
    package let expiresAt: Timestamp?
    /// Once it has ended: `{output, content?}` or `{error}`.
    package let result: JSON?

    /// States a task; one that is new has not been worked on.
    package init(
        id: Identifier,
        owner: PluginOwner,
        tool: String,
        arguments: [UInt8],
        begunBy: Principal,
        purview: Purview,
        key: String?,
        fingerprint: String,
        begunAt: Timestamp,
        endsBy: Timestamp,
        state: State = .working,
        attempt: Int = 0,
        dueAt: Timestamp?,
        progress: Progress = Progress(),
        updatedAt: Timestamp,
        endedAt: Timestamp? = nil,
        expiresAt: Timestamp? = nil,
        result: JSON? = nil
    ) {
        self.id = id
        self.owner = owner
        self.tool = tool
        self.arguments = arguments
        self.begunBy = begunBy
        self.purview = purview
        self.key = key
        self.fingerprint = fingerprint
        self.begunAt = begunAt
        self.endsBy = endsBy
        self.state = state
        self.attempt = attempt
        self.dueAt = dueAt
        self.progress = progress
        self.updatedAt = updatedAt
        self.endedAt = endedAt
        self.expiresAt = expiresAt
        self.result = result
    }
}

extension PluginTask {
    /// Why it has no result; nil while it goes on, and where it has one.
    package var error: GatewayError? {
        switch state {
        case .working, .completed: return nil
        case .cancelled: return GatewayError(.withdrawn, "The task was cancelled, and has no result.")
        case .failed:
            let stated = result?["error"]
            let code = stated?["code"]?.stringValue.flatMap(GatewayError.Code.init(rawValue:)) ?? .pluginFailed
            return GatewayError(code, stated?["message"]?.stringValue ?? "The task failed.")
        }
    }

    /// What has failed, as it is kept.
    package static func result(of error: GatewayError) -> JSON {
        ["error": ["code": .string(error.code.rawValue), "message": .string(error.message)]]
    }

    /// As whoever asks is shown it: the host's word, the same for every tool.
    package var document: JSON {
        var document: JSONObject = [
            "task_id": .string(id.description), "status": .string(state.rawValue.uppercased()),
            "tool": .string(tool),
            // A tool need not say that all of it is done: that it has ended well does.
            "progress": .number(state == .completed ? 1 : Double(progress.fraction) / 1_000_000),
            "attempts": .integer(Int64(attempt)), "next": .string(next),
            "begun_at_ms": .integer(begunAt.milliseconds), "updated_at_ms": .integer(updatedAt.milliseconds),
            "until_ms": .integer(endsBy.milliseconds),
        ]
        if !progress.message.isEmpty { document["message"] = .string(progress.message) }
        document["ended_at_ms"] = endedAt.map { .integer($0.milliseconds) }
        document["expires_at_ms"] = expiresAt.map { .integer($0.milliseconds) }
        for (name, value) in result?.objectValue ?? JSONObject() { document[name] = value }
        return .object(document)
    }

    /// What to do now.
    private var next: String {
        switch state {
        case .working: "It goes on. Ask again in some seconds, or cancel it."
        case .completed: "It is done: output is what the tool answers."
        case .failed: "It failed: error says why. Call the tool again where that may help, with a new key."
        case .cancelled: "It was cancelled. Call the tool again for another."
        }
    }

    /// What `document` looks like.
    package static let schema: JSON = [
        "type": "object",
        "required": [
            "task_id", "status", "tool", "progress", "attempts", "next", "begun_at_ms", "updated_at_ms", "until_ms",
        ],
        "properties": [
            "task_id": ["type": "string"],
            "status": [
                "enum": .array(State.allCases.map { .string($0.rawValue.uppercased()) }),
                "description": "Where it stands; only WORKING goes on.",
            ],
            "tool": ["type": "string"],
            "progress": ["type": "number", "description": "How far it is, of 1, as the tool says; 1 once it is done."],
            "message": ["type": "string"],
            "attempts": ["type": "integer", "description": "How often its tool was called for it."],
            "next": ["type": "string", "description": "What to do now."],
            "begun_at_ms": ["type": "integer"], "updated_at_ms": ["type": "integer"],
            "until_ms": ["type": "integer", "description": "After this it is worked on no more."],
            "ended_at_ms": ["type": "integer"],
            "expires_at_ms": ["type": "integer", "description": "Until then it can be asked for."],
            "output": ["type": "object", "description": "What the tool answers, of its output schema."],
            "content": ["type": "array", "items": ["type": "object"]],
            "error": [
                "type": "object", "required": ["code", "message"],
                "properties": ["code": ["type": "string"], "message": ["type": "string"]],
            ],
        ],
    ]
}
