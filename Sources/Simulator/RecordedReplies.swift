import Foundation
import OrderedJSON

/// What paths are answered with that the simulator does not know, or is not asked to: replies that somebody recorded, in
/// their order, the last of them again and again.
package struct RecordedReplies: Sendable {
    /// How many paths, and how many replies of each.
    ///
    /// Default 1,000 and 100.
    static let (pathsMax, repliesMax) = (1_000, 100)

    private struct Reply: Sendable {
        let status: Int
        let body: JSON
    }

    /// What is wrong with a document of replies.
    package struct Wrong: Error, CustomStringConvertible {
        /// What was expected, and where.
        package let description: String
    }

    private var byPath: [String: [Reply]] = [:]

    /// None.
    package init() {}

    /// Reads `{"/mpesa/qrcode/v1/generate": [{"status": 200, "body": {}}]}`.
    package init(parsing bytes: [UInt8]) throws(Wrong) {
        guard let paths = (try? JSON(parsing: bytes))?.objectValue else {
            throw Wrong(description: "expected an object of lists of replies, by path")
        }
        for (path, replies) in paths { try set(replies, for: path) }
    }

    /// Replaces what a path is answered with; an empty list ends it.
    mutating func set(_ replies: JSON, for path: String) throws(Wrong) {
        let most = RecordedReplies.repliesMax
        guard path.hasPrefix("/"), !path.hasPrefix("/simulator/"), let list = replies.arrayValue, list.count <= most
        else { throw Wrong(description: "\(path): expected a path, and a list of at most \(most) replies") }
        var read: [Reply] = []
        for reply in list {
            let status = reply["status"]?.integerValue ?? 200
            guard (200...599).contains(status), let body = reply["body"] else {
                throw Wrong(description: "\(path): expected {\"status\": 200, \"body\": …} of each reply")
            }
            read.append(Reply(status: Int(status), body: body))
        }
        guard byPath[path] != nil || byPath.count < RecordedReplies.pathsMax else {
            throw Wrong(description: "expected at most \(RecordedReplies.pathsMax) paths")
        }
        byPath[path] = read.isEmpty ? nil : read
    }

    /// The reply that comes now.
    mutating func next(_ path: String) -> SimulatorAnswer? {
        guard let replies = byPath[path], let reply = replies.first else { return nil }
        if replies.count > 1 { byPath[path] = Array(replies.dropFirst()) }
        guard case .string(let text) = reply.body else { return .json(reply.status, reply.body) }
        // What is no JSON, such as a page of HTML, is written as a text.
        return .answer(status: reply.status, body: Array(text.utf8))
    }

    /// Whether a path is answered so.
    func has(_ path: String) -> Bool { byPath[path] != nil }
}
