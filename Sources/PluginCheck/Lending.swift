import Glibc
import PluginAPI
import Synchronization

/// Memory that a library is lent, and how it is taken back.
enum Lending {
    /// What becomes of it when the call has returned.
    enum End {
        /// It is overwritten and stays, so that what was kept reads that and nothing else.
        case overwritten
        /// It is overwritten and given back, so that only the library's own memory grows.
        case givenBack
        /// It may not even be read, nor the byte behind it before.
        case takenAway
    }

    /// Lends a copy of some bytes.
    static func lend<Result>(_ bytes: [UInt8], _ end: End, _ body: (gateway_bytes_t) -> Result) -> Result {
        guard !bytes.isEmpty else { return body(gateway_bytes_t(data: nil, length: 0)) }
        if end == .takenAway {
            return bytes.withUnsafeBytes { bytes in
                atTheEdge(bytes) { body(view($0, bytes.count)) }
            }
        }
        let copy = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 16)
        defer {
            memset(copy, 0xA5, bytes.count)
            if end == .givenBack { copy.deallocate() }
        }
        bytes.withUnsafeBytes { if let base = $0.baseAddress { copy.copyMemory(from: base, byteCount: $0.count) } }
        return body(view(copy, bytes.count))
    }

    private static func view(_ start: UnsafeMutableRawPointer, _ count: Int) -> gateway_bytes_t {
        gateway_bytes_t(data: UnsafePointer(start.assumingMemoryBound(to: UInt8.self)), length: UInt64(count))
    }

    /// Lends a copy that ends with its page; the page after it, and later its own, may not even be read.
    static func atTheEdge<Result>(
        _ bytes: UnsafeRawBufferPointer,
        _ body: (UnsafeMutableRawPointer) -> Result
    ) -> Result {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let size = (bytes.count + page - 1) / page * page
        let access = (PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS)
        guard let pages = mmap(nil, size + page, access.0, access.1, -1, 0), pages != MAP_FAILED else {
            preconditionFailure("there is no memory to lend")
        }
        mprotect(pages + size, page, PROT_NONE)
        let start = pages + size - bytes.count
        if let base = bytes.baseAddress { start.copyMemory(from: base, byteCount: bytes.count) }
        // It is never given back, so that nothing else can come to be where it was.
        defer { mprotect(pages, size, PROT_NONE) }
        return body(start)
    }
}

/// What functions write their output to.
///
/// Each is known by a number that is used once, so that one that was kept finds nothing.
final class Sink: @unchecked Sendable {
    private(set) var bytes: [UInt8] = []
    private let most: Int
    private var whileWriting: (() -> Void)?

    /// Guards what it holds, and what each sink holds.
    private static let open = Mutex((last: 0, sinks: [Int: Sink](), late: 0))

    private init(most: Int, whileWriting: (() -> Void)?) { (self.most, self.whileWriting) = (most, whileWriting) }

    /// How often something was written to an output whose call had returned.
    static var writtenLate: Int { open.withLock { $0.late } }

    /// Lends a sink to a call and answers what was written to it.
    static func collect(
        most: Int,
        whileWriting: (() -> Void)?,
        _ call: (gateway_sink_t) -> Int32
    ) -> ProbedPlugin.Answer {
        let sink = Sink(most: most, whileWriting: whileWriting)
        let number = open.withLock { open in
            open.last += 1
            open.sinks[open.last] = sink
            return open.last
        }
        let status = call(
            gateway_sink_t(
                context: UnsafeMutableRawPointer(bitPattern: number),
                write: { context, bytes in Sink.write(Int(bitPattern: context), bytes) }
            )
        )
        open.withLock { _ = $0.sinks.removeValue(forKey: number) }
        return ProbedPlugin.Answer(status: status, output: sink.bytes)
    }

    private static func write(_ number: Int, _ bytes: gateway_bytes_t) -> Int32 {
        let (sink, work) = open.withLock { open -> (Sink?, (() -> Void)?) in
            guard let sink = open.sinks[number] else {
                open.late += 1
                return (nil, nil)
            }
            defer { sink.whileWriting = nil }
            return (sink, sink.whileWriting)
        }
        guard let sink else { return GATEWAY_INVALID_ARGUMENT }
        work?()
        guard sink.bytes.count + Int(clamping: bytes.length) <= sink.most else { return GATEWAY_TOO_LARGE }
        sink.bytes.append(contentsOf: UnsafeBufferPointer(start: bytes.data, count: Int(bytes.length)))
        return GATEWAY_OK
    }
}
