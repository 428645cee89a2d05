import Foundation
import Gateway
import Testing

@testable import Ingress

struct `The table of errors in docs/rest.md` {
    @Test func `has every code with its status, and no other`() throws {
        let root = URL(filePath: #filePath).appending(path: "../../..").standardized
        let rest = try String(contentsOf: root.appending(path: "docs/rest.md"), encoding: .utf8)
        let table = rest.components(separatedBy: "| code | status | do |").last ?? ""

        var told: [String: String] = [:]
        for row in table.matches(of: /(?m)^\| ((?:`[a-z_]+`(?:, )?)+) \| (\d+) \|/) {
            for code in String(row.output.1).matches(of: /`([a-z_]+)`/) {
                told[String(code.output.1)] = String(row.output.2)
            }
        }

        let known = GatewayError.Code.allCases.map { ($0.rawValue, String(ErrorResponse.status(of: $0).0.code)) }
        #expect(told == Dictionary(uniqueKeysWithValues: known))
    }
}
