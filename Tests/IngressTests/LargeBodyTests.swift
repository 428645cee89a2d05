import Gateway
import HTTPServer
import NIOHTTP1
import OrderedJSON
import Testing

@testable import Ingress

struct `A body of ten megabytes of CSV` {
    private let door: GatewayResponder

    init() throws { door = try `The door for callbacks`().door }

    private func head(_ path: String, _ type: String = "text/csv") -> HTTPRequestHead {
        HTTPRequestHead(version: .http1_1, method: .POST, uri: path, headers: ["Content-Type": type])
    }

    private func bound(_ path: String, _ type: String = "text/csv") -> Int {
        door.bodyBytesMax(path: Request.path(of: path), head: head(path, type))
    }

    @Test func `has room where a file of rows is taken, and nowhere else`() {
        for path in ["/batches", "/batches?tool=mpesa_bulk_payment"] {
            #expect(bound(path) == 16 << 20 && bound(path, "text/csv; charset=utf-8") == 16 << 20)
            #expect(bound(path, "application/json") == 1 << 20, "\(path)")
        }
        for path in ["/batches/b/release", "/transactions", "/tools/fake_pay_many", "/admin/keys", "/mcp", "/nothing"] {
            #expect(bound(path) == 1 << 20, "\(path)")
        }
        #expect(bound("/auth/login") == 64 << 10)
    }

    @Test func `is let in unread for nobody without a credential`() async throws {
        let admission = await door.admission(of: head("/batches"), address: "203.0.113.9")

        guard case .refused(let refused) = admission else { throw GatewayError.fault("it is let in") }
        #expect(refused.status == .unauthorized)
    }

    @Test(arguments: ["/batches", "/auth/login"])
    func `is told its bound where that is passed`(path: String) async throws {
        let request = Request(head(path), body: .tooLarge(limit: bound(path)), address: "203.0.113.9")

        let answer = await door.respond(to: request)

        let problem = try JSON(parsing: answer.body)
        #expect(answer.status == .payloadTooLarge && problem["code"] == "too_large", "\(problem)")
        #expect(problem["detail"] == .string("The body is larger than \(bound(path)) bytes."))
    }
}

struct `A body that lists five thousand payments` {
    private let door: GatewayResponder

    init() throws { door = try `The door for callbacks`().door }

    private func bound(_ path: String, _ fields: [(String, String)], _ method: HTTPMethod = .POST) -> Int {
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: HTTPHeaders(fields))
        return door.bodyBytesMax(path: Request.path(of: path), head: head)
    }

    @Test(arguments: [("Content-Length", "4194304"), ("Content-Length", "1048577"), ("Transfer-Encoding", "chunked")])
    func `has room where payments are listed, and nowhere else`(field: (String, String)) {
        for path in ["/tools/fake_pay_many", "/batches", "/mcp"] {
            #expect(bound(path, [field]) == 4 << 20, "\(path)")
            #expect(bound(path, [field], .PUT) == 1 << 20, "\(path)")
        }
        for path in ["/tools/fake_pay", "/tools", "/batches/b/release", "/transactions", "/admin/keys", "/nothing"] {
            #expect(bound(path, [field]) == 1 << 20, "\(path)")
        }
        #expect(bound("/auth/login", [field]) == 64 << 10)
    }

    @Test(arguments: ["/tools/fake_pay_many", "/batches", "/mcp"])
    func `is let in unread for nobody without a credential`(path: String) async throws {
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: path, headers: ["Content-Length": "4194304"])

        let admission = await door.admission(of: head, address: "203.0.113.9")

        guard case .refused(let refused) = admission else { throw GatewayError.fault("it is let in") }
        #expect(refused.status == .unauthorized)
    }
}
