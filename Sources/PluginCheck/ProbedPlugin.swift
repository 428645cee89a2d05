import Dispatch
import Glibc
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
    /// Whether what is lent ends where the next byte is nobody's, and is nobody's itself once the call has returned.
    ///
    /// Set before the first call.
    var takesAway = false
    /// Whether what is lent is given back after the call, so that only the plugin's own memory grows.
    ///
    /// Set before the first call.
    var givesBack = false
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
    }

    private func note(_ what: UInt8) { called.bitwiseOr(what, ordering: .relaxed) }

    init(_ path: String) throws {
        let entry = try ProbedPlugin.entry(of: path)
        var negotiation = gateway_negotiation_t()
        negotiation.isolation = GATEWAY_ISOLATION_WORKER
        negotiation.host = host.pointer
        negotiation.host_interface = ProbeHost.interface
        var found = gateway_tables()
        var reason = [CChar](repeating: 0, count: 512)
        let problem = gateway_library_negotiate(entry, &negotiation, &found, &reason, reason.count)
        guard problem == 0 else {
            let text = ProbedPlugin.text(reason)
            throw Probe.Failure(
                "\(PluginRefusal(negotiation: problem, level: negotiation.level, reason: text) ?? .refused(text))"
            )
        }
        tables = found
        self.negotiation = negotiation
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

    func invoke(_ number: UInt64, tool: Int, _ arguments: [UInt8]) -> Int32 {
        guard let table = tables.invoke?.pointee else { return GATEWAY_NOT_SUPPORTED }
        note(Called.functions)
        return lend(arguments) { arguments in
            lend(meta("rest")) { table.invoke(tables.plugin, number, UInt32(tool), arguments, $0) }
        }
    }

    func fire(_ number: UInt64, _ timer: [UInt8]) -> Int32 {
        guard let table = tables.timer?.pointee else { return GATEWAY_NOT_SUPPORTED }
        note(Called.timers)
        return lend(timer) { timer in lend(meta("timer")) { table.fire(tables.plugin, number, timer, $0) } }
    }

    private func meta(_ caller: String) -> [UInt8] {
        let deadline = DispatchTime.now().uptimeNanoseconds + 10_000_000_000
        return Array(#"{"caller":"\#(caller)","deadline_ns":\#(deadline),"attempt":1}"#.utf8)
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

    /// Lends a copy in memory of its own, and overwrites it afterwards.
    private func lend<Result>(_ bytes: [UInt8], _ body: (gateway_bytes_t) -> Result) -> Result {
        if takesAway, !bytes.isEmpty { return lendAtTheEdge(bytes, body) }
        let copy = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 16)
        defer {
            memset(copy, 0xA5, max(1, bytes.count))
            // Elsewhere it is not freed, so that what was kept reads this and nothing else.
            if givesBack { copy.deallocate() }
        }
        bytes.withUnsafeBytes { if let base = $0.baseAddress { copy.copyMemory(from: base, byteCount: $0.count) } }
        let data = UnsafePointer(copy.assumingMemoryBound(to: UInt8.self))
        return body(gateway_bytes_t(data: bytes.isEmpty ? nil : data, length: UInt64(bytes.count)))
    }

    /// Lends a copy that ends with its page; the page after it, and later its own, may not even be read.
    private func lendAtTheEdge<Result>(_ bytes: [UInt8], _ body: (gateway_bytes_t) -> Result) -> Result {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let size = (bytes.count + page - 1) / page * page
        let access = (PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS)
        guard let pages = mmap(nil, size + page, access.0, access.1, -1, 0), pages != MAP_FAILED else {
            preconditionFailure("there is no memory to lend")
        }
        mprotect(pages + size, page, PROT_NONE)
        let start = pages + size - bytes.count
        bytes.withUnsafeBytes { if let base = $0.baseAddress { start.copyMemory(from: base, byteCount: $0.count) } }
        // It is never given back, so that nothing else can come to be where it was.
        defer { mprotect(pages, size, PROT_NONE) }
        let data = UnsafePointer(start.assumingMemoryBound(to: UInt8.self))
        return body(gateway_bytes_t(data: data, length: UInt64(bytes.count)))
    }

    private final class Collector {
        var bytes: [UInt8] = []
        let most: Int
        var whileWriting: (() -> Void)?
        init(most: Int, whileWriting: (() -> Void)?) { (self.most, self.whileWriting) = (most, whileWriting) }
    }

    private func collect(most: Int = 4 << 20, _ call: (gateway_sink_t) -> Int32) -> Answer {
        let collector = Collector(most: most, whileWriting: whileWriting)
        whileWriting = nil
        let sink = gateway_sink_t(
            context: Unmanaged.passUnretained(collector).toOpaque(),
            write: { context, bytes in
                guard let context else { return GATEWAY_INVALID_ARGUMENT }
                let collector = Unmanaged<Collector>.fromOpaque(context).takeUnretainedValue()
                if let work = collector.whileWriting {
                    collector.whileWriting = nil
                    work()
                }
                guard collector.bytes.count + Int(bytes.length) <= collector.most else { return GATEWAY_TOO_LARGE }
                collector.bytes.append(
                    contentsOf: UnsafeBufferPointer(start: bytes.data, count: Int(bytes.length))
                )
                return GATEWAY_OK
            }
        )
        let status = withExtendedLifetime(collector) { call(sink) }
        return Answer(status: status, output: collector.bytes)
    }
}
