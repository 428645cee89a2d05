import ArgumentParser
import Egress
import Foundation
import Gateway
import MCP
import Threads

/// MCP over standard input and output, in front of a running gateway.
struct MCPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp",
        abstract: "Serve MCP on standard input and output, for a gateway that runs.",
        discussion: """
            The key stands in GATEWAY_API_KEY. The gateway is found by --url (GATEWAY_URL), or else by the data folder \
            that it serves (--data-dir, GATEWAY_DATA_FOLDER). Where no address is given and nobody serves that folder, it is \
            served here, with the settings of `serve`, until the input ends.
            """
    )

    @Option(help: "The gateway's address, such as https://pay.example.com; http for this machine alone.")
    var url: String?
    @Option(name: .customLong("data-dir"), help: "The data folder of a gateway on this machine.")
    var dataFolder: String?

    /// How long the gateway may say nothing before an answer is given up.
    ///
    /// Longer than whatever it waits for in silence: a person on a page has ten minutes. What lasts shows signs of life, and may
    /// last as long as it likes.
    static let silenceMax = Duration.seconds(900)
    /// How long requests that are under way may go on once the input has ended, and their answers may wait to be read.
    private static let drain = Duration.seconds(30)

    func run() async throws {
        do {
            let environment = ProcessInfo.processInfo.environment
            let given = url ?? (dataFolder == nil ? environment["GATEWAY_URL"] : nil)
            let folder = dataFolder ?? environment["GATEWAY_DATA_FOLDER"] ?? Settings().dataFolder
            // From here on nothing but messages stands on standard output, whatever is started.
            let output = try MessageOutput()
            let serve: @Sendable () async throws -> Void = {
                try await MCPCommand.serve(
                    try GatewayAddress.find(url: given, folder: folder, environment: environment),
                    output
                )
            }
            guard given == nil, let embedded = try await EmbeddedGateway.begin(in: folder, environment) else {
                return try await serve()
            }
            tell("no gateway serves \(folder): it is served here, until the input ends")
            try await embedded.serve(during: serve)
        } catch {
            throw explain(error)
        }
    }

    private static func serve(_ address: GatewayAddress, _ output: MessageOutput) async throws(GatewayError) {
        let curl = CurlClient(settings: CurlClient.Settings())
        defer { curl.shutdown() }
        let settings = StdioBridge.Settings()
        let bridge = StdioBridge(
            settings: settings,
            send: MCPCommand.sender(curl, address, settings),
            write: { output.write($0) }
        )
        if let reason = await bridge.check() {
            throw GatewayError(.unavailable, "\(address.found): \(reason)")
        }
        for await line in StandardInput.lines(bytesMax: settings.lineBytesMax) { bridge.take(line) }
        let end = ContinuousClock.now + MCPCommand.drain
        await bridge.end(within: MCPCommand.drain)
        guard await output.flush(until: end) else {
            throw GatewayError(
                .unavailable,
                "Standard output was not read: answers were lost, and the last line may be half. Ask again with the same keys."
            )
        }
    }

    private static func sender(
        _ curl: CurlClient,
        _ address: GatewayAddress,
        _ settings: StdioBridge.Settings
    ) -> StdioBridge.Sender {
        { post, hear in
            let request = MCPCommand.request(post.headers, post.body, to: address, settings.answerBytesMax, hear)
            switch await curl.sendUntilCancelled(request) {
            case .answered(let status, _): return .answered(status)
            case .notSent(let reason): return .notSent(reason)
            case .unknown(let reason): return .unknown(reason)
            }
        }
    }

    /// A message as it leaves, whose answer is heard as it comes, and may be a stream without an end.
    static func request(
        _ headers: [(name: String, value: String)],
        _ body: [UInt8],
        to address: GatewayAddress,
        _ answerBytesMax: Int,
        _ hear: @escaping @Sendable ([UInt8]) -> Void
    ) -> HTTPRequest {
        var request = HTTPRequest(
            method: "POST",
            url: address.url,
            headers: headers.map { ($0.name, $0.value) }
                + [("Authorization", "Bearer \(address.credential.reveal())")],
            body: body,
            timeout: silenceMax,
            answerBytesMax: answerBytesMax
        )
        request.waitsForPieces = true
        request.onPiece = { piece, _ in
            hear(piece)
            return true
        }
        return request
    }
}

/// Standard output, for messages and nothing else.
///
/// Whatever else is printed in this process goes to standard error.
private struct MessageOutput: Sendable {
    private let writer: LineWriter

    init() throws(GatewayError) {
        let descriptor = dup(1)
        guard descriptor >= 0, dup2(2, 1) == 1 else {
            throw GatewayError(.unavailable, "Standard output cannot be used.")
        }
        writer = LineWriter(descriptor: descriptor, bytesMax: 64 << 20, name: "mcp-output") { lost in
            // Whoever asks and does not read: no line of ours may stand between messages.
            tell("\(lost) messages were not read in time")
            return []
        }
    }

    func write(_ message: [UInt8]) { writer.write(message + [UInt8(ascii: "\n")]) }

    /// Waits until all of it was read, on a thread of its own; false where that took too long.
    func flush(until end: ContinuousClock.Instant) async -> Bool {
        let seconds = max(Duration.zero, end - .now) / .seconds(1)
        return await withCheckedContinuation { continuation in
            NamedThread.start("mcp-flush") { continuation.resume(returning: writer.flush(atMost: seconds)) }
        }
    }
}

/// Standard input, read on a thread of its own.
private enum StandardInput {
    /// So many lines wait; the reader waits for them.
    private static let linesMax = 64

    static func lines(bytesMax: Int) -> AsyncStream<LineSplitter.Line> {
        let room = DispatchSemaphore(value: linesMax)
        let (stream, continuation) = AsyncStream.makeStream(of: LineSplitter.Line.self)
        NamedThread.start("mcp-input") {
            var splitter = LineSplitter(bytesMax: bytesMax)
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = read(0, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                for line in splitter.take(buffer[..<count]) { put(line, continuation, room) }
            }
            for line in splitter.end() { put(line, continuation, room) }
            continuation.finish()
        }
        return AsyncStream {
            var iterator = stream.makeAsyncIterator()
            guard let line = await iterator.next() else { return nil }
            room.signal()
            return line
        }
    }

    /// On the reader's own thread, which may wait.
    private static func put(
        _ line: LineSplitter.Line,
        _ continuation: AsyncStream<LineSplitter.Line>.Continuation,
        _ room: DispatchSemaphore
    ) {
        room.wait()
        continuation.yield(line)
    }
}
