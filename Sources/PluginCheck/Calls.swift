import Gateway
import Glibc
import JSONSchema
import OrderedJSON
import PluginAPI
import PluginLoader

/// One call of a pure function.
struct PureCall: Sendable {
    enum Kind: Sendable {
        case prepare(Int, [UInt8])
        case interpret(Int, [UInt8], [UInt8])
        case query(Int, [UInt8])
        case render(Int, [UInt8], ToolDescriptor)
    }

    private(set) var kind: Kind
    let title: String
    /// Whether it plans a reversal, and of which transaction where the host has found one.
    private var reversal: (isOne: Bool, of: RecordID?) = (false, nil)

    init(_ kind: Kind, _ title: String) {
        self.kind = kind
        self.title = title
    }

    /// The same, as one that plans a reversal.
    func reversing(_ original: RecordID?) -> PureCall {
        var call = self
        call.reversal = (true, original)
        return call
    }

    /// Which function it calls, of which tool or kind.
    var function: String {
        switch kind {
        case .prepare(let index, _): "prepare \(index)"
        case .interpret(let index, _, _): "interpret \(index)"
        case .query(let index, _): "query \(index)"
        case .render(let index, _, _): "render \(index)"
        }
    }

    /// How long what goes in is.
    var inputSize: Int {
        switch kind {
        case .prepare(_, let input), .query(_, let input), .render(_, let input, _): input.count
        case .interpret(_, let input, let raw): input.count + raw.count
        }
    }

    /// The same about a record of its own, by its number.
    func aboutAnotherRecord(_ number: Int) -> PureCall {
        let id = Array("\(Identifier(high: UInt64(number), low: UInt64(number)))".utf8)
        func other(_ input: [UInt8]) -> [UInt8] {
            var text = input
            for usual in Samples.usualIDs where usual.count == id.count {
                gateway_bytes_replace(&text, text.count, usual, id, id.count)
            }
            return text
        }
        let changed: Kind =
            switch kind {
            case .prepare(let index, let input): .prepare(index, other(input))
            case .interpret(let index, let input, let raw): .interpret(index, other(input), raw)
            case .query(let index, let input): .query(index, other(input))
            case .render(let index, let input, let tool): .render(index, other(input), tool)
            }
        var call = self
        call.kind = changed
        return call
    }

    func run(_ plugin: ProbedPlugin, most: Int = 4 << 20) -> ProbedPlugin.Answer {
        ProbeReport.trying(title)
        return runQuietly(plugin, most: most)
    }

    /// Runs it without a note of what is being tried, which several threads would wait for.
    func runQuietly(_ plugin: ProbedPlugin, most: Int = 4 << 20) -> ProbedPlugin.Answer {
        switch kind {
        case .prepare(let index, let input): plugin.call(.prepare, index, input, most: most)
        case .query(let index, let input): plugin.call(.query, index, input, most: most)
        case .render(let index, let input, _): plugin.call(.render, index, input, most: most)
        case .interpret(let index, let input, let raw): plugin.interpret(index, input, raw, most: most)
        }
    }

    func checkForm(_ plugin: ProbedPlugin) throws {
        let answer = run(plugin)
        guard answer.status == GATEWAY_OK else { throw Probe.Failure("\(title): status \(answer.status)") }
        do {
            switch kind {
            case .prepare: try checkReversal(PluginAnswers.prepared(answer.output))
            case .interpret: _ = try PluginAnswers.evidence(answer.output)
            case .query: _ = try PluginAnswers.query(answer.output)
            case .render(_, _, let tool):
                guard let output = try? JSON(parsing: answer.output), tool.outputValidator.accepts(output) else {
                    throw Probe.Failure("its output is not of the tool's output schema")
                }
            }
        } catch let failure as Probe.Failure {
            throw Probe.Failure("\(title): \(failure.message)")
        } catch { throw Probe.Failure("\(title): \(error)") }
    }
}

extension PureCall {
    /// A plan of direction `reverse` has an amount, and is of the transaction that the host has found, or names one.
    private func checkReversal(_ prepared: PluginAnswers.Prepared) throws {
        guard reversal.isOne, case .plan(let plan) = prepared else { return }
        guard plan.intent.amount != nil else { throw Probe.Failure("it planned a reversal without an amount") }
        guard let found = reversal.of else {
            guard plan.intent.original != nil else {
                throw Probe.Failure("it planned a reversal that names no transaction, and its kind has no x-original")
            }
            return
        }
        guard plan.intent.original == nil || plan.intent.original == found else {
            throw Probe.Failure("it planned a reversal of another transaction than the host has found")
        }
    }
}

/// One call of a function tool.
struct FunctionCall {
    let descriptor: ToolDescriptor
    let arguments: [UInt8]
    let example: String
    /// What stands beside it.
    var meta = ProbedPlugin.usualMeta

    var tool: Int { descriptor.index }
    var title: String { "\(descriptor.name) \(example)" }

    /// Starts the call; answers what `invoke` answered.
    func start(_ plugin: ProbedPlugin, number: UInt64) -> Int32 {
        ProbeReport.trying(title)
        plugin.host.begin(number)
        return plugin.invoke(number, tool: tool, arguments, meta: meta)
    }

    /// Makes the call, and waits in case it is completed once more.
    func check(_ plugin: ProbedPlugin, number: UInt64) throws {
        guard try checkFirst(plugin, number: number) else { throw Probe.Failure("\(title): not taken") }
        // A second one would come soon, if it comes.
        usleep(20_000)
        try checkOnce(plugin, number: number)
    }

    /// Whether it was completed once so far.
    func checkOnce(_ plugin: ProbedPlugin, number: UInt64) throws {
        let count = plugin.host.completionsNow(of: number).count
        guard count == 1 else { throw Probe.Failure("\(title): completed \(count) times") }
    }

    /// Makes the call and looks at its completion; false when it was not taken, and so is over.
    func checkFirst(_ plugin: ProbedPlugin, number: UInt64) throws -> Bool {
        guard start(plugin, number: number) == GATEWAY_OK else { return false }
        guard let first = plugin.host.completions(of: number, within: 5).first else {
            throw Probe.Failure("\(title): not completed within 5 s")
        }
        // Statuses that carry nothing but a message are the tool's own business.
        guard (GATEWAY_OK...GATEWAY_INPUT_REQUIRED).contains(first.status) else { return true }
        let completion = LoadedPlugin.Completion(status: first.status, payload: first.payload)
        let isOffered = meta["x-task"]?["offered"] == true
        do { _ = try FunctionCompletion.read(completion, tool: descriptor, mayBecomeTask: isOffered) } catch {
            throw Probe.Failure("\(title): \(error.message)")
        }
        return true
    }
}
