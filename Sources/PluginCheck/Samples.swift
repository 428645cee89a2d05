import Foundation
import Gateway
import Glibc
import OrderedJSON
import PluginAPI
import Synchronization

/// What a plugin is tried with: its own examples, records in every state, and rubbish.
enum Samples {
    static let moment = Timestamp(milliseconds: 1_800_000_000_000)

    static let profile = Profile(
        environment: .test,
        shortCode: "600000",
        shortCodeType: "paybill",
        organizationName: "Check"
    )

    /// Calls of pure functions that a host would make.
    static func calls(_ catalogue: Catalogue) -> [PureCall] {
        var calls: [PureCall] = []
        for tool in catalogue.tools {
            guard case .operation(let kind) = tool.kind else { continue }
            for example in tool.examples {
                calls.append(
                    PureCall(.prepare(tool.index, prepareInput(example.arguments)), "\(tool.name) (\(example.title))")
                )
            }
            let record = { (state: RecordState) in
                Samples.record(catalogue.operations[kind], catalogue, tool: tool.name, state: state)
            }
            for state in RecordState.allCases {
                let input = PluginDocuments.render(record: record(state), events: [])
                calls.append(PureCall(.render(tool.index, input, tool), "\(tool.name) showing \(state)"))
            }
        }
        for (index, kind) in catalogue.operations.enumerated() {
            let open = record(kind, catalogue, state: .accepted)
            let query = PluginDocuments.query(record: open, profile: profile, settings: [:], now: moment)
            calls.append(PureCall(.query(index, query), "\(kind.name), asking"))
            for source in sources(kind) {
                let input = PluginDocuments.interpret(source: source, status: 200, record: open)
                let raw = Array("{\"ResponseCode\":\"0\",\"ResponseDescription\":\"ok\"}".utf8)
                calls.append(PureCall(.interpret(index, input, raw), "\(kind.name), \(source.text)"))
            }
        }
        return calls
    }

    private static func prepareInput(_ arguments: JSON) -> [UInt8] {
        PluginDocuments.prepare(
            arguments: arguments.bytes,
            profile: profile,
            settings: [:],
            now: moment,
            record: RecordID(Identifier(high: 7, low: 7)),
            originator: Identifier(high: 8, low: 8)
        )
    }

    static func sources(_ kind: OperationKind) -> [Evidence.Source] {
        [.reply] + kind.callbacks.map { .callback($0.name) }
    }

    static func record(
        _ kind: OperationKind,
        _ catalogue: Catalogue,
        tool: String = "",
        state: RecordState
    ) -> Record {
        let amount = kind.direction == .none ? nil : Shillings(100)
        return Record(
            id: RecordID(Identifier(high: 7, low: 7)),
            organization: OrganizationID(Identifier(high: 1, low: 1)),
            environment: .test,
            recordClass: kind.direction == .none ? .exchange : .transaction,
            plugin: catalogue.id,
            operation: kind.name,
            tool: tool,
            direction: kind.direction,
            madeBy: "host",
            intent: Intent(amount: amount, party: "254712345678", reference: "R", description: "D"),
            about: nil,
            createdAt: moment,
            query: kind.query,
            sendBefore: moment,
            request: RequestTemplate(body: [:]),
            state: state
        )
    }

    /// Calls of function tools, one for each example.
    static func invocations(_ catalogue: Catalogue) -> [FunctionCall] {
        catalogue.tools.filter { $0.kind == .function }
            .flatMap { tool in
                tool.examples.map { FunctionCall(descriptor: tool, arguments: $0.arguments.bytes, example: $0.title) }
            }
    }

    /// Bytes that nobody should have sent.
    static func rubbish(_ random: inout SplitMix) -> [UInt8] {
        let texts = [
            "{\"Body\":{\"stkCallback\":{\"ResultCode\":0,\"CheckoutRequestID\":\"x\",\"CallbackMetadata\":{\"Item\":[]}}}}",
            "{\"Result\":{\"ResultCode\":\"0\",\"ResultParameters\":{\"ResultParameter\":[{\"Key\":\"TransactionAmount\"}]}}}",
            "{\"ResponseCode\":\"0\"}", "{\"errorCode\":\"500.001.1001\",\"errorMessage\":\"x\"}", "null", "[[[[[[",
            "{\"a\":1e999,\"b\":\"\\ud800\"}", "", "<html>502</html>",
        ]
        var bytes = Array(texts.randomElement(using: &random)?.utf8 ?? "".utf8)
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        case 1: bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
        case 2:
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
        default: break
        }
        return bytes
    }

    static func checkEvidence(_ answer: ProbedPlugin.Answer, _ raw: [UInt8], _ kind: String) throws {
        let what = "\(kind), of \(String(decoding: raw.prefix(120), as: UTF8.self).debugDescription)"
        guard answer.status == GATEWAY_OK else { throw Probe.Failure("\(what): status \(answer.status)") }
        do { _ = try PluginAnswers.evidence(answer.output) } catch { throw Probe.Failure("\(what): \(error)") }
    }

    /// The first call that another thread was answered differently.
    static func differsAmongThreads(
        _ plugin: ProbedPlugin,
        _ calls: [PureCall],
        _ expected: [ProbedPlugin.Answer]
    ) -> String? {
        let different = Mutex<String?>(nil)
        DispatchQueue.concurrentPerform(iterations: 40) { _ in
            for (call, answer) in zip(calls, expected) where call.run(plugin) != answer {
                different.withLock { $0 = call.title }
            }
        }
        return different.withLock { $0 }
    }

    // MARK: Measuring

    /// Seconds of processor time that this thread spent: what others do on the machine does not count.
    static func processorTime(_ work: () -> Void) -> Double {
        func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
        let start = now()
        work()
        return now() - start
    }

    /// By how many bytes the process grew in the second half of the rounds; the first half warms up.
    static func growth(rounds: Int, _ work: () -> Void) -> Int {
        func resident() -> Int {
            let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
            let fields = text.split(separator: " ")
            return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
        }
        for _ in 0..<rounds { work() }
        let before = resident()
        for _ in 0..<rounds { work() }
        return resident() - before
    }
}

/// One call of a pure function.
struct PureCall: Sendable {
    enum Kind: Sendable {
        case prepare(Int, [UInt8])
        case interpret(Int, [UInt8], [UInt8])
        case query(Int, [UInt8])
        case render(Int, [UInt8], ToolDescriptor)
    }

    let kind: Kind
    let title: String

    init(_ kind: Kind, _ title: String) {
        self.kind = kind
        self.title = title
    }

    /// How much of what is lent stays in memory.
    var lentBytes: Int {
        switch kind {
        case .prepare(_, let input), .query(_, let input), .render(_, let input, _): input.count
        case .interpret(_, let input, let raw): input.count + raw.count
        }
    }

    func run(_ plugin: ProbedPlugin, most: Int = 4 << 20) -> ProbedPlugin.Answer {
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
            case .prepare: _ = try PluginAnswers.prepared(answer.output)
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

/// One call of a function tool.
struct FunctionCall {
    let descriptor: ToolDescriptor
    let arguments: [UInt8]
    let example: String

    var tool: Int { descriptor.index }
    var title: String { "\(descriptor.name) (\(example))" }

    func check(_ plugin: ProbedPlugin, number: UInt64) throws {
        plugin.host.begin(number)
        let status = plugin.invoke(number, tool: tool, arguments)
        guard status == GATEWAY_OK else { throw Probe.Failure("\(title): not taken, status \(status)") }
        guard let first = plugin.host.completions(of: number, within: 5).first else {
            throw Probe.Failure("\(title): not completed within 5 s")
        }
        // A second one would come soon, if it comes.
        usleep(20_000)
        let count = plugin.host.completionsNow(of: number).count
        guard count == 1 else { throw Probe.Failure("\(title): completed \(count) times") }
        // Statuses that carry nothing but a message are the tool's own business.
        guard (GATEWAY_OK...GATEWAY_INPUT_REQUIRED).contains(first.status) else { return }
        let completion = LoadedPlugin.Completion(status: first.status, payload: first.payload)
        do { _ = try FunctionCompletion.read(completion, tool: descriptor) } catch {
            throw Probe.Failure("\(title): \(error.message)")
        }
    }
}
