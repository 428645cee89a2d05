import Gateway
import OrderedJSON

/// What every answer of a tool says beside its output: which M-Pesa it was, by which account, and whether anything was
/// done now.
struct Marks: Sendable {
    /// Where it acted; nil of whom nobody knows who they are.
    var place: CallPlace?
    /// Whether an earlier call is shown.
    var isReplayed = false
    /// The session that has begun: for a bridge, which sees no header.
    var session: String?

    static let environmentKey = "mpesa-gateway/environment"
    static let accountKey = "mpesa-gateway/account"
    static let replayedKey = "mpesa-gateway/replayed"
    static let sessionKey = "mpesa-gateway/session"

    /// Nothing to say.
    static let none = Marks()

    init(place: CallPlace? = nil, isReplayed: Bool = false) {
        self.place = place
        self.isReplayed = isReplayed
    }

    /// Of what a tool replied.
    init(_ reply: ToolReply) {
        self.init(place: reply.place, isReplayed: reply.isReplayed)
    }

    var isEmpty: Bool { place == nil && !isReplayed && session == nil }

    /// For a model, which is shown no `_meta`; nil where nobody knows it.
    var words: String? {
        place.map { Marks.words(of: $0.environment) + ($0.account.map { " Account: \($0)." } ?? "") }
    }

    /// Of a tool, before it is called.
    static func words(of environment: Environment) -> String {
        switch environment {
        case .test: "Environment: test, no real money."
        case .live: "Environment: live, real money."
        }
    }

    /// An answer that says of itself when it is an earlier call's; the schemas of tools that may answer so have room for it.
    func marked(_ output: [UInt8]) -> [UInt8] {
        guard isReplayed, output.first == UInt8(ascii: "{"), !output.contains(Marks.replayed) else { return output }
        let rest = output.dropFirst()
        let isEmpty = rest.first { !" \r\n\t".utf8.contains($0) } == UInt8(ascii: "}")
        return Array("{".utf8) + Marks.replayed + Array(isEmpty ? "true".utf8 : "true,".utf8) + rest
    }

    private static let replayed = Array("\"replayed\":".utf8)

    /// Members of a result's `_meta`.
    var document: JSONObject {
        var document = JSONObject()
        if let place {
            document[Marks.environmentKey] = .string(place.environment.rawValue)
            document[Marks.accountKey] = place.account.map { .string($0.description) }
        }
        document[Marks.sessionKey] = session.map { .string($0) }
        if isReplayed { document[Marks.replayedKey] = true }
        return document
    }

    /// The same, where one is written.
    func write(to writer: inout JSONWriter) {
        if let place {
            writer.key(Marks.environmentKey)
            writer.string(place.environment.rawValue)
            writer.optional(Marks.accountKey, place.account?.description)
        }
        writer.optional(Marks.sessionKey, session)
        if isReplayed {
            writer.key(Marks.replayedKey)
            writer.bool(true)
        }
    }
}
