import Cryptography
import OrderedJSON

/// Beyond the last stage: a function tool goes on after its call was answered.
///
/// The tool is called as ever, and may say that it wants to go on. Then the task is committed, and only then is the caller
/// answered with it; `TaskRunner` calls the tool again. A repeat of the call with its key finds the task, and once that has
/// ended, what came of it.
package struct BeginTask: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How many tasks of one organization and environment may go on.
        ///
        /// Default 20.
        package var openMax = 20
        /// How many are kept.
        ///
        /// Default 200.
        package var keptMax = 200
        /// How long one is kept once it has ended.
        ///
        /// Default a day, as files are.
        package var life: Duration = .seconds(86_400)
        /// How soon asking makes sense.
        ///
        /// Default 2 s.
        package var pollAfter: Duration = .seconds(2)

        /// The defaults.
        package init() {}
    }

    /// The tool by which a model asks about one.
    static let asking = "tasks_show"

    private let tasks: any TaskRepository
    private let entropy: Entropy
    private let settings: Settings
    private let messageBytesMax: Int

    init(tasks: any TaskRepository, entropy: Entropy, settings: Settings, messageBytesMax: Int) {
        self.tasks = tasks
        self.entropy = entropy
        self.settings = settings
        self.messageBytesMax = messageBytesMax
    }

    /// What an earlier call with the same key has begun, as it stands now; nil where there is none.
    ///
    /// - Throws: `conflict` where it is about more than the caller sees now; `idempotencyKeyReused` where that call had another tool or other arguments; why the task has failed.
    func earlier(_ work: Dispatch.Work) async throws(GatewayError) -> Dispatch.Done? {
        guard work.entry.tool.task != nil, let key = BeginTask.key(of: work) else { return nil }
        let found = try await tasks.task(
            begunBy: key,
            organization: work.principal.organization,
            environment: work.principal.environment,
            now: entropy.now()
        )
        return try found.map { task throws(GatewayError) in try done(task, work, isReplayed: true) }
    }

    /// Commits a task for a call whose tool wants to go on.
    func begin(_ work: Dispatch.Work, _ terms: TaskTerms, message: String) async throws(GatewayError) -> Dispatch.Done {
        let (now, principal) = (entropy.now(), work.principal)
        let task = PluginTask(
            id: entropy.identifier(),
            owner: PluginOwner(
                organization: principal.organization,
                environment: principal.environment,
                plugin: work.entry.plugin.id
            ),
            tool: work.entry.tool.name,
            arguments: work.arguments.bytes,
            begunBy: principal,
            purview: principal.purview,
            key: BeginTask.key(of: work),
            fingerprint: BeginTask.fingerprint(of: work),
            begunAt: now,
            endsBy: now + terms.deadline,
            dueAt: now,
            progress: .init(message: PluginTask.Progress.words(message, bytesMax: messageBytesMax)),
            updatedAt: now
        )
        let kept = try await tasks.begin(task, bounds: .init(openMax: settings.openMax, keptMax: settings.keptMax))
        return try done(kept, work, isReplayed: kept.id != task.id)
    }

    private func done(
        _ task: PluginTask,
        _ work: Dispatch.Work,
        isReplayed: Bool
    ) throws(GatewayError) -> Dispatch.Done {
        guard task.purview.isSeen(by: work.principal) else { throw Operations.othersKey }
        guard task.fingerprint == BeginTask.fingerprint(of: work) else {
            throw GatewayError(
                .idempotencyKeyReused,
                "This idempotency key was used for a call of another tool, or with other arguments. Use a new key."
            )
        }
        if let error = task.error { throw error }
        var done: Dispatch.Done
        if let output = task.result?["output"] {
            done = Dispatch.Done(output: output.bytes)
            if let content = task.result?["content"] { done.ending = .content(content.bytes) }
        } else {
            let handle = Handle(
                task: task.id,
                tool: BeginTask.asking,
                message: "\(task.progress.message) It goes on as a task: GET /tasks/\(task.id), or its handle as id.",
                pollAfterMilliseconds: settings.pollAfter.wholeMilliseconds
            )
            done = Dispatch.Done(output: handle.json.bytes, ending: .handle(handle))
        }
        done.isReplayed = isReplayed
        done.note = Dispatch.Note(begunAt: task.begunAt, updatedAt: task.updatedAt, dispute: nil)
        return done
    }

    /// What the caller's key is told by; another caller's same key is another.
    private static func key(of work: Dispatch.Work) -> String? {
        work.call.idempotencyKey.map { key in
            SHA256.digest(Array(work.principal.subjectText.utf8) + [0] + Array(key.utf8)).hexadecimal
        }
    }

    private static func fingerprint(of work: Dispatch.Work) -> String {
        SHA256.digest(Array(work.entry.tool.name.utf8) + [0] + work.arguments.canonicalBytes).hexadecimal
    }
}
