import Logging
import OrderedJSON
import Synchronization

/// Works on tasks: calls their tools to go on, keeps them while they do, and ends them.
///
/// A task is taken for a while before its tool is called, and kept while it works: when the process dies in between, it
/// comes due again. Then it is begun again where its tool says that it may be, and otherwise ended with the reason. Its tool
/// acts as whoever called it, with what they may do now; once they may not, it ends.
///
///     due -> taken until -> an attempt: the tool goes on, renewed -> ended with a result, or an error
///                                                            -> host or worker gone   -> due again, or ended
///                                                            -> cancelled by a person -> the host answers for it
///                        -> host gone before that, or no place in the plugin          -> due again, as before
package struct TaskRunner: Sendable {
    private let tasks: any TaskRepository
    private let registry: ToolRegistry
    private let authority: Authority
    private let entropy: Entropy
    private let logger: Logger
    private let life: Duration
    private let settings: Settings

    /// Makes it of its parts; what has ended is kept for `life`.
    init(
        tasks: any TaskRepository,
        registry: ToolRegistry,
        authority: Authority,
        entropy: Entropy,
        logger: Logger,
        life: Duration,
        settings: Settings = Settings()
    ) {
        self.tasks = tasks
        self.registry = registry
        self.authority = authority
        self.entropy = entropy
        self.logger = logger
        self.life = life
        self.settings = settings
    }

    /// Runs until cancelled; then what is worked on is left, and comes due again.
    package func run() async {
        let places = TaskPlaces(settings: settings)
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await forgetExpired() }
                await entropy.sleep.repeating(every: settings.every) {
                    for task in await take(places) {
                        group.addTask {
                            await work(on: task, places)
                            places.leave(task)
                        }
                    }
                }
            }
        } onCancel: {
            places.stop()
        }
    }

    /// Works on all tasks that are due now, each once, and waits until all have stopped.
    package func workOnDue() async {
        let places = TaskPlaces(settings: settings)
        await withDiscardingTaskGroup { group in
            for task in await take(places) { group.addTask { await work(on: task, places) } }
        }
    }

    private func forgetExpired() async {
        await entropy.sleep.repeating(every: settings.forgetEvery, pausesFirst: true) {
            guard !Task.isCancelled else { return }
            do throws(GatewayError) { try await tasks.removeExpiredTasks(at: entropy.now()) } catch { tell(error) }
        }
    }

    /// Takes what is due, as far as there are places; those of whom has none hide nobody else's.
    private func take(_ places: TaskPlaces) async -> [PluginTask] {
        var taken: [PluginTask] = []
        do throws(GatewayError) {
            while places.hasAny {
                let before = taken.count
                let all = try await tasks.dueTasks(at: entropy.now(), limit: settings.batchMax, except: places.busy)
                for due in all where places.enter(due) {
                    var isTaken = false
                    defer { if !isTaken { places.leave(due) } }
                    guard let task = try await tasks.take(due, until: entropy.now() + settings.lease) else { continue }
                    isTaken = true
                    taken.append(task)
                }
                guard all.count == settings.batchMax, taken.count > before else { break }
            }
        } catch {
            tell(error)
        }
        return taken
    }

    private func tell(_ error: GatewayError) {
        logger.error("tasks cannot be looked after", metadata: ["reason": "\(error.detail ?? error.message)"])
    }

    // MARK: Working

    /// What becomes of an attempt.
    private enum Outcome {
        case ended(PluginTask.State, JSON)
        /// It comes due again, so many attempts having been made.
        case again(after: Duration, attempts: Int)
        /// Somebody else has ended it.
        case gone
    }

    private func work(on taken: PluginTask, _ places: TaskPlaces) async {
        var task = taken
        do throws(GatewayError) {
            switch try await outcome(of: &task, places) {
            case .gone: return
            case .again(let wait, let attempts):
                try await tasks.postpone(task, to: entropy.now() + wait, attempts: attempts)
            case .ended(let state, let result):
                let now = entropy.now()
                let ending = PluginTask.Ending(state, result, at: now, expiresAt: now + life)
                _ = try await tasks.end(task, as: ending, anyAttempt: false)
            }
        } catch {
            // It comes due again once nobody keeps it.
            tell(error)
        }
    }

    private func failed(_ code: GatewayError.Code, _ reason: String) -> Outcome {
        .ended(.failed, PluginTask.result(of: GatewayError(code, reason)))
    }

    private func outcome(of task: inout PluginTask, _ places: TaskPlaces) async throws(GatewayError) -> Outcome {
        guard entropy.now() < task.endsBy else {
            return failed(.deadlineExceeded, "The task did not end in its time.")
        }
        if places.isStopping { return .again(after: .zero, attempts: task.attempt) }
        let call = CallID(task.id)
        let found = registry.snapshot.entry(task.tool, organization: task.owner.organization, call: call)
        guard let entry = found, entry.plugin.id == task.owner.plugin, let terms = entry.tool.task,
            let invoke = entry.plugin.asynchronous.invoke
        else { return .again(after: settings.absence, attempts: task.attempt) }
        guard task.attempt == 0 || terms.mayBeginAgain else {
            return failed(
                .unavailable,
                "The gateway or the plugin stopped while it worked on this, and the tool cannot begin it again."
            )
        }
        guard task.attempt < settings.attemptsMax else {
            return failed(.unavailable, "It was begun \(settings.attemptsMax) times, and stopped each time.")
        }
        let standing: Standing
        do throws(GatewayError) { standing = try await self.standing(of: task, entry.tool) } catch {
            guard error.endsWork else { throw error }
            return .again(after: settings.absence, attempts: task.attempt)
        }
        let principal: Principal
        switch standing {
        case .over(let reason): return failed(.permissionDenied, reason)
        case .acts(let one): principal = one
        }
        // From here on its tool may have done something, also where nothing is heard of it any more.
        guard let begun = try await tasks.countAttempt(of: task) else { return .gone }
        task = begun
        // One that has just been closed is no longer in the next snapshot.
        guard entry.plugin.calls.begin() else { return .again(after: settings.every, attempts: task.attempt - 1) }
        let completion = await goOn(task, entry.tool, invoke, as: principal, places)
        let read = await read(completion, of: task, entry.tool, terms, places)
        // What the host answers in the tool's place says nothing of it; all else does as in a call.
        let isHosts = AnswerStatus(rawValue: completion.status) == .cancelled
        let isFault = read.error.map { Pipeline.isPluginsFault($0, tool: entry.tool) } ?? false
        entry.plugin.calls.end(hasFailed: isFault && !isHosts, tool: entry.tool.index)
        return read.outcome
    }

    /// Whether whoever called may let it go on.
    private enum Standing {
        /// As them, with what they may do now.
        case acts(Principal)
        /// It ends, and why.
        case over(String)
    }

    private func standing(of task: PluginTask, _ tool: ToolDescriptor) async throws(GatewayError) -> Standing {
        let over = Standing.over("Whoever called \(task.tool) may not use it any more.")
        guard let principal = try await authority.principal(task.begunBy) else { return over }
        let membership = try await authority.admit.membership(of: principal)
        guard Authorize.allows(tool, principal: principal, membership: membership) else { return over }
        // Its result is shown by what was seen when it was begun, so it is about nothing else.
        guard principal.purview.isWithin(task.purview) else {
            return .over("Whoever called \(task.tool) sees more now than when they did. Call it again.")
        }
        return .acts(principal)
    }

    /// Calls the tool, and keeps the task while it works.
    private func goOn(
        _ task: PluginTask,
        _ tool: ToolDescriptor,
        _ invoke: @escaping @Sendable (Int, [UInt8], LoadedPlugin.Invocation) async -> LoadedPlugin.Completion,
        as principal: Principal,
        _ places: TaskPlaces
    ) async -> LoadedPlugin.Completion {
        let progress = TaskProgress(task.progress, bytesMax: settings.messageBytesMax)
        let invocation = LoadedPlugin.Invocation(
            principal: principal,
            call: CallID(task.id),
            door: "task",
            timeout: task.endsBy - entropy.now(),
            attempt: task.attempt,
            task: .goesOn(task.id),
            progress: { progress.note($0) },
            isOver: { await isOver(task, tool, places) }
        )
        return await withTaskGroup(of: LoadedPlugin.Completion?.self) { group in
            // The host answers in the tool's place where it is to stop: so its cancellation is the host's own.
            group.addTask { await Task { await invoke(tool.index, task.arguments, invocation) }.value }
            group.addTask {
                await entropy.sleep.repeating(every: settings.renewEvery, pausesFirst: true) {
                    guard !Task.isCancelled else { return }
                    await renew(task, progress.latest)
                }
                return nil
            }
            var completion: LoadedPlugin.Completion?
            while completion == nil, let next = await group.next() { completion = next }
            group.cancelAll()
            return completion ?? LoadedPlugin.Completion(status: LoadedPlugin.Completion.lost, payload: [])
        }
    }

    private func renew(_ task: PluginTask, _ progress: PluginTask.Progress) async {
        let now = entropy.now()
        do throws(GatewayError) {
            _ = try await tasks.renew(task, until: now + settings.lease, progress: progress, at: now)
        } catch { tell(error) }
    }

    /// Whether the tool is to stop: the host does, somebody has cancelled it, or whoever called may not any more.
    private func isOver(_ task: PluginTask, _ tool: ToolDescriptor, _ places: TaskPlaces) async -> Bool {
        if places.isStopping { return true }
        do throws(GatewayError) {
            guard try await tasks.isUnderWay(task) else { return true }
            if case .over = try await standing(of: task, tool) { return true }
            return false
        } catch { return error.endsWork }
    }

    private func read(
        _ completion: LoadedPlugin.Completion,
        of task: PluginTask,
        _ tool: ToolDescriptor,
        _ terms: TaskTerms,
        _ places: TaskPlaces
    ) async -> (outcome: Outcome, error: GatewayError?) {
        let error: GatewayError
        do throws(GatewayError) {
            switch try FunctionCompletion.read(completion, tool: tool) {
            case .output(let output, let content): return (try result(output, content, of: tool), nil)
            case .question, .handle, .task:
                error = GatewayError(.pluginFailed, "\(tool.name) has not ended, and was to.", detail: "rule P2")
            }
        } catch let refusal { error = refusal }
        if AnswerStatus(rawValue: completion.status) == .cancelled {
            return (await stopped(task, tool, terms, places), error)
        }
        // No worker was there, or none had a place: so the tool has not begun.
        guard completion.hasRun else { return (.again(after: settings.backoff, attempts: task.attempt - 1), error) }
        guard completion.status == LoadedPlugin.Completion.lost, terms.mayBeginAgain,
            task.attempt < settings.attemptsMax
        else { return (.ended(.failed, PluginTask.result(of: error)), error) }
        return (.again(after: settings.backoff * (1 << min(10, task.attempt - 1)), attempts: task.attempt), error)
    }

    /// Why the host answered in the tool's place.
    private func stopped(
        _ task: PluginTask,
        _ tool: ToolDescriptor,
        _ terms: TaskTerms,
        _ places: TaskPlaces
    ) async -> Outcome {
        do throws(GatewayError) {
            guard try await tasks.isUnderWay(task) else { return .gone }
            if places.isStopping, terms.mayBeginAgain { return .again(after: .zero, attempts: task.attempt - 1) }
            if places.isStopping { return failed(.unavailable, "The gateway stopped while it worked on this.") }
            if case .over(let reason) = try await standing(of: task, tool) { return failed(.permissionDenied, reason) }
        } catch {
            guard terms.mayBeginAgain else { return failed(.unavailable, "It was stopped, and cannot be begun again.") }
            return .again(after: settings.absence, attempts: task.attempt - (error.endsWork ? 1 : 0))
        }
        return failed(.deadlineExceeded, "The tool was stopped before it ended.")
    }

    private func result(
        _ output: [UInt8],
        _ content: [UInt8]?,
        of tool: ToolDescriptor
    ) throws(GatewayError) -> Outcome {
        guard output.count + (content?.count ?? 0) <= settings.resultBytesMax else {
            throw GatewayError(
                .tooLarge,
                "\(tool.name) answered more than the \(settings.resultBytesMax) bytes that are kept of a task."
            )
        }
        var result = JSONObject()
        result["output"] = try? JSON(parsing: output)
        result["content"] = content.flatMap { try? JSON(parsing: $0) }
        return .ended(.completed, .object(result))
    }
}

/// How far a task says that it is.
private final class TaskProgress: Sendable {
    private let state: Mutex<PluginTask.Progress>
    private let bytesMax: Int

    init(_ progress: PluginTask.Progress, bytesMax: Int) {
        state = Mutex(progress)
        self.bytesMax = bytesMax
    }

    var latest: PluginTask.Progress { state.withLock { $0 } }

    func note(_ told: LoadedPlugin.Progress) {
        let message = PluginTask.Progress.words(told.message, bytesMax: bytesMax)
        let noted = PluginTask.Progress(fraction: told.fraction, message: message)
        state.withLock { $0 = noted }
    }
}
