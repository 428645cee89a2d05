import Dispatch
import Egress
import Gateway
import MCP
import OrderedJSON
import Synchronization

/// Follows the feed of a running gateway, and goes on after a cut where it was.
///
/// What comes waits in a few pieces; past that the gateway is kept waiting, and may leave: then it is asked anew.
struct FeedFollower {
    /// What is followed.
    struct Wish {
        /// The cursor to go on from; now for what comes next, and nil for the first event that is kept.
        var after: String?
        /// Of these types alone, between commas.
        var types: String?
        /// test or live, for a person's token.
        var environment: String?

        var request: Operation.Request {
            let query = [("after", after), ("types", types)]
                .compactMap { name, value in value.map { name + "=" + ManagementClient.escaped($0) } }
            let path = "/events" + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
            return Operation.Request(method: "GET", path: path)
        }

        var headers: [(String, String)] {
            [("Accept", "text/event-stream")] + (environment.map { [("Gateway-Environment", $0)] } ?? [])
        }
    }

    /// Hears an event and the bytes that it came in, one at a time.
    typealias Hear = (_ event: JSON, _ bytes: [UInt8]) async throws(GatewayError) -> Void

    /// So many pieces wait to be read.
    private static let piecesMax = 16
    /// Without a sign of life for so long, a stream is given up.
    private static let silence: Duration = .seconds(60)
    private static let waitMax: Duration = .seconds(30)

    let client: GatewayClient
    private(set) var wish: Wish

    /// Follows until there is an error that will not pass.
    mutating func run(_ hear: Hear) async throws(GatewayError) {
        var (wait, hasBegun) = (Duration.seconds(1), false)
        while true {
            let before = wish.after
            let cut = try await follow(hear)
            if case .never(let reason) = cut, !hasBegun { throw GatewayError(.unavailable, reason) }
            hasBegun = true
            tell("\(cut.words); going on from \(wish.after ?? "the first event that is kept")")
            wait = wish.after == before ? min(wait * 2, FeedFollower.waitMax) : .seconds(1)
            do { try await Task.sleep(for: wait) } catch { throw GatewayError(.unavailable, "It was stopped.") }
        }
    }

    /// Why a stream ended that may be asked for again.
    private enum Cut {
        /// There was none.
        case never(String)
        case ended(String)

        var words: String {
            switch self {
            case .never(let words), .ended(let words): words
            }
        }
    }

    /// One stream, to its end.
    private mutating func follow(_ hear: Hear) async throws(GatewayError) -> Cut {
        // Begins at nothing and is filled, because one that is let go of below its beginning ends the program.
        let room = DispatchSemaphore(value: 0)
        for _ in 0..<FeedFollower.piecesMax { room.signal() }
        let isLeft = Atomic(false)
        let (pieces, continuation) = AsyncStream.makeStream(of: [UInt8].self)
        var request = client.request(wish.request, wish.headers)
        request.timeout = FeedFollower.silence
        request.waitsForPieces = true
        request.onPiece = { piece, status in
            guard status == 200 else { return false }
            // On the client's own thread, which carries nothing else.
            room.wait()
            guard !isLeft.load(ordering: .acquiring) else { return false }
            continuation.yield(piece)
            return true
        }
        let sent = request
        async let outcome = {
            defer { continuation.finish() }
            return await client.curl.sendUntilCancelled(sent)
        }()
        var reader = FeedLines()
        do throws(GatewayError) {
            for await piece in pieces {
                room.signal()
                for told in try reader.take(piece) { try await take(told, hear) }
                if let cursor = reader.cursor { wish.after = cursor }
            }
        } catch {
            // Whoever waits for room is told that nobody reads any more.
            isLeft.store(true, ordering: .releasing)
            room.signal()
            throw error
        }
        switch await outcome {
        case .answered(200, _): return .ended("the stream has ended")
        case .answered(let status, let bytes):
            let problem = GatewayClient.problem((try? JSON(parsing: bytes)) ?? [:], status, client.url)
            guard status == 429 || status >= 500 else { throw problem }
            return .ended(problem.message)
        case .notSent(let reason):
            return .never("No gateway answers at \(client.url): \(reason). Set GATEWAY_URL.")
        case .unknown(let reason): return .ended("the stream was cut off (\(reason))")
        }
    }

    private func take(_ told: FeedLines.Told, _ hear: Hear) async throws(GatewayError) {
        switch told.name {
        case nil: try await hear(told.data, told.bytes)
        case "missed": tell("events after this cursor are no longer kept: some were missed")
        case "dropped": tell("what came was taken too slowly, and the gateway left")
        default: tell(PlainText.lines.shown("\(told.name ?? ""): \(told.data["message"]?.stringValue ?? "")"))
        }
    }
}

/// The feed as server-sent events, each with its data in one line.
struct FeedLines {
    /// Something that is told.
    struct Told: Equatable {
        /// Nil for an event of the feed; another word is the stream's own.
        let name: String?
        let data: JSON
        let bytes: [UInt8]
    }

    private static let bytesMax = 64 << 10
    private static let noFeed = GatewayError(.unavailable, "What answers is no gateway whose feed can be followed.")

    private var lines = LineSplitter(bytesMax: bytesMax)
    private var name: String?
    /// Behind the newest that was told.
    private(set) var cursor: String?
    /// The id of what has begun to come; it counts with the data, or, of a sign of life, once something else begins.
    private var begun: String?

    /// What is told in a piece of the stream.
    ///
    /// - Throws: `unavailable` for what is no such stream.
    mutating func take(_ piece: [UInt8]) throws(GatewayError) -> [Told] {
        var told: [Told] = []
        for line in lines.take(piece) {
            guard case .whole(let line) = line, let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
                throw FeedLines.noFeed
            }
            let value = line[line.index(after: colon)...].drop { $0 == UInt8(ascii: " ") }
            switch String(decoding: line[..<colon], as: UTF8.self) {
            case "id":
                cursor = begun ?? cursor
                begun = String(decoding: value, as: UTF8.self)
            case "event": name = String(decoding: value, as: UTF8.self)
            case "data":
                guard let data = try? JSON(parsing: Array(value)) else {
                    throw GatewayError(.unavailable, "An event came that is no JSON.")
                }
                told.append(Told(name: name, data: data, bytes: Array(value)))
                cursor = begun ?? cursor
                (name, begun) = (nil, nil)
            case "", "retry": continue
            default: throw FeedLines.noFeed
            }
        }
        return told
    }
}
