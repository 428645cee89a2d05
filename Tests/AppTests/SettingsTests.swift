import Foundation
import Testing

@testable import App

struct `The list of settings` {
    @Test func `is what docs show, line by line`() throws {
        let root = URL(filePath: #filePath).appending(path: "../../..").standardized
        let docs = try String(contentsOf: root.appending(path: "docs/operating.md"), encoding: .utf8)

        for line in Settings.markdown.split(separator: "\n") {
            #expect(docs.contains(line + "\n"), "docs/operating.md lacks: \(line)")
        }
        // Nothing stands there that is no setting.
        let shown = docs.matches(of: /(?m)^\| `(GATEWAY_[A-Z_]+)` \|/).map { String($0.output.1) }
        #expect(shown == Settings.list.map(\.variable))
        for setting in Settings.list { #expect(Settings.help.contains(setting.variable)) }
    }

    @Test func `reads each of them, and tells of every wrong one`() {
        var settings = Settings()

        let wrong = settings.reading([
            "GATEWAY_HTTP_PORT": "seventy", "GATEWAY_MODE": "mcp", "GATEWAY_REQUESTS_MAX": "0",
            "GATEWAY_QUESTIONS_MAX": "7", "GATEWAY_TRUSTED_PROXIES": "everybody", "GATEWAY_LOG_LEVEL": "loud",
            "GATEWAY_DATA_FOLDER": "", "GATEWAY_FAILPOINT": "nonsense",
        ])

        #expect(settings.mode == .mcp && settings.port == 8080 && settings.bounds.questions.placesMax == 7)
        #expect(settings.dataFolder == "data" && settings.failpoint == nil)
        let names = wrong.map { String($0.prefix { $0 != ":" }) }
        #expect(
            names == ["GATEWAY_HTTP_PORT", "GATEWAY_TRUSTED_PROXIES", "GATEWAY_LOG_LEVEL", "GATEWAY_REQUESTS_MAX"]
        )
        #expect(wrong.first == "GATEWAY_HTTP_PORT: expected a whole number, 0 to 65535.")
    }

    @Test func `has each name once, and knows a slip in one`() {
        #expect(Set(Settings.list.map(\.name)).count == Settings.list.count)

        let unknown = Settings.unknown(in: [
            "GATEWAY_HTP_PORT": "1", "GATEWAY_URL": "x", "GATEWAY_MODE": "rest", "A": "",
        ])

        #expect(unknown == ["GATEWAY_HTP_PORT"])
    }
}
