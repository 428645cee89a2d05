import CZlib
import Compression
import Testing

struct `What gzip has compressed` {
    private let text = Array(#"{"ResultCode":0,"ResultDesc":"The service request is processed successfully."}"#.utf8)

    @Test(arguments: [0, 1, 6, 9])
    func `is opened, however well it was compressed`(level: Int32) throws {
        #expect(Gzip.opened(try gzip(text, level: level)) == text)
    }

    @Test func `is opened when it holds nothing, and when it is as long as may be`() throws {
        var limits = Gzip.Limits()
        limits.bytesMax = 100_000
        var word: UInt64 = 1
        let most = (0..<100_000)
            .map { _ in
                word = word &* 6_364_136_223_846_793_005 &+ 1
                return UInt8(truncatingIfNeeded: word >> 56)
            }

        #expect(Gzip.opened(try gzip([])) == [])
        #expect(Gzip.opened(try gzip(most), limits: limits) == most)
        #expect(Gzip.opened(try gzip(most + [1]), limits: limits) == nil)
    }

    @Test func `that would be longer than its bounds is left alone`() throws {
        let bomb = try gzip([UInt8](repeating: 0x20, count: 64 << 20))
        let dense = try gzip([UInt8](repeating: 0x20, count: 200_000))

        #expect(Gzip.opened(bomb) == nil)
        #expect(dense.count * 100 < 200_000 && Gzip.opened(dense) == nil)
    }

    @Test func `that is cut, altered or followed by more is left alone`() throws {
        let whole = try gzip(text)

        for length in 0..<whole.count { #expect(Gzip.opened(Array(whole[..<length])) == nil) }
        for place in [whole.count - 1, whole.count - 5, 12] {
            var altered = whole
            altered[place] ^= 0x41
            #expect(Gzip.opened(altered) == nil)
        }
        #expect(Gzip.opened(whole + [0]) == nil)
        #expect(Gzip.opened(whole + whole) == nil)
    }

    @Test func `is nothing that does not begin like it`() {
        #expect(!Gzip.isCompressed(text) && Gzip.opened(text) == nil && Gzip.opened([]) == nil)
    }
}

/// Compresses as a gateway does.
private func gzip(_ bytes: [UInt8], level: Int32 = 6) throws -> [UInt8] {
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
