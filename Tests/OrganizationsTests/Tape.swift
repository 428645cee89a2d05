import Gateway
import GatewayTesting
import Synchronization

/// A tar archive, read as `tar` does: header by header, each checked by its sum, up to the two blocks that end it.
enum Tape {
    struct Broken: Error {}

    static func members(of bytes: [UInt8]) throws -> [(name: String, bytes: [UInt8])] {
        var members: [(name: String, bytes: [UInt8])] = []
        var place = 0
        while place + 512 <= bytes.count {
            let header = bytes[place..<place + 512]
            if header.allSatisfy({ $0 == 0 }) {
                guard bytes[place...].allSatisfy({ $0 == 0 }), bytes.count - place == 1024 else { throw Broken() }
                return members
            }
            let length = number(header, 124, 11)
            let sum = header.enumerated().reduce(0) { $0 + ((148..<156).contains($1.offset) ? 32 : Int($1.element)) }
            guard sum == number(header, 148, 6), text(header, 257, 5) == "ustar" else { throw Broken() }
            place += 512
            guard place + length <= bytes.count else { throw Broken() }
            members.append((text(header, 0, 100), Array(bytes[place..<place + length])))
            place += (length + 511) / 512 * 512
        }
        // It ended without an end.
        throw Broken()
    }

    private static func text(_ header: ArraySlice<UInt8>, _ place: Int, _ length: Int) -> String {
        let start = header.startIndex + place
        return String(decoding: header[start..<start + length].prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func number(_ header: ArraySlice<UInt8>, _ place: Int, _ digits: Int) -> Int {
        Int(text(header, place, digits), radix: 8) ?? -1
    }
}

extension ActionReply {
    /// The file that is made while it is saved.
    func stream() throws -> FileStream {
        guard case .success(.stream(let file)) = result else { throw error ?? GatewayError.fault("no stream") }
        return file
    }

    /// All of it.
    func saved() async throws -> [UInt8] {
        let saved = Mutex<[UInt8]>([])
        try await stream().write { piece in saved.withLock { $0 += piece } }
        return saved.withLock { $0 }
    }
}
