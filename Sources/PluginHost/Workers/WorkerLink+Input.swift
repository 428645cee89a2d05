import Gateway
import PluginAPI
import PluginLoader
import Synchronization

/// What a worker sends, and what of it is believed.
extension WorkerLink {
    /// Takes the whole frames that have come; a worker that says more than it may is ended.
    func takeFrames(_ input: inout Input) {
        guard state.withLock({ $0.verdict == nil }) else {
            input.bytes = []
            return
        }
        let headerSize = MemoryLayout<gateway_frame_t>.size
        var start = 0
        while input.bytes.count - start >= headerSize {
            let header = input.bytes.withUnsafeBytes {
                $0.loadUnaligned(fromByteOffset: start, as: gateway_frame_t.self)
            }
            let end = start + headerSize + Int(header.length)
            var refusal = input.gate.refusal(of: header)
            if refusal == nil {
                guard input.bytes.count >= end else { break }
                refusal = take(header, Array(input.bytes[(start + headerSize)..<end]), &input.gate)
            }
            if let refusal {
                input.bytes = []
                return refuse("broke a limit of its link: \(refusal)")
            }
            start = end
        }
        if start < input.bytes.count {
            input.bytes.removeFirst(start)
        } else {
            // What one long frame took is given back.
            input.bytes.removeAll(keepingCapacity: input.bytes.capacity <= 256 << 10)
        }
    }

    /// Takes one frame; answers why it is one too many, or nil.
    private func take(_ header: gateway_frame_t, _ payload: [UInt8], _ gate: inout WorkerGate) -> String? {
        switch header.kind {
        case GATEWAY_FRAME_STARTED.rawValue, GATEWAY_FRAME_REPLY.rawValue: return takeReply(header, payload)
        case GATEWAY_FRAME_COMPLETE.rawValue:
            let wasOpen = state.withLock { state in
                let wasOpen = state.invocations.removeValue(forKey: header.number) != nil
                hasReturned(header.number, &state)
                state.count()
                return wasOpen
            }
            services.complete(header.number, status: header.status, payload)
            return wasOpen ? nil : gate.countUnasked(payload.count)
        case GATEWAY_FRAME_TAKEN.rawValue:
            return state.withLock { hasReturned(header.number, &$0) } ? nil : gate.countUnasked(0)
        case GATEWAY_FRAME_PROGRESS.rawValue:
            services.progress(header.number, header.index, String(decoding: payload, as: UTF8.self))
        case GATEWAY_FRAME_LOG.rawValue:
            guard let (message, values) = WorkerLink.split(payload) else { return WorkerLink.misshapen }
            services.log(
                header.number,
                level: header.index,
                String(decoding: message, as: UTF8.self),
                values: String(decoding: values, as: UTF8.self)
            )
        default: if let refusal = takeCall(header, payload) { return refusal }
        }
        return gate.countUnasked(payload.count)
    }

    private static let misshapen = "a frame that is not of its form"

    private func takeReply(_ header: gateway_frame_t, _ payload: [UInt8]) -> String? {
        let number = header.kind == GATEWAY_FRAME_STARTED.rawValue ? 0 : header.number
        let (pending, hasEnded) = state.withLock { state in
            let pending = state.pending.removeValue(forKey: number)
            isBack(pending?.order, &state)
            state.count()
            return (pending, state.hasEnded)
        }
        guard let pending else { return hasEnded ? nil : "an answer to nothing" }
        pending.answered(.success(Reply(status: header.status, payload: payload, index: header.index)))
        return nil
    }

    private func takeCall(_ header: gateway_frame_t, _ payload: [UInt8]) -> String? {
        guard let (service, request) = WorkerLink.split(payload), service.count <= Int(GATEWAY_SERVICE_BYTES_MAX) else {
            return WorkerLink.misshapen
        }
        let asks = state.withLock { state in
            state.asks += 1
            return state.asks
        }
        guard asks <= limits.gate.asksMax else { return "more than \(limits.gate.asksMax) unanswered requests" }
        services.call(header.number, String(decoding: service, as: UTF8.self), Array(request)) { status, bytes in
            self.answer(header.index, status, bytes)
        }
        return nil
    }

    @discardableResult
    private func hasReturned(_ number: UInt64, _ state: inout State) -> Bool {
        let starting = state.unreturned.removeValue(forKey: number)
        isBack(starting?.order, &state)
        return starting != nil
    }

    private func isBack(_ order: Int?, _ state: inout State) {
        guard !state.unreturned.isEmpty else { return }
        state.returnedUpTo = max(state.returnedUpTo, order ?? 0)
        state.heardAt = .now
    }
}
