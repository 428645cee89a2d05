import NIOHTTP1
import Testing

@testable import HTTPServer

/// Pages whose script speaks MCP, as their browsers ask for them.
struct `A page that calls the endpoint of MCP` {
    private func ask(_ method: HTTPMethod, _ path: String, of desk: PageDesk, origin: String?) async -> Response {
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
        if let origin { head.headers.add(name: "Origin", value: origin) }
        return await desk.door.respond(to: Request(head, body: .whole([]), address: "192.0.2.1"))
    }

    private func fields(of response: Response) -> String { String(decoding: response.fields.bytes, as: UTF8.self) }

    @Test(arguments: ["https://gw.example", "http://localhost:6274", "http://127.0.0.1:3000", "http://[::1]:3000"])
    func `is let ask, and read, where it is the gateway's own or its machine's`(origin: String) async throws {
        let desk = try await PageDesk()
        let first = await ask(.OPTIONS, "/mcp", of: desk, origin: origin)
        #expect(first.status == .noContent)
        let may = fields(of: first)
        #expect(may.contains("Access-Control-Allow-Origin: \(origin)\r\n") && may.contains("Vary: Origin"))
        #expect(may.contains("Access-Control-Allow-Methods: POST, GET, DELETE\r\n"))
        #expect(may.contains("Access-Control-Allow-Headers: Authorization, *\r\n"))

        // Refusals too: what they say is what helps whoever writes the page.
        let refused = await ask(.POST, "/mcp", of: desk, origin: origin)
        #expect(refused.status == .unauthorized)
        #expect(fields(of: refused).contains("Access-Control-Allow-Origin: \(origin)\r\n"))
        #expect(fields(of: refused).contains("Access-Control-Expose-Headers: *\r\n"))
        for answer in [first, refused] { #expect(!fields(of: answer).contains("Allow-Credentials")) }
    }

    @Test(arguments: [
        "https://evil.example", "null", "https://gw.example.evil.example", "https://gw.example:444",
        "http://gw.example", "http://localhost.evil.example", "",
    ])
    func `is let do neither where it is another's`(origin: String) async throws {
        let desk = try await PageDesk()
        let before = desk.asked.sum
        for method in [HTTPMethod.OPTIONS, .POST, .GET] {
            let answer = await ask(method, "/mcp", of: desk, origin: origin)
            #expect(answer.status == .forbidden && !fields(of: answer).contains("Access-Control"), "\(method)")
        }
        #expect(desk.asked.sum == before, "nothing is read for it")
    }

    @Test func `is told nothing of this by other paths, nor is a client that is no page`() async throws {
        let desk = try await PageDesk()
        #expect(await ask(.OPTIONS, "/mcp", of: desk, origin: nil).status == .methodNotAllowed)
        for path in ["/transactions", "/auth/login", "/confirm/x"] {
            let answer = await ask(.OPTIONS, path, of: desk, origin: "http://localhost:3000")
            #expect(answer.status != .noContent && !fields(of: answer).contains("Access-Control"), "\(path)")
        }
    }
}
