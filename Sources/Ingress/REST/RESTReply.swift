import Gateway
import HTTPServer
import NIOHTTP1
import OrderedJSON

/// The pipeline's reply in REST's form: the seed's envelope, with what clients should know in headers.
enum RESTReply {
    static func make(_ reply: ToolReply, call: CallID) -> Response {
        switch reply.result {
        case .failure(let error):
            var response = ErrorResponse.make(error, call: call)
            addRate(reply.rate, to: &response)
            return response
        case .success(let output):
            var response = Response.json(
                body(reply, output),
                status: status(reply),
                call: call
            )
            if reply.isReplayed { response.add(.idempotentReplayed, "true") }
            addRate(reply.rate, to: &response)
            return response
        }
    }

    /// What an action answered.
    static func make(_ reply: ActionReply, of action: Action, call: CallID) -> Response {
        var response: Response
        switch reply.result {
        case .failure(let error): response = ErrorResponse.make(error, call: call)
        case .success(.data(let data, let message, let beside)):
            response = Response.json(
                envelope(
                    data,
                    message: message,
                    reply.isReplayed ? beside + [("replayed", Array("true".utf8))] : beside
                ),
                status: HTTPResponseStatus(statusCode: action.route.successStatus),
                call: call
            )
            if reply.isReplayed { response.add(.idempotentReplayed, "true") }
            if let tag = EntityTag.tag(of: data, of: action) { response.add(.entityTag, tag) }
        case .success(.file(let name, let mediaType, let bytes)):
            response = file(name, mediaType, call)
            response.body = bytes
        case .success(.stream(let file)):
            response = self.file(file.name, file.mediaType, call)
            response.stream = { write in
                try await file.write { (piece) async throws(GatewayError) in
                    do { try await write(piece) } catch { throw GatewayError(.unavailable, "Nobody reads the file.") }
                }
            }
        case .success(.live(let events)):
            response = EventText.response(call)
            response.stream = { write in
                try await events.run { (parts) async throws(GatewayError) in
                    do { try await write(EventText.text(of: parts)) } catch {
                        throw GatewayError(.unavailable, "Nobody reads the events.")
                    }
                }
            }
        case .success(.question(let question, let state)):
            let again = action.route.takesQuery ? "POST the same to this path" : "Send the same call again"
            response = Response.json(asked(question, state, again), status: .accepted, call: call)
        }
        addRate(reply.rate, to: &response)
        return response
    }

    /// Saved, never shown: a plugin must not be able to write a page of this address.
    private static func file(_ name: String, _ mediaType: String, _ call: CallID) -> Response {
        Response(
            .ok,
            headers: [
                (.contentType, mediaType), (.contentDisposition, "attachment; filename=\"\(name)\""),
                (.contentTypeOptions, "nosniff"), (.cacheControl, "no-store"), (.requestID, call.description),
            ]
        )
    }

    /// How far a call is: a fraction of 1, and words for people where the tool has any.
    static func progress(_ progress: LoadedPlugin.Progress) -> [UInt8] {
        var members: JSONObject = ["fraction": .number(Double(progress.fraction) / 1_000_000)]
        if !progress.message.isEmpty { members["message"] = .string(progress.message) }
        return JSON.object(members).bytes
    }

    private static func status(_ reply: ToolReply) -> HTTPResponseStatus {
        switch reply.ending {
        case .output, .content: HTTPResponseStatus(statusCode: reply.tool?.route.successStatus ?? 200)
        case .question, .handle: .accepted
        }
    }

    private static func body(_ reply: ToolReply, _ output: [UInt8]) -> [UInt8] {
        switch reply.ending {
        case .output where reply.isReplayed:
            return envelope(output, message: reply.sentence, [("replayed", Array("true".utf8))])
        case .output: return envelope(output, message: reply.sentence)
        case .content(let blocks): return envelope(output, message: reply.sentence, [("content", blocks)])
        case .handle(let handle):
            return envelope(output, message: "Begun, not done. \(handle.message)")
        case .question(let question, let state): return asked(question, state, "Send the same call again")
        }
    }

    private static func asked(_ question: Question, _ state: String, _ again: String) -> [UInt8] {
        let members: JSON = ["input_required": question.shown, "request_state": .string(state)]
        return envelope(
            members.bytes,
            message: "An answer is needed: \(question.message) \(again) with $input and $state."
        )
    }

    /// `{"success": true, "data": …, "message": …}`; the output goes in untouched.
    static func envelope(
        _ data: [UInt8],
        message: String?,
        _ beside: [(name: String, value: [UInt8])] = []
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: data.count + (message?.utf8.count ?? 0) + 48)
        writer.beginObject()
        writer.key("success")
        writer.bool(true)
        writer.key("data")
        writer.raw(data)
        for (name, value) in beside {
            writer.key(name)
            writer.raw(value)
        }
        writer.optional("message", message)
        writer.endObject()
        return writer.bytes
    }

    /// The IETF's fields (draft-ietf-httpapi-ratelimit-headers) and the seed's.
    private static func addRate(_ rate: RateDecision?, to response: inout Response) {
        guard let rate else { return }
        if let quota = rate.quota {
            response.add(.quota, "\"\(quota.counted)\";q=\(quota.limit);r=\(max(0, quota.limit - quota.used))")
        }
        response.add(.rateLimitPolicy) { field in
            field.write("\"")
            field.write(name: rate.bucket)
            field.write("\";q=")
            field.write(Int64(rate.limit.units))
            field.write(";w=")
            field.write(ErrorResponse.seconds(milliseconds: rate.limit.periodMilliseconds))
        }
        response.add(.rateLimit) { field in
            field.write("\"")
            field.write(name: rate.bucket)
            field.write("\";r=")
            field.write(Int64(rate.remaining))
            field.write(";t=")
            field.write(ErrorResponse.seconds(milliseconds: rate.resetMicroseconds / 1000))
        }
    }
}
