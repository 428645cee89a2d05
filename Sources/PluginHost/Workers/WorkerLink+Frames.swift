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

    /// The frame that starts a call.
    static func frame(starting work: PluginWork, _ number: UInt64, _ meta: [UInt8]) -> [UInt8] {
        switch work {
        case .tool(let index, let arguments): frame(GATEWAY_FRAME_INVOKE, number, index, arguments, meta)
        case .timer(let document): frame(GATEWAY_FRAME_TIMER, number, 0, document, meta)
        case .context(.prompt(let index), let arguments):
            frame(GATEWAY_FRAME_PROMPT_2, number, index, arguments, meta)
        case .context(.resource(let index), let arguments):
            frame(GATEWAY_FRAME_RESOURCE_2, number, index, arguments, meta)
        case .context(.completion, let request): frame(GATEWAY_FRAME_COMPLETION, number, 0, request, meta)
        }
    }

    /// Two texts in one frame.
    static func split(_ payload: [UInt8]) -> (ArraySlice<UInt8>, ArraySlice<UInt8>)? {
        guard payload.count >= 4 else { return nil }
        let length = Int(payload.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) })
        guard length <= payload.count - 4 else { return nil }
        return (payload[4..<(4 + length)], payload[(4 + length)...])
    }
}
