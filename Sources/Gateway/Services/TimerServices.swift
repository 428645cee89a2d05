import OrderedJSON

/// `timer.…`: a call of `timer/1` at a later time, which survives restarts and upgrades.
extension PluginServices {
    /// `after_ms` from now, as whoever makes this call.
    func schedule(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        try demand("timers", of: request)
        let after = try request.whole("after_ms", 0...settings.timerMax.wholeMilliseconds)
        let payload = request.body["data"] ?? .null
        guard payload.bytes.count <= settings.valueBytesMax else {
            throw request.wrong("data", "a JSON value of at most \(settings.valueBytesMax) bytes")
        }
        let timer = PluginTimer(
            id: entropy.identifier(),
            owner: request.owner,
            name: try request.text("name"),
            data: payload,
            scheduledBy: request.principal,
            dueAt: entropy.now() + .milliseconds(after),
            attempt: 0
        )
        try await data.add(timer, timersMax: settings.timersMax)
        return ["timer": .string(timer.id.description)]
    }

    func cancelTimer(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        try demand("timers", of: request)
        guard let id = Identifier(try request.text("timer")) else { throw request.wrong("timer", "a timer's id") }
        try await data.removeTimer(id, of: request.owner)
        return [:]
    }
}
