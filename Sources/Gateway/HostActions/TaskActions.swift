import OrderedJSON

/// `tasks.…`: what goes on after a call of a tool was answered, how far it is, what came of it, and that it is wanted no
/// more.
///
/// A task is shown to whoever saw as much when it was begun, and may use its tool now.
package struct TaskActions: Sendable {
    private let tasks: any TaskRepository
    private let registry: ToolRegistry
    private let life: Duration
    private let entropy: Entropy
    /// The most that one page shows.
    private static let pageMax = 100

    /// Makes them; what is cancelled is kept for `life`.
    init(tasks: any TaskRepository, registry: ToolRegistry, life: Duration, entropy: Entropy) {
        self.tasks = tasks
        self.registry = registry
        self.life = life
        self.entropy = entropy
    }

    /// The actions.
    package var all: [Action] { [list, show, cancel] }

    private var list: Action {
        Action(
            ActionRules("tasks.list", auditAction: "TASKS_READ", isOpenWhenSuspended: true),
            title: "List tasks",
            summary: """
                What goes on after its call was answered, and what came of such calls, newest first, without their outputs: \
                role user sees its own. next_before is sent as before for the next page, also after one that is short or \
                empty.
                """,
            route: Route("GET", "/tasks"),
            arguments: [
                "limit": ["type": "integer", "minimum": 1, "maximum": .integer(Int64(TaskActions.pageMax))],
                "before": ["type": "string", "maxLength": 64, "description": "Only older ones: a page's next_before."],
            ],
            output: .data(
                ["type": "array", "items": PluginTask.schema],
                beside: [("next_before", ["type": "string", "description": "Where there may be more."])]
            )
        ) { [self] use throws(GatewayError) in
            let limit = use.arguments["limit"]?.integerValue.map(Int.init) ?? TaskActions.pageMax
            var before: Identifier?
            if let text = use.text("before") {
                guard let id = Identifier(text) else { throw .wrong("before", "expected a task's id") }
                before = id
            }
            let found = try await tasks.tasks(
                of: use.principal.organization,
                in: use.principal.environment,
                before: before,
                limit: limit,
                now: entropy.now()
            )
            let next = found.count < limit ? nil : found.last?.id
            return .data(
                JSON.array(found.filter { isSeen($0, by: use) }.map(\.document)).bytes,
                beside: next.map { [(name: "next_before", value: JSON.string($0.description).bytes)] } ?? []
            )
        }
    }

    private var show: Action {
        Action(
            ActionRules("tasks.show", auditAction: "TASKS_READ", isOpenWhenSuspended: true),
            title: "Show a task",
            summary: """
                How far a call is that goes on after it was answered, and once it has ended, what it answers: output, or \
                error. It is kept for a day then. \(TransactionDocument.others)
                """,
            route: Route("GET", "/tasks/{id}"),
            arguments: ["id": TaskActions.id],
            output: .data(PluginTask.schema),
            tool: BeginTask.asking,
            resource: ActionResource(
                "tasks",
                argument: "id",
                listedBy: "tasks.list",
                member: "task_id",
                subject: ["task_id"]
            )
        ) { [self] use throws(GatewayError) in .data(try await task(use).document) }
    }

    private var cancel: Action {
        Action(
            ActionRules("tasks.cancel", auditAction: "TASK_CANCELLED"),
            title: "Cancel a task",
            summary: """
                Ends what goes on after its call was answered: within a second nothing works on it any more, and it has no \
                result. What has ended stays as it is, and is refused.
                """,
            route: Route("POST", "/tasks/{id}/cancel"),
            arguments: ["id": TaskActions.id],
            output: .data(PluginTask.schema),
            target: "task_id"
        ) { [self] use throws(GatewayError) in
            let found = try await task(use)
            let now = entropy.now()
            let error = GatewayError(.withdrawn, "It was cancelled by \(use.principal.name).")
            let ending = PluginTask.Ending(
                .cancelled,
                PluginTask.result(of: error),
                at: now,
                expiresAt: now + life
            )
            guard found.state == .working, try await tasks.end(found, as: ending, anyAttempt: true) else {
                throw GatewayError(.conflict, "The task has ended, and cannot be cancelled any more.")
            }
            return .data(try await task(use).document)
        }
    }

    private func task(_ use: Action.Use) async throws(GatewayError) -> PluginTask {
        let missing = GatewayError(.notFound, "There is no task with this id, or it has expired.")
        guard let id = Identifier(use.text("id") ?? "") else { throw missing }
        let found = try await tasks.task(
            id,
            organization: use.principal.organization,
            environment: use.principal.environment,
            now: entropy.now()
        )
        guard let found, isSeen(found, by: use) else { throw missing }
        return found
    }

    /// Whether whoever asks sees all that it can be about, and may use the tool that it is of; while that is not loaded
    /// nobody knows who may, and its maker alone does.
    private func isSeen(_ task: PluginTask, by use: Action.Use) -> Bool {
        guard task.purview.isSeen(by: use.principal) else { return false }
        guard let tool = registry.snapshot.tool(task.tool) else {
            return task.begunBy.subjectText == use.principal.subjectText
        }
        return Authorize.allows(tool, principal: use.principal, membership: use.membership)
    }

    private static let id: JSON = ["type": "string", "maxLength": 64, "description": "The task's."]
}
