import PluginLoader

extension WorkerLink {
    /// A frame as it travels: one text, or two of which the first is preceded by its length.
    static func frame(
        _ kind: gateway_frame_kind,
        _ number: UInt64,
        _ index: Int,
        _ first: [UInt8],
        _ second: [UInt8]?,
        status: Int32 = 0
    ) -> [UInt8] {
        let prefix = second == nil ? 0 : 4
        let length = prefix + first.count + (second?.count ?? 0)
        var header = gateway_frame_t(
            length: UInt32(length),
            kind: kind.rawValue,
            number: number,
            index: UInt32(index),
            status: status
        )
        var bytes: [UInt8] = []
        bytes.reserveCapacity(MemoryLayout<gateway_frame_t>.size + length)
        withUnsafeBytes(of: &header) { bytes.append(contentsOf: $0) }
        if let second {
            withUnsafeBytes(of: UInt32(first.count)) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: first)
            bytes.append(contentsOf: second)
        } else {
            bytes.append(contentsOf: first)
        }
        return bytes
    }

    /// Two texts in one frame.
    static func split(_ payload: [UInt8]) -> (ArraySlice<UInt8>, ArraySlice<UInt8>)? {
        guard payload.count >= 4 else { return nil }
        let length = Int(payload.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) })
        guard length <= payload.count - 4 else { return nil }
        return (payload[4..<(4 + length)], payload[(4 + length)...])
    }
}
