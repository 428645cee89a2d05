import Foundation
import Synchronization

/// A mail server of a thread for each connection, which says what a test tells it, and remembers what it was told.
final class MailServer: Sendable {
    private struct State {
        var commands: [String] = []
        var message = ""
    }

    let port: Int
    private let listener: Int32
    private let state = Mutex(State())
    private let refuses: String?

    /// Refuses the command that begins with `refuses`.
    init(refusing refuses: String? = nil) throws {
        self.refuses = refuses
        (listener, port) = try Loopback.listen()
        Thread { self.serve() }.start()
    }

    /// The commands that came.
    var commands: [String] { state.withLock { $0.commands } }
    /// The message that came, without the dot at its end.
    var message: String { state.withLock { $0.message } }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func serve() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { return }
            Thread { self.talk(connection) }.start()
        }
    }

    private func talk(_ connection: Int32) {
        var bytes: [UInt8] = []
        say("220 mail.example", to: connection)
        while let line = read(until: "\r\n", of: connection, &bytes) {
            state.withLock { $0.commands.append(line) }
            if let refuses, line.hasPrefix(refuses) {
                say("550 no", to: connection)
            } else if line.hasPrefix("EHLO") {
                say("250-mail.example\r\n250 AUTH PLAIN", to: connection)
            } else if line.hasPrefix("AUTH") {
                say("334 ", to: connection)
            } else if line == "DATA" {
                say("354 go on", to: connection)
                let message = read(until: "\r\n.\r\n", of: connection, &bytes)
                state.withLock { $0.message = message ?? "" }
                say("250 taken", to: connection)
            } else {
                say(line == "QUIT" ? "221 bye" : line.hasPrefix("AH") ? "235 welcome" : "250 fine", to: connection)
            }
        }
        close(connection)
    }

    private func say(_ line: String, to connection: Int32) {
        let bytes = Array((line + "\r\n").utf8)
        _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    private func read(until end: String, of connection: Int32, _ bytes: inout [UInt8]) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let text = String(decoding: bytes, as: UTF8.self)
            if let range = text.range(of: end) {
                bytes = Array(text[range.upperBound...].utf8)
                return String(text[..<range.lowerBound])
            }
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            bytes += buffer.prefix(count)
        }
    }
}
