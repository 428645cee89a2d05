import Egress
import Foundation
import Gateway
import Logging
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

    @Test func `bounds those who follow events`() {
        var settings = Settings()
        let wrong = settings.reading([
            "GATEWAY_FOLLOWERS_MAX": "7", "GATEWAY_FOLLOWERS_OF_ORGANIZATION_MAX": "6",
            "GATEWAY_FOLLOWERS_OF_CREDENTIAL_MAX": "5", "GATEWAY_FOLLOWER_TAKES_WITHIN_S": "4",
            "GATEWAY_FOLLOWER_SIGN_OF_LIFE_S": "0",
        ])

        let bounds = settings.gateway.news
        #expect(bounds.listenersMax == 7 && bounds.ofOrganizationMax == 6 && bounds.ofFollowerMax == 5)
        #expect(bounds.takenWithin == .seconds(4) && bounds.silentMax == 15)
        #expect(wrong == ["GATEWAY_FOLLOWER_SIGN_OF_LIFE_S: expected a whole number, 1 to 300."])
    }

    @Test(arguments: [
        ("PUBLIC_URL", "https://pay.example.com?x=1"), ("PUBLIC_URL", "https://u@pay.example.com"),
        ("PUBLIC_URL", "pay.example.com"), ("CALLBACK_SOURCES", "196.201.214.0/33"), ("CALLBACK_SOURCES", ","),
        ("CALLBACK_CHECK_PRIVATE", "10.0.0.1,everybody"), ("MAIL_FROM", "gateway@pay.example\r\nBcc: x@y.example"),
        ("MAIL_FROM", "gateway"), ("MAIL_LINK", "https://console.example/password"),
        ("MAIL_LINK", "http://console.example/{token}"),
    ])
    func `takes no address that could not be used`(name: String, text: String) {
        var settings = Settings()

        let wrong = settings.reading(["GATEWAY_" + name: text])

        #expect(wrong.count == 1 && wrong.first?.hasPrefix("GATEWAY_\(name): expected ") == true)
        #expect(settings.publicURL == nil && settings.door.callbackSources == nil && settings.mail.sender == nil)
    }

    @Test func `names a host of version 6 in brackets wherever it stands in an address`() {
        var settings = Settings()
        (settings.host, settings.managementHost) = ("2001:db8::1", "::1")
        #expect(settings.effectivePublicURL == "http://[2001:db8::1]:8080")
        #expect(settings.managementURL == "http://[::1]:8081")
        (settings.host, settings.managementHost) = ("[::1]", "127.0.0.1")
        #expect(settings.effectivePublicURL == "http://[::1]:8080")
        #expect(settings.managementURL == "http://127.0.0.1:8081")
    }

    @Test func `of dev takes any port for management, too, where any is asked for`() {
        #expect(Dev.managementPort(nil, beside: 8080) == 8081 && Dev.managementPort(nil, beside: 0) == 0)
        #expect(Dev.managementPort(9001, beside: 0) == 9001 && Dev.managementPort(0, beside: 8080) == 0)
    }

    @Test func `leaves the operator room for a library of 64 MiB`() {
        let limits = Settings().door.managementLimits(.init(limit: 4096, .init()))

        // All who come to the management listener are one.
        #expect(limits.heldBodyBytesPerOwnerMax == limits.heldBodyBytesMax && limits.heldBodyBytesMax >= 64 << 20)
    }

    @Test func `refuses mail that nobody could be sent`() throws {
        var settings = Settings()
        #expect(
            settings.reading([
                "GATEWAY_MAIL_URL": "smtps://mail.example", "GATEWAY_MAIL_CA_FILE": "/no/such/file",
                "GATEWAY_MAIL_PASSWORD_FILE": "/no/such/file",
            ])
            .isEmpty
        )

        #expect(throws: GatewayError.self) { try settings.mail.password() }
        #expect(throws: GatewayError.self) { try settings.mail.authorities() }
        #expect(throws: GatewayError.self) {
            let entropy = Entropy(now: { Timestamp(milliseconds: 1) }, random: { 1 })
            return try settings.mail.mailer(CurlClient(), entropy, Logger(label: "test"))
        }
    }

    @Test func `has each name once, and knows a slip in one`() {
        #expect(Set(Settings.list.map(\.name)).count == Settings.list.count)

        let unknown = Settings.unknown(in: [
            "GATEWAY_HTP_PORT": "1", "GATEWAY_URL": "x", "GATEWAY_MODE": "rest", "A": "",
        ])

        #expect(unknown == ["GATEWAY_HTP_PORT"])
    }
}
