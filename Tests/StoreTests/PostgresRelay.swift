import Foundation
import Gateway
import Synchronization
import Threads

/// A loopback address before the tests' PostgreSQL that a test can make silent, or cut at a COMMIT.
final class PostgresRelay: Sendable {
    private struct State {
        var isSilent = false
        var commitsToCut = 0
        var syncs = 0
        var pairs: [(Int32, Int32)] = []
    }

    let port: Int
    private let socketPath: String
    private let listener: Int32
    private let state = Mutex(State())

    /// Listens before the server that GATEWAY_TEST_POSTGRES names.
    init(before server: String) throws {
        var words: [String: String] = [:]
        for word in server.split(separator: " ") {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            if parts.count == 2 { words[parts[0]] = parts[1] }
        }
        socketPath = (words["host"] ?? "") + "/.s.PGSQL." + (words["port"] ?? "5432")
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isListening else { throw SQLErrorInTest(what: "the relay cannot listen") }
        port = Int(UInt16(bigEndian: address.sin_port))
        NamedThread.start("relay") { self.accept() }
    }

    /// What the server says and is told no longer arrives; connections stay.
    var isSilent: Bool {
        get { state.withLock { $0.isSilent } }
        set { state.withLock { $0.isSilent = newValue } }
    }

    /// The next so many COMMITs reach the server, and their answers nobody.
    func cutCommits(_ count: Int) { state.withLock { $0.commitsToCut = count } }

    /// How many COMMITs are still to be cut.
    var commitsToCut: Int { state.withLock { $0.commitsToCut } }

    /// How often clients have waited for all that they had sent before.
    var syncs: Int { state.withLock { $0.syncs } }

    /// Closes everything.
    func end() {
        shutdown(listener, Int32(SHUT_RDWR))
        for (client, server) in state.withLock({ $0.pairs }) {
            shutdown(client, Int32(SHUT_RDWR))
            shutdown(server, Int32(SHUT_RDWR))
        }
    }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { break }
            let server = connectToServer()
            state.withLock { $0.pairs.append((client, server)) }
            NamedThread.start("relay-out") { self.pump(from: client, to: server, isClient: true) }
            NamedThread.start("relay-in") { self.pump(from: server, to: client, isClient: false) }
        }
        close(listener)
    }

    private func connectToServer() -> Int32 {
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(socketPath.utf8)) }
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return server
    }

    /// Moves bytes one way until either side ends; descriptors stay open, so that none is used again meanwhile.
    private func pump(from source: Int32, to target: Int32, isClient: Bool) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count > 0 else { break }
            while isSilent { usleep(2_000) }
            if isClient {
                let count = countSyncs(buffer[..<count])
                state.withLock { $0.syncs += count }
            }
            let isCommit = isClient && holdsCommit(buffer[..<count])
            let isCut =
                isCommit
                && state.withLock { state in
                    defer { state.commitsToCut = max(0, state.commitsToCut - 1) }
                    return state.commitsToCut > 0
                }
            // The way back is closed first: the server's answer then goes nowhere.
            if isCut { shutdown(source, Int32(SHUT_RDWR)) }
            guard send(target, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
            if isCut { break }
        }
        shutdown(target, Int32(SHUT_WR))
        if !isClient { shutdown(target, Int32(SHUT_RDWR)) }
    }

    private func countSyncs(_ bytes: ArraySlice<UInt8>) -> Int {
        let sync: [UInt8] = [UInt8(ascii: "S"), 0, 0, 0, 4]
        return bytes.indices.count { bytes[$0...].starts(with: sync) }
    }

    private func holdsCommit(_ bytes: ArraySlice<UInt8>) -> Bool {
        String(decoding: bytes, as: UTF8.self).contains("COMMIT")
    }
}

/// Why a test cannot begin.
struct SQLErrorInTest: Error {
    let what: String
}
