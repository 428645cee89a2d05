import Foundation
import Gateway
import Glibc
import OrderedJSON
import PluginAPI
import PluginLoader
import Synchronization

/// What a plugin is tried with: its own examples, records in every state, and rubbish.
enum Samples {
    static let moment = Timestamp(milliseconds: 1_800_000_000_000)

    /// The ids in the documents below.
    static let usualIDs = ([7, 8, 9] as [UInt64]).map { Array("\(Identifier(high: $0, low: $0))".utf8) }

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
            guard let kind = kind(of: tool) else { continue }
            if case .operation = tool.kind {
                for example in tool.examples {
                    let title = "\(tool.name) (\(example.title))"
                    for arguments in prepared(tool, example.arguments) {
                        calls.append(preparation(of: tool, catalogue, with: arguments, title))
                    }
                }
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

    /// Calls of `prepare` with arguments that were made from the tools' schemas.
    static func madeCalls(_ catalogue: Catalogue) -> [PureCall] {
        catalogue.tools
            .flatMap { tool -> [PureCall] in
                guard case .operation = tool.kind else { return [] }
                return MadeArguments.values(for: tool)
                    .map { preparation(of: tool, catalogue, with: $0, "\(tool.name) with \(shown($0))") }
            }
    }

    private static func preparation(
        of tool: ToolDescriptor,
        _ catalogue: Catalogue,
        with arguments: JSON,
        _ title: String
    ) -> PureCall {
        let kind = kind(of: tool).map { catalogue.operations[$0] }
        let original = kind.flatMap { originals(of: $0).first }
        let row = tool.items == nil ? nil : 1
        let call = PureCall(.prepare(tool.index, prepareInput(arguments, original, row)), title)
        return kind?.direction == .reverse ? call.reversing(original?.record.id) : call
    }

    /// What a tool's `prepare` is given of a call's arguments: they themselves, or each item of theirs.
    static func prepared(_ tool: ToolDescriptor, _ arguments: JSON) -> [JSON] {
        guard let items = tool.items else { return [arguments] }
        return arguments.value(at: items.pointer)?.arrayValue ?? []
    }

    /// Arguments as a report shows them.
    private static func shown(_ arguments: JSON) -> String {
        let text = String(decoding: arguments.bytes.prefix(160), as: UTF8.self)
        return arguments.bytes.count > 160 ? text + "…" : text
    }

    /// The operation kind whose records a tool shows; nil for a function tool.
    static func kind(of tool: ToolDescriptor) -> Int? {
        switch tool.kind {
        case .operation(let kind), .lookUp(operation: let kind, _): kind
        case .function: nil
        }
    }

    private static func prepareInput(
        _ arguments: JSON,
        _ original: (record: Record, left: Int64)?,
        _ row: Int?
    ) -> [UInt8] {
        PluginDocuments.prepare(
            arguments: arguments.bytes,
            profile: profile,
            settings: [:],
            now: moment,
            record: RecordID(Identifier(high: 7, low: 7)),
            originator: Identifier(high: 8, low: 8),
            original: original,
            row: row
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
            intent: Intent(
                amount: amount,
                party: "254712345678",
                reference: "R",
                description: "D",
                original: kind.direction == .reverse ? originalID : nil
            ),
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
                tool.examples.map {
                    FunctionCall(descriptor: tool, arguments: $0.arguments.bytes, example: "(\($0.title))")
                }
            }
    }

    /// Calls of every function tool: its examples, or where it has none, some of what its schema allows.
    static func anyInvocations(_ catalogue: Catalogue) -> [FunctionCall] {
        let examples = invocations(catalogue)
        return examples + madeInvocations(catalogue, of: { $0.examples.isEmpty }).prefix(10)
    }

    /// Calls of function tools that may go on after their reply: once as they may ask for that, once as they go on.
    static func tasks(_ catalogue: Catalogue) -> [FunctionCall] {
        let id = "019ab3c4-0000-7000-8000-000000000007"
        return anyInvocations(catalogue).filter { $0.descriptor.task != nil }
            .flatMap { call in
                var (offered, goesOn) = (call, call)
                offered.meta["x-task"] = ["offered": true]
                goesOn.meta["x-task"] = ["id": .string(id)]
                goesOn.meta["caller"] = "task"
                return [offered, goesOn]
            }
    }

    /// Calls of function tools with arguments that were made from their schemas, in turns.
    static func madeInvocations(
        _ catalogue: Catalogue,
        of isMeant: (ToolDescriptor) -> Bool = { _ in true }
    ) -> [FunctionCall] {
        let lists = catalogue.tools.filter { $0.kind == .function && isMeant($0) }
            .map { tool in
                MadeArguments.values(for: tool)
                    .map { FunctionCall(descriptor: tool, arguments: $0.bytes, example: "with \(shown($0))") }
            }
        return (0..<(lists.map(\.count).max() ?? 0)).flatMap { at in lists.filter { at < $0.count }.map { $0[at] } }
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

    /// Seconds of processor time that this process has spent.
    static var processSeconds: Double { Double(gateway_processor_time()) / 1e9 }

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

    /// By how many bytes what is allocated grew in each of four windows of `rounds`, at the least, after a first one that
    /// warms up: so neither what is made once nor what comes and goes counts.
    static func growth(rounds: Int, _ work: () -> Void) -> Int {
        func used() -> (heap: Int, resident: Int, mapped: Int) {
            let pages = Samples.pages()
            return (Int(clamping: gateway_memory_used()), pages.resident, pages.mapped)
        }
        for _ in 0..<rounds { work() }
        var before = used()
        var (heap, resident, mapped) = (Int.max, Int.max, Int.max)
        for _ in 0..<4 {
            for _ in 0..<rounds { work() }
            let now = used()
            heap = min(heap, now.heap - before.heap)
            resident = min(resident, now.resident - before.resident)
            mapped = min(mapped, now.mapped - before.mapped)
            before = now
        }
        // What is not the C library's is seen by the page, and a few of those come by themselves. What is mapped counts
        // against a worker's limit, whether it is used or not.
        let pages = max(resident, mapped)
        return max(heap, pages > 1 << 20 ? pages : 0)
    }

    private static func pages() -> (resident: Int, mapped: Int) {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let fields = text.split(separator: " ").map { (Int($0) ?? 0) * 4096 }
        return fields.count > 1 ? (fields[1], fields[0]) : (0, 0)
    }
}
