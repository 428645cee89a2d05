import CZlib
import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `What is compressed though nobody asked` {
    private let paid: JSON = ["verdict": "succeeded", "receipt": "R1", "amount": 100, "code": "0"]

    @Test func `settles a payment as a callback`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)

            try await house.callback(record, bytes: try gzip(paid.bytes))

            let found = try await house.record(record)
            #expect(found.state == .succeeded && found.receipt == "R1")
        }
    }

    @Test func `counts as a reply, and as the answer to a question`() async throws {
        try await House.with { (house) async throws in
            let (accepted, paid) = (try gzip(House.accepted.bytes), try gzip(paid.bytes))
            house.upstream.answer { _ in .answered(status: 200, body: accepted) }
            let record = try #require(await house.collect().record)
            #expect(try await house.record(record).state == .accepted)
            house.upstream.answer { _ in .answered(status: 200, body: paid) }
            house.clock.advance(.seconds(21))

            await house.gateway.sweeper.sweep()

            #expect(try await house.record(record).state == .succeeded)
        }
    }

    @Test func `proves nothing where it is a bomb, and costs no other callback`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            let bomb = try gzip([UInt8](repeating: 0x20, count: 32 << 20))

            try await house.callback(record, bytes: bomb)
            #expect(try await house.record(record).state == .accepted)
            try await house.callback(record, says: paid)

            #expect(try await house.record(record).state == .succeeded)
        }
    }
}

/// Compresses as a gateway does.
func gzip(_ bytes: [UInt8], level: Int32 = 6) throws -> [UInt8] {
    var stream = z_stream()
    let size = Int32(MemoryLayout<z_stream>.size)
    try #require(deflateInit2_(&stream, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK)
    defer { deflateEnd(&stream) }
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))) + 32)
    var input = bytes
    let result = input.withUnsafeMutableBufferPointer { from in
        output.withUnsafeMutableBufferPointer { to in
            stream.next_in = from.baseAddress
            stream.avail_in = UInt32(from.count)
            stream.next_out = to.baseAddress
            stream.avail_out = UInt32(to.count)
            return deflate(&stream, Z_FINISH)
        }
    }
    try #require(result == Z_STREAM_END)
    return Array(output[..<(output.count - Int(stream.avail_out))])
}
