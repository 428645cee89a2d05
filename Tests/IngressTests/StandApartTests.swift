import Foundation
import Gateway
import Testing

@testable import Ingress

/// What no action is, because whoever asks is no principal: all there is.
struct `What stands apart` {
    private static func document(_ name: String) throws -> String {
        let root = URL(filePath: #filePath).appending(path: "../../..").standardized
        return try String(contentsOf: root.appending(path: "docs/" + name), encoding: .utf8)
    }

    /// A route as people write it: `/plugins/NAME`.
    private static func written(_ route: Route) -> String {
        route.segments.reduce(into: route.method + " ") { text, segment in
            switch segment {
            case .literal(let part): text += "/" + part
            case .argument(let name): text += "/" + name.uppercased()
            }
        }
    }

    @Test func `is a log-in, what leads to one, and documents`() throws {
        let rest = try Self.document("rest.md")

        let names = StandApart.all.map(\.name)
        #expect(Set(names).count == names.count)
        for route in StandApart.all {
            #expect(route.tag == "auth" || route.tag == "documents", "\(route.name)")
            #expect(rest.contains("\(route.route.method) \(route.route.template)"), "docs/rest.md lacks \(route.name)")
        }
    }

    @Test func `is found by method and path, and nothing else`() {
        for route in StandApart.all {
            let segments = route.route.template.dropFirst().split(separator: "/")
            #expect(StandApart.find(route.route.method, segments)?.name == route.name)
            #expect(StandApart.find("PUT", segments) == nil && StandApart.find("POST", segments + ["x"]) == nil)
        }
        #expect(StandApart.find("POST", ["auth", "logout"]) == nil && StandApart.find("GET", []) == nil)
    }

    @Test func `takes no text that holds what is not seen, and no password that nobody can type`() throws {
        for route in StandApart.all {
            for (name, _) in route.input?["properties"]?.objectValue ?? [:] {
                for text in ["granite\u{0} oval puddle", "granite\u{7} oval puddle"] {
                    let errors = try route.errors(in: .object([name: .string(text)]))
                    #expect(errors.map(\.pointer) == ["/" + name], "\(route.name) \(name)")
                }
                let isSecret = route.secrets.contains(name)
                let errors = try route.errors(in: .object([name: .string("a\u{200B}\u{202E}b")]))
                #expect((errors.map(\.pointer) != ["/" + name]) == isSecret, "\(route.name) \(name)")
            }
        }
    }

    @Test func `of management is the operator's, but for looking at the host`() throws {
        let operating = try Self.document("operating.md")

        let open = ManagementRoute.all.filter { $0.isKept == nil }.map(\.route.template)
        #expect(open == ["/livez", "/readyz", "/metrics", "/plugins"])
        for entry in ManagementRoute.all {
            let path = Self.written(entry.route).split(separator: " ")
            let shown = entry.isKept == nil ? String(path[1]) : "`" + path.joined(separator: " ")
            #expect(operating.contains(shown), "docs/operating.md lacks \(shown)")
            #expect(entry.isKept != nil || entry.route.method == "GET")
        }
    }

    @Test func `of management is found by method and path, and nothing else`() {
        let segments = { (path: String) in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) }

        #expect(ManagementRoute.find("POST", segments("/plugins/install"))?.route.template == "/plugins/install")
        #expect(ManagementRoute.find("DELETE", segments("/plugins/install"))?.route.template == "/plugins/{name}")
        for (method, path) in [("POST", "/plugins"), ("GET", "/plugins/a/b/c"), ("PUT", "/livez"), ("GET", "/")] {
            #expect(ManagementRoute.find(method, segments(path)) == nil, "\(method) \(path)")
        }
        #expect(ManagementRoute.methods(of: segments("/livez")) == ["GET"])
    }
}
