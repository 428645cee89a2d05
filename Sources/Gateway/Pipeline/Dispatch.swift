import OrderedJSON

/// Last stage: the tool does its work.
///
/// An operation tool starts an operation, a look-up tool finds a record and shows it, a function tool runs the plugin's
/// own code.
package struct Dispatch: Sendable {
    /// A call that passed every stage.
    struct Work: Sendable {
        /// As the door handed it over.
        let call: ToolCall
        /// The tool and the generation that serves it.
        let entry: ToolRegistry.Entry
        /// Who calls.
        let principal: Principal
        /// Their organization and its plan.
        let membership: DirectoryCache.Membership
        /// Validated.
        let arguments: JSON
        /// What the transaction's commit claims; nil for tools that move no money.
        let reservation: ReserveIdempotent.Reservation?
        /// What the transaction's commit uses of the month's quota; nil where there is none.
        let quota: QuotaClaim?
        /// The audit line that the transaction's commit writes.
        let begun: AuditRecord?
        /// Asks again whether the caller may go on; throws where it may not.
        let mayGoOn: @Sendable () async throws(GatewayError) -> Void
        /// The record that was held and is worked on again; nil for a call.
        var held: RecordID?
        /// The item's place, where the arguments are one of a batch's.
        var batch: BatchPlace?

        /// Whether the caller may go on no longer.
        var isOver: @Sendable () async -> Bool {
            { [mayGoOn] in
                do throws(GatewayError) {
                    try await mayGoOn()
                    return false
                } catch { return error.endsWork }
            }
        }

        /// What its questions are about.
        var place: QuestionSeal.Place {
            QuestionSeal.Place(name: entry.tool.name, principal: principal, arguments: arguments)
        }

        /// What kind of caller calls: what rules that ask for a person go by.
        var caller: CallerKind { principal.kind(at: call.door) }

        /// Whether whoever called is somebody in person, and not by a key: led to the host's page they prove who they are.
        var isInPerson: Bool { if case .user = principal.subject { true } else { false } }

        /// Whether whoever called can be asked to confirm it where they called.
        var isAskedThere: Bool { call.door == .mcp && (call.canBeAsked || call.opensPages && isInPerson) }

        /// Tells the caller for how long it has waited for the outcome; nil where it does not want to know.
        ///
        /// Never that it is over: that says the answer.
        var tellsOfWaiting: (@Sendable (Duration) -> Void)? {
            guard let tell = call.progress else { return nil }
            let most = wait
            return { waited in
                guard waited < most else { return }
                let fraction = waited.wholeMilliseconds * 1_000_000 / max(1, most.wholeMilliseconds)
                let words = "No outcome yet; waited \(waited.components.seconds) of \(most.components.seconds) s."
                tell(LoadedPlugin.Progress(fraction: Int(fraction), message: words))
            }
        }

        /// How long the caller waits for the outcome: what it asked for, within the tool's limit.
        var wait: Duration {
            min(max(.zero, call.wait ?? entry.tool.waitDefault), entry.tool.waitMax)
        }
    }

    /// What every answer about a record says, whatever its plugin shows.
    package struct Note: Sendable, Equatable {
        /// When the record was begun.
        package let begunAt: Timestamp
        /// When it last changed.
        package let updatedAt: Timestamp
        /// What contradicts it, in sentences; nil when nothing does.
        package let dispute: String?
    }

    /// What came of it.
    struct Done: Sendable {
        /// The tool's output: a JSON object.
        let output: [UInt8]
        /// The record behind it.
        var record: RecordID?
        /// Where that stands.
        var state: RecordState?
        /// Whether an earlier call made the record.
        var isReplayed = false
        /// What must be said of the record beside the output.
        var note: Note?
        /// What the output is, where it is not simply that.
        var ending = ToolEnding.output
        /// What waits for nothing but that whoever asked confirms it.
        var confirmable: Record?
    }

    private let operations: Operations
    private let batches: Batches
    private let seal: QuestionSeal
    private let questions: Questions
    private let confirmations: Confirmations
    private let tasks: BeginTask
    private let functionTimeout: Duration

    /// Makes the stage.
    ///
    /// A function tool is answered for after `functionTimeout`; of what it did with a person's answer at most
    /// `outcomeBytesMax` are kept, to be shown again.
    init(
        batches: Batches,
        drafts: Drafts,
        seal: QuestionSeal,
        questions: any OnceRepository,
        tasks: BeginTask,
        confirming: Confirmations.Settings = Confirmations.Settings(),
        functionTimeout: Duration = .seconds(30),
        outcomeBytesMax: Int = 256 << 10
    ) {
        operations = drafts.calls.operations
        self.batches = batches
        self.seal = seal
        confirmations = Confirmations(drafts: drafts, seal: seal, settings: confirming)
        self.questions = Questions(repository: questions, outcomeBytesMax: outcomeBytesMax)
        self.functionTimeout = functionTimeout
        self.tasks = tasks
    }

    /// Shows the record that an earlier call with the same key made.
    func replay(_ record: RecordID, for work: Work) async throws(GatewayError) -> Done {
        try confirmations.asking(try await operations.replay(record, for: work), work)
    }

    /// What comes of it that whoever called was asked to confirm it, and has answered; nil where it asks for no such thing.
    func confirmed(_ work: Work) async throws(GatewayError) -> Done? {
        guard let reply = work.call.answer, work.call.door == .mcp, work.entry.tool.items == nil,
            case .operation = work.entry.tool.kind
        else { return nil }
        return try await confirmations.answered(reply, work)
    }

    /// An error as the caller may read it.
    package func told(_ error: GatewayError, to principal: Principal) async -> GatewayError {
        await operations.told(error, to: principal)
    }

    /// Does the work.
    func run(_ work: Work) async throws(GatewayError) -> Done {
        guard work.call.answer == nil || work.entry.tool.kind == .function else {
            throw GatewayError(
                .invalidArgument,
                "\(work.entry.tool.name) asks nothing, so nothing can be answered to it."
            )
        }
        switch work.entry.tool.kind {
        case .operation where work.entry.tool.items != nil: return try await make(work)
        case .operation(let index):
            return try confirmations.asking(try await operations.start(work, kind: index), work)
        case .lookUp(_, let lookUp):
            return try await operations.lookUp(work, by: lookUp)
        case .function:
            return try await invoke(work)
        }
    }

    /// Makes a batch of what the arguments list.
    private func make(_ work: Work) async throws(GatewayError) -> Done {
        let items = work.entry.tool.items.flatMap { work.arguments.value(at: $0.pointer)?.arrayValue } ?? []
        let made = try await batches.make(BatchOrder(items: items, arguments: work.arguments), for: work)
        var done = Done(output: await batches.shown(made, to: work.principal))
        if case .batch(_, _, let isReplayed, _) = made { done.isReplayed = isReplayed }
        return done
    }

    private func invoke(_ work: Work) async throws(GatewayError) -> Done {
        if let earlier = try await tasks.earlier(work) { return earlier }
        try questions.check(work)
        guard let reply = work.call.answer else {
            let outcome = try await outcome(of: nil, work)
            guard let terms = work.entry.tool.task,
                AnswerStatus(rawValue: outcome.completion.status) == .accepted,
                case .task(let message) = try FunctionCompletion.read(
                    outcome.completion,
                    tool: work.entry.tool,
                    mayBecomeTask: true
                )
            else { return try done(outcome, work) }
            try await work.mayGoOn()
            return try await tasks.begin(work, terms, message: message)
        }
        let (opened, heard) = try seal.hear(reply, at: work.place)
        let answer: QuestionAnswer
        switch heard {
        case .answer(let said): answer = said
        case .missing(let question, let state):
            return Done(output: question.shown.bytes, ending: .question(question, state: state))
        }
        let taken = opened.claim(of: answer, organization: work.principal.organization, at: seal.now)
        let (outcome, isReplayed) = try await questions.answered(taken) { () async throws(GatewayError) in
            try await self.outcome(of: answer, work)
        }
        return try done(outcome, work, isReplayed: isReplayed)
    }

    /// Runs the tool.
    private func outcome(of answer: QuestionAnswer?, _ work: Work) async throws(GatewayError) -> Questions.Outcome {
        guard let invoke = work.entry.plugin.asynchronous.invoke else {
            throw GatewayError(.pluginFailed, "\(work.entry.tool.name) cannot be called now.")
        }
        let invocation = LoadedPlugin.Invocation(
            principal: work.principal,
            call: work.call.id,
            door: work.call.door.rawValue,
            timeout: functionTimeout,
            idempotencyKey: work.call.idempotencyKey,
            answer: answer,
            task: work.entry.tool.task == nil || answer != nil ? nil : .offered,
            progress: work.call.progress,
            isOver: work.isOver
        )
        var outcome = Questions.Outcome(
            completion: await invoke(work.entry.tool.index, work.arguments.bytes, invocation)
        )
        // What the host ended in the plugin's place is answered as any call of that caller is now.
        if AnswerStatus(rawValue: outcome.completion.status) == .cancelled { try await work.mayGoOn() }
        guard AnswerStatus(rawValue: outcome.completion.status) == .inputRequired else { return outcome }
        if !work.entry.tool.asks { work.entry.plugin.calls.countMalformed() }
        if case .question(let question) = try FunctionCompletion.read(outcome.completion, tool: work.entry.tool) {
            outcome.sealed = try seal.seal(question, at: work.place)
        }
        return outcome
    }

    /// What callers are answered.
    private func done(
        _ outcome: Questions.Outcome,
        _ work: Work,
        isReplayed: Bool = false
    ) throws(GatewayError) -> Done {
        var done: Done
        switch try FunctionCompletion.read(outcome.completion, tool: work.entry.tool) {
        case .output(let output, let content):
            done = Done(output: output, ending: content.map { .content($0) } ?? .output)
        case .question(let question):
            done = Done(output: question.shown.bytes, ending: .question(question, state: outcome.sealed ?? ""))
        case .task: throw GatewayError.fault("a task that nobody has begun")
        case .handle(let handle): done = Done(output: handle.json.bytes, ending: .handle(handle))
        }
        done.isReplayed = isReplayed
        return done
    }
}
