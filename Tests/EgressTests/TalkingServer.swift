import Foundation

/// A server that answers each request by a function of it, a thread for each connection.
final class TalkingServer: @unchecked Sendable {
    /// A request as it arrived.
    struct Request: Sendable {
        let path: String
        let authorization: String
        let body: String
    }

    let port: Int
    private let listener: Int32
    private let answer: @Sendable (Request) -> String

    init(_ answer: @escaping @Sendable (Request) -> String) throws {
        self.answer = answer
        (listener, port) = try Loopback.listen()
        Thread { self.serve() }.start()
    }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    static func reply(_ status: Int, _ body: String) -> String {
        "HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private func serve() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { return }
            Thread { self.talk(connection) }.start()
        }
    }

    private func talk(_ connection: Int32) {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            while let (request, length) = TalkingServer.request(in: bytes) {
                bytes.removeFirst(length)
                let reply = Array(answer(request).utf8)
                _ = send(connection, reply, reply.count, Int32(MSG_NOSIGNAL))
            }
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        close(connection)
    }

    /// The first whole request, and how many bytes it takes.
    private static func request(in bytes: [UInt8]) -> (Request, Int)? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        func field(_ name: String) -> String {
            let line = lines.first { $0.lowercased().hasPrefix(name + ":") }
            return line.map { String($0.dropFirst(name.count + 1)).trimmingCharacters(in: .whitespaces) } ?? ""
        }
        let length = text[..<end.upperBound].utf8.count + (Int(field("content-length")) ?? 0)
        guard bytes.count >= length else { return nil }
        let path = lines[0].split(separator: " ").dropFirst().first.map(String.init) ?? ""
        let body = String(decoding: bytes[..<length], as: UTF8.self)[end.upperBound...]
        return (Request(path: path, authorization: field("authorization"), body: String(body)), length)
    }
}
