import Dispatch
import Gateway
import Glibc
import OrderedJSON
import PluginAPI
import PluginHost
import PluginLoader
import Synchronization

/// A library that was opened to be tried, and calls through its tables.
///
/// Whatever it is lent is overwritten as soon as the call has returned, or taken away altogether, so that keeping it
/// shows (rule M1).
final class ProbedPlugin: @unchecked Sendable {
    /// What a call came to.
    struct Answer: Equatable {
        let status: Int32
        let output: [UInt8]
    }

    let tables: gateway_tables
    let host = ProbeHost()
    let negotiation: gateway_negotiation_t
    /// What becomes of what it is lent.
    let lending: Lending.End
    /// Runs once, when a call hands over its output, before that is read.
    var whileWriting: (() -> Void)?
    /// What was called so far: a probe that called nothing has nothing to say.
    let called = Atomic<UInt8>(0)

    /// What of a plugin can be called.
    struct Called {
        static let operations: UInt8 = 1
        static let functions: UInt8 = 2
        static let timers: UInt8 = 4
        static let context: UInt8 = 8
        static let selfTest: UInt8 = 16
        static let asking: UInt8 = 32
        static let completion: UInt8 = 64
    }

    private func note(_ what: UInt8) { called.bitwiseOr(what, ordering: .relaxed) }

    /// Opens a library and negotiates with it.
    init(_ path: String, lending: Lending.End = .overwritten) throws {
        self.lending = lending
        host.lend(lending)
        let entry = try ProbedPlugin.entry(of: path)
        var found = gateway_tables()
        var reason = [CChar](repeating: 0, count: 512)
        let names = (Array("mpesa-gateway".utf8), Array("check".utf8))
        let pointer = host.pointer
        let (problem, negotiation) = Lending.lend(names.0, lending) { name in
            Lending.lend(names.1, lending) { version in
                var negotiation = gateway_negotiation_t()
                negotiation.isolation = GATEWAY_ISOLATION_WORKER
                negotiation.host = pointer
                negotiation.host_interface = ProbeHost.interface
                negotiation.host_name = name
                negotiation.host_version = version
                return ProbedPlugin.negotiate(entry, negotiation, lending, &found, &reason)
            }
        }
        guard problem == 0 else {
            let text = ProbedPlugin.text(reason)
            throw Probe.Failure(
                "\(PluginRefusal(negotiation: problem, level: negotiation.level, reason: text) ?? .refused(text))"
            )
        }
        tables = found
        self.negotiation = negotiation
    }

    /// Negotiates by a copy that is lent like everything else.
    private static func negotiate(
        _ entry: gateway_plugin_entry_t,
        _ negotiation: gateway_negotiation_t,
        _ lending: Lending.End,
        _ found: inout gateway_tables,
        _ reason: inout [CChar]
    ) -> (Int32, gateway_negotiation_t) {
        var whole = negotiation
        guard lending == .takenAway else {
            return (gateway_library_negotiate(entry, &whole, &found, &reason, reason.count), whole)
        }
        return withUnsafeBytes(of: negotiation) { bytes in
            Lending.atTheEdge(bytes) { start in
                let lent = start.assumingMemoryBound(to: gateway_negotiation_t.self)
                let problem = gateway_library_negotiate(entry, lent, &found, &reason, reason.count)
                return (problem, lent.pointee)
            }
        }
    }

    static func entry(of path: String) throws -> gateway_plugin_entry_t {
        var reason = [CChar](repeating: 0, count: 512)
        guard let entry = gateway_library_open(path, &reason, reason.count) else {
            throw Probe.Failure("it cannot be opened: \(text(reason))")
        }
        return entry
    }

    private static func text(_ padded: [CChar]) -> String {
        String(decoding: padded.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    // MARK: Calls

    func describe() throws -> [UInt8] {
        let answer = collect { tables.lifecycle.pointee.describe(tables.plugin, $0) }
        guard answer.status == GATEWAY_OK else { throw Probe.Failure("describe answered status \(answer.status)") }
        return answer.output
    }

    func configure(_ settings: [UInt8]) -> Answer {
        collect { sink in lend(settings) { tables.lifecycle.pointee.configure(tables.plugin, $0, sink) } }
    }

    func selfTest() -> Answer? {
        guard let table = tables.selftest else { return nil }
        note(Called.selfTest)
        return collect { table.pointee.selftest(tables.plugin, $0) }
    }

    enum Function: String, CaseIterable {
        case prepare, query, render
    }

    func call(_ function: Function, _ index: Int, _ input: [UInt8], most: Int = 4 << 20) -> Answer {
        guard let table = tables.operation?.pointee else { return Answer(status: GATEWAY_NOT_SUPPORTED, output: []) }
        note(Called.operations)
        return collect(most: most) { sink in
            lend(input) { bytes in
                switch function {
                case .prepare: table.prepare(tables.plugin, UInt32(index), bytes, sink)
                case .query: table.query(tables.plugin, UInt32(index), bytes, sink)
                case .render: table.render(tables.plugin, UInt32(index), bytes, sink)
                }
            }
        }
    }

    func interpret(_ index: Int, _ input: [UInt8], _ raw: [UInt8], most: Int = 4 << 20) -> Answer {
        guard let table = tables.operation?.pointee else { return Answer(status: GATEWAY_NOT_SUPPORTED, output: []) }
        note(Called.operations)
        return collect(most: most) { sink in
            lend(input) { input in lend(raw) { table.interpret(tables.plugin, UInt32(index), input, $0, sink) } }
        }
    }

    func invoke(_ number: UInt64, tool: Int, _ arguments: [UInt8], meta: JSONObject = usualMeta) -> Int32 {
        guard let table = tables.invoke?.pointee else { return GATEWAY_NOT_SUPPORTED }
        note(Called.functions)
        return lend(arguments) { arguments in
            lend(ProbedPlugin.bytes(meta)) { table.invoke(tables.plugin, number, UInt32(tool), arguments, $0) }
        }
    }

    func fire(_ number: UInt64, _ timer: [UInt8]) -> Int32 {
        guard let table = tables.timer?.pointee else { return GATEWAY_NOT_SUPPORTED }
        note(Called.timers)
        let meta = ProbedPlugin.bytes(["caller": "timer", "attempt": 1])
        return lend(timer) { timer in lend(meta) { table.fire(tables.plugin, number, timer, $0) } }
    }

    /// Starts what is read and may ask, or a completion.
    func start(
        _ number: UInt64,
        _ work: LoadedPlugin.ContextWork,
        _ document: [UInt8],
        meta: JSONObject = usualMeta
    ) -> Int32 {
        var meta = meta
        meta["environment"] = "test"
        return lend(document) { document in
            lend(ProbedPlugin.bytes(meta)) { meta in
                switch work {
                case .prompt(let index):
                    guard let table = tables.prompt_2?.pointee else { return GATEWAY_NOT_SUPPORTED }
                    note(Called.asking)
                    return table.get(tables.plugin, number, UInt32(index), document, meta)
                case .resource(let index):
                    guard let table = tables.resource_2?.pointee else { return GATEWAY_NOT_SUPPORTED }
                    note(Called.asking)
                    return table.read(tables.plugin, number, UInt32(index), document, meta)
                case .completion:
                    guard let table = tables.completion?.pointee else { return GATEWAY_NOT_SUPPORTED }
                    note(Called.completion)
                    return table.complete(tables.plugin, number, document, meta)
                }
            }
        }
    }

    /// What mostly stands beside a call.
    static let usualMeta: JSONObject = ["caller": "rest", "attempt": 1]

    /// The same with a time to be done by.
    private static func bytes(_ meta: JSONObject) -> [UInt8] {
        var meta = meta
        meta["deadline_ns"] = .integer(Int64(clamping: DispatchTime.now().uptimeNanoseconds) + 10_000_000_000)
        return JSON.object(meta).bytes
    }

    func prompt(_ index: Int, _ arguments: [UInt8]) -> Answer {
        guard let table = tables.prompt?.pointee else { return Answer(status: GATEWAY_NOT_SUPPORTED, output: []) }
        note(Called.context)
        return collect { sink in lend(arguments) { table.get(tables.plugin, UInt32(index), $0, sink) } }
    }

    func resource(_ index: Int) -> Answer {
        guard let table = tables.resource?.pointee else { return Answer(status: GATEWAY_NOT_SUPPORTED, output: []) }
        note(Called.context)
        return collect { table.read(tables.plugin, UInt32(index), $0) }
    }

    func interface(_ id: [UInt8]) -> UnsafeRawPointer? {
        lend(id) { negotiation.plugin_interface(negotiation.plugin, $0) }
    }

    // MARK: Lending and collecting

    private func lend<Result>(_ bytes: [UInt8], _ body: (gateway_bytes_t) -> Result) -> Result {
        Lending.lend(bytes, lending, body)
    }

    private func collect(most: Int = 4 << 20, _ call: (gateway_sink_t) -> Int32) -> Answer {
        let work = whileWriting
        if work != nil { whileWriting = nil }
        return Sink.collect(most: most, whileWriting: work, call)
    }
}
