import Cryptography
import OrderedJSON
import Synchronization

/// Runs what plugins offer beside their tools and is asynchronous code: prompts and resources that may ask a person, and
/// what their arguments may be.
///
/// A question goes the way of a tool's: sealed, answered by the same caller about the same thing, and once.
package struct ContextCalls: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// A prompt or a resource is answered for after so long.
        ///
        /// Default 30 s, as for function tools.
        package var timeout: Duration = .seconds(30)
        /// A completion is: whoever types waits for it.
        ///
        /// Default 2 s.
        package var completionTimeout: Duration = .seconds(2)
        /// So many values a completion has at most, as MCP says.
        ///
        /// Default 100.
        package var valuesMax = 100
        /// The longest of them, in bytes.
        ///
        /// Default 1 KiB.
        package var valueBytesMax = 1_024
        /// Of what came of an answer so much is kept, to be shown again.
        ///
        /// Default 256 KiB.
        package var outcomeBytesMax = 256 << 10
        /// The longest text that a question goes out with, sealed: what is longer no caller could send back.
        ///
        /// Default 64 KiB.
        package var stateBytesMax = 64 << 10
        /// So many of one organization's may be under way: one that is slow for it leaves places to the others.
        ///
        /// Default 64.
        package var ofOrganizationMax = 64

        /// The defaults.
        package init() {}
    }

    /// One thing that is asked of a plugin.
    struct Call {
        let plugin: LoadedPlugin
        let work: LoadedPlugin.ContextWork
        /// What callers know it by.
        let name: String
        /// What it is about.
        let arguments: JSON
        /// Whether it may ask.
        let asks: Bool
    }

    /// What came of it.
    enum Ending<Answer> {
        case answer(Answer)
        case question(Question, state: String)
    }

    let settings: Settings
    private let places = Places()
    private let seal: QuestionSeal
    private let questions: Questions

    init(seal: QuestionSeal, questions: any OnceRepository, settings: Settings = Settings()) {
        self.settings = settings
        self.seal = seal
        self.questions = Questions(repository: questions, outcomeBytesMax: settings.outcomeBytesMax)
    }

    /// Does it for whoever asks, or hears what a person has answered; `read` takes what the plugin answers.
    ///
    /// - Throws: `notSupported` where it may ask and nobody can be asked; `pluginFailed` for what is not of its form.
    func run<Answer>(
        _ call: Call,
        _ use: Action.Use,
        _ read: (JSON) throws(GatewayError) -> Answer
    ) async throws(GatewayError) -> Ending<Answer> {
        try ContextCalls.check(call.name, asks: call.asks, use)
        return try await counted(call, use) { () async throws(GatewayError) in
            guard let reply = use.answer else { return try ending(try await outcome(call, use, nil), call, read) }
            let (opened, said) = try seal.hear(reply, at: place(of: call, use), as: ContextCalls.purpose)
            let answer: QuestionAnswer
            switch said {
            case .answer(let all): answer = all
            case .missing(let question, let state): return .question(question, state: state)
            }
            let claim = opened.claim(of: answer, organization: use.principal.organization, at: seal.now)
            let heard = try await questions.answered(claim) { () async throws(GatewayError) in
                try await outcome(call, use, answer)
            }
            return try ending(heard.outcome, call, read)
        }
    }

    /// Refuses a caller who cannot be asked, and an answer to what asks nothing.
    static func check(_ name: String, asks: Bool, _ use: Action.Use) throws(GatewayError) {
        guard asks || use.answer == nil else {
            throw GatewayError(.invalidArgument, "\(name) asks nothing, so nothing can be answered to it.").aboutCall
        }
        guard asks, !use.canBeAsked else { return }
        var error = GatewayError(.notSupported, "\(name) asks a person, and this client cannot.")
        error.needsPerson = true
        throw error
    }

    /// What an argument may be: values that begin as it does, or otherwise fit.
    func complete(_ call: Call, _ use: Action.Use) async throws(GatewayError) -> JSON {
        try await counted(call, use) { () async throws(GatewayError) in
            let completion = try await completion(call, use, nil, within: settings.completionTimeout)
            guard case .answer(let said) = try FunctionCompletion.read(completion, of: call.name, asks: false) else {
                throw FunctionCompletion.broken(call.name, "a question")
            }
            return try Completions.read(said, of: call.name, settings)
        }
    }

    // MARK: Plugins

    /// Counts a call in and out of its organization's and its generation.
    private func counted<Answer>(
        _ call: Call,
        _ use: Action.Use,
        _ work: () async throws(GatewayError) -> Answer
    ) async throws(GatewayError) -> Answer {
        let organization = use.principal.organization
        guard places.enter(organization, most: settings.ofOrganizationMax) else {
            throw GatewayError(
                .rateLimited,
                "Too many prompts, resources and completions are under way. Ask again in a moment.",
                retryAfter: .seconds(1)
            )
        }
        defer { places.leave(organization) }
        guard call.plugin.calls.begin() else {
            throw GatewayError(.unavailable, "Ask again: it was just replaced.", retryAfter: .seconds(1))
        }
        do throws(GatewayError) {
            let answer = try await work()
            call.plugin.calls.end(hasFailed: false)
            return answer
        } catch {
            let isFault = [GatewayError.Code.pluginFailed, .deadlineExceeded, .unavailable, .tooLarge]
                .contains(error.code)
            call.plugin.calls.end(hasFailed: isFault)
            throw error
        }
    }

    private func completion(
        _ call: Call,
        _ use: Action.Use,
        _ answer: QuestionAnswer?,
        within timeout: Duration
    ) async throws(GatewayError) -> LoadedPlugin.Completion {
        guard let run = call.plugin.asynchronous.context else {
            throw GatewayError(.pluginFailed, "\(call.name) cannot be asked for now.")
        }
        let mayGoOn = use.mayGoOn
        let invocation = LoadedPlugin.Invocation(
            principal: use.principal,
            call: use.call,
            door: use.door.rawValue,
            timeout: timeout,
            answer: answer,
            isOver: {
                do throws(GatewayError) {
                    try await mayGoOn()
                    return false
                } catch { return error.endsWork }
            }
        )
        let completion = await run(call.work, call.arguments.bytes, invocation)
        // What the host ended in the plugin's place is answered as any call of that caller is now.
        if AnswerStatus(rawValue: completion.status) == .cancelled { try await mayGoOn() }
        let isQuestion = AnswerStatus(rawValue: completion.status) == .inputRequired
        if isQuestion, !call.asks { call.plugin.calls.countMalformed() }
        return completion
    }

    private func outcome(
        _ call: Call,
        _ use: Action.Use,
        _ answer: QuestionAnswer?
    ) async throws(GatewayError) -> Questions.Outcome {
        var outcome = Questions.Outcome(
            completion: try await completion(call, use, answer, within: settings.timeout)
        )
        guard AnswerStatus(rawValue: outcome.completion.status) == .inputRequired else { return outcome }
        if case .question(let question) = try FunctionCompletion.read(
            outcome.completion,
            of: call.name,
            asks: call.asks
        ) {
            let sealed = try seal.seal(question, at: place(of: call, use), as: ContextCalls.purpose)
            guard sealed.utf8.count <= settings.stateBytesMax else {
                throw FunctionCompletion.broken(call.name, "a question whose schemas and state are too long")
            }
            outcome.sealed = sealed
        }
        return outcome
    }

    private func ending<Answer>(
        _ outcome: Questions.Outcome,
        _ call: Call,
        _ read: (JSON) throws(GatewayError) -> Answer
    ) throws(GatewayError) -> Ending<Answer> {
        switch try FunctionCompletion.read(outcome.completion, of: call.name, asks: call.asks) {
        case .answer(let said): .answer(try read(said))
        case .question(let question): .question(question, state: outcome.sealed ?? "")
        }
    }

    /// No tool's question is answered here, whatever it is called.
    private static let purpose = "context"

    private func place(of call: Call, _ use: Action.Use) -> QuestionSeal.Place {
        let kind = if case .prompt = call.work { "prompt" } else { "resource" }
        return QuestionSeal.Place(name: "\(kind) \(call.name)", principal: use.principal, arguments: call.arguments)
    }
}

extension ContextCalls {
    /// How many of each organization's are under way.
    private final class Places: Sendable {
        private let taken = Mutex<[OrganizationID: Int]>([:])

        /// Takes a place; false where all are taken.
        func enter(_ organization: OrganizationID, most: Int) -> Bool {
            taken.withLock { taken in
                guard taken[organization, default: 0] < most else { return false }
                taken[organization, default: 0] += 1
                return true
            }
        }

        func leave(_ organization: OrganizationID) {
            taken.withLock { taken in
                let left = (taken[organization] ?? 1) - 1
                taken[organization] = left > 0 ? left : nil
            }
        }
    }
}

/// What a plugin says that an argument may be: docs/abi.md, section 1.8.
package enum Completions {
    /// Reads it strictly: a text that would hide or forge something is as wrong as one too many.
    ///
    /// - Throws: `pluginFailed` (rule P2).
    package static func read(
        _ said: JSON,
        of name: String,
        _ settings: ContextCalls.Settings = ContextCalls.Settings()
    ) throws(GatewayError) -> JSON {
        guard let values = said["values"]?.arrayValue, values.count <= settings.valuesMax else {
            throw FunctionCompletion.broken(name, "no list of at most \(settings.valuesMax) values")
        }
        for value in values {
            guard let text = value.stringValue, (1...settings.valueBytesMax).contains(text.utf8.count),
                PlainText.name.expectation(for: text) == nil
            else {
                throw FunctionCompletion.broken(
                    name,
                    "a value that is not one line of 1 to \(settings.valueBytesMax) bytes in which everything is seen"
                )
            }
        }
        var completion: JSONObject = ["values": .array(values)]
        if let total = said["total"], !total.isNull {
            guard let whole = total.integerValue, whole >= values.count else {
                throw FunctionCompletion.broken(name, "a total that is less than its values")
            }
            completion["total"] = total
        }
        completion["has_more"] = .bool(
            said["has_more"]?.boolValue ?? ((said["total"]?.integerValue ?? 0) > Int64(values.count))
        )
        return .object(completion)
    }
}

/// What a prompt and a resource that may ask answer: docs/abi.md, sections 1.7 and 1.8.
package enum ContextAnswers {
    /// A prompt: its description, where it has one, and its messages.
    ///
    /// - Throws: `pluginFailed` (rule P2).
    package static func prompt(_ said: JSON, of name: String) throws(GatewayError) -> JSONObject {
        guard let messages = said["messages"]?.arrayValue,
            messages.allSatisfy({ $0["role"]?.stringValue != nil && $0["content"]?.objectValue != nil })
        else { throw FunctionCompletion.broken(name, "a prompt without messages") }
        var document: JSONObject = ["messages": .array(messages)]
        document["description"] = said["description"]?.stringValue.map { .string($0) }
        return document
    }

    /// The bytes of a resource: its text, or what its base64 says.
    ///
    /// - Throws: `pluginFailed` (rule P2).
    package static func bytes(_ said: JSON, of template: TemplateDescriptor) throws(GatewayError) -> [UInt8] {
        if let text = said["text"]?.stringValue { return Array(text.utf8) }
        guard let bytes = said["base64"]?.stringValue.flatMap({ Base64.decode($0) }) else {
            throw FunctionCompletion.broken(template.name, "neither text nor base64")
        }
        guard !ResourceDescriptor.isText(template.mediaType) || String(validating: bytes, as: UTF8.self) != nil else {
            throw FunctionCompletion.broken(template.name, "bytes of \(template.mediaType) that are not UTF-8")
        }
        return bytes
    }
}
