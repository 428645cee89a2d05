import Gateway
import OrderedJSON
import Testing

@testable import Ingress

struct `If-Match` {
    private func action(_ method: String, hasVersion: Bool) -> Action {
        Action(
            ActionRules("things.change", auditAction: "X"),
            title: "T",
            summary: "S.",
            route: Route(method, "/things"),
            arguments: hasVersion ? ["version": ["type": "integer"]] : [:],
            output: .data([:])
        ) { _ in .data(.null) }
    }

    @Test func `is the version of a change that takes one`() throws {
        let found = try EntityTag.adding("\"7\"", to: [:], of: action("PUT", hasVersion: true))

        #expect(found == ["version": 7])
        #expect(try EntityTag.adding("*", to: [:], of: action("PUT", hasVersion: false)) == [:])
        #expect(try EntityTag.adding(nil, to: [:], of: action("PUT", hasVersion: false)) == [:])
        #expect(try EntityTag.adding("\"7\"", to: [:], of: action("GET", hasVersion: false)) == [:])
    }

    @Test func `is never met by a change that takes no version`() {
        let refused = #expect(throws: GatewayError.self) {
            try EntityTag.adding("\"7\"", to: [:], of: action("DELETE", hasVersion: false))
        }

        #expect(refused?.code == .staleVersion)
    }
}
