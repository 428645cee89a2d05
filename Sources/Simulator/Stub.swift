import NIOCore
import NIOPosix
import OrderedJSON

/// How a path is answered that the simulator does not know: as somebody recorded it, the same again each time.
package struct Stub: Sendable {
    /// The reply.
    let status: Int
    let reply: JSON
    /// What is posted after the prompt's delay, each to the address that stands in the request at a place.
    let callbacks: [(pointer: JSONPointer, body: JSON)]

    /// States one; a body that is a text is sent as it is.
    package init(status: Int, reply: JSON, callbacks: [(pointer: JSONPointer, body: JSON)]) {
        self.status = status
        self.reply = reply
        self.callbacks = callbacks
    }

    /// Finds the stub of a method and a path.
    package typealias Finder = @Sendable (_ method: String, _ path: String) -> Stub?
}

extension Simulator {
    /// Answers what the simulator does not know, and no reply was set for, by stubs from now on.
    package func answerUnknown(by find: @escaping Stub.Finder) { stubs.withLock { $0 = find } }

    /// What nothing else answers.
    func stubbed(_ request: SimulatorRequest) async -> SimulatorAnswer {
        guard let stub = stubs.withLock({ $0 })?(request.method, request.path) else { return unknown }
        return await authorized(request) { request, _ in
            self.post(stub, for: request)
            return .answer(status: stub.status, body: Stub.bytes(stub.reply))
        }
    }

    private func post(_ stub: Stub, for request: SimulatorRequest) {
        let body = try? JSON(parsing: request.body)
        for callback in stub.callbacks {
            guard let address = body?.value(at: callback.pointer)?.stringValue else { continue }
            let loops = MultiThreadedEventLoopGroup.singleton
            loops.any()
                .scheduleTask(in: .nanoseconds(settings.promptDelay.nanoseconds)) {
                    loops.any()
                        .makeFutureWithTask {
                            await LoopbackClient.post(address, body: Stub.bytes(callback.body), over: self.lines)
                        }
                        .whenComplete { _ in }
                }
        }
    }
}

extension Stub {
    /// What is no JSON, such as a page of HTML, is written as a text.
    fileprivate static func bytes(_ body: JSON) -> [UInt8] { body.stringValue.map { Array($0.utf8) } ?? body.bytes }
}
