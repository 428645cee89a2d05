import CZlib

/// Opens what was compressed by gzip (RFC 1952), within bounds.
///
/// Nobody asks M-Pesa, or what stands before it, for compressed bodies, and some come so all the same.
package enum Gzip {
    /// What bounds the opening: the smaller of the two ends it.
    package struct Limits: Sendable {
        /// The longest content.
        ///
        /// Default 1 MiB, as long as a body may be that comes as it is.
        package var bytesMax = 1 << 20
        /// How many times as long as the compressed bytes the content may be.
        ///
        /// Default 100: JSON is five to twenty times as long, a bomb up to a thousand.
        package var ratioMax = 100

        /// The defaults.
        package init() {}
    }

    /// Whether bytes begin as gzip does, which no text of M-Pesa's can.
    package static func isCompressed(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

    /// What was compressed; nil where it is not plain: broken, cut, longer than the bounds, or with more behind it.
    package static func opened(_ bytes: [UInt8], limits: Limits = Limits()) -> [UInt8]? {
        guard isCompressed(bytes), let inflation = Inflation() else { return nil }
        let (ratioMax, isOver) = bytes.count.multipliedReportingOverflow(by: limits.ratioMax)
        return inflation.all(of: bytes, bytesMax: isOver ? limits.bytesMax : min(limits.bytesMax, ratioMax))
    }
}

/// One run of zlib.
private final class Inflation {
    private var stream = z_stream()

    /// Only with gzip's own header: 15 bits of window, and 16 for the header.
    private static let windowBits: Int32 = 15 + 16

    init?() {
        let size = Int32(MemoryLayout<z_stream>.size)
        guard inflateInit2_(&stream, Self.windowBits, ZLIB_VERSION, size) == Z_OK else { return nil }
    }

    deinit { inflateEnd(&stream) }

    func all(of bytes: [UInt8], bytesMax: Int) -> [UInt8]? {
        // One byte more than may come shows that more would have come.
        var content = [UInt8](repeating: 0, count: min(bytesMax, 16 << 10) + 1)
        var length = 0
        return bytes.withUnsafeBufferPointer { input in
            // zlib does not write where it reads.
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.avail_in = UInt32(clamping: input.count)
            while true {
                let result = content.withUnsafeMutableBufferPointer { output in
                    stream.next_out = output.baseAddress.map { $0 + length }
                    stream.avail_out = UInt32(clamping: output.count - length)
                    return inflate(&stream, Z_NO_FLUSH)
                }
                length = content.count - Int(stream.avail_out)
                guard length <= bytesMax else { return nil }
                if result == Z_STREAM_END { return stream.avail_in == 0 ? Array(content[..<length]) : nil }
                // Room is left and there is no end: the bytes are cut or broken.
                guard result == Z_OK, stream.avail_out == 0 else { return nil }
                content += [UInt8](repeating: 0, count: min(content.count, bytesMax + 1 - content.count))
            }
        }
    }
}
