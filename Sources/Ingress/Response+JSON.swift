import Gateway
import HTTPServer
import NIOHTTP1

extension Response {
    /// A JSON document that nobody may keep.
    static func json(_ bytes: [UInt8], status: HTTPResponseStatus = .ok, call: CallID) -> Response {
        var response = Response(status, body: bytes)
        response.add(.contentType, "application/json" as StaticString)
        response.add(.cacheControl, "no-store" as StaticString)
        response.add(.requestID) { field in field.write { call.raw.append(to: &$0) } }
        return response
    }
}
