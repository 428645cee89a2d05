import Foundation
import Gateway
import GatewayTesting
import Logging
import OrderedJSON
import Store
import Synchronization
import Testing

@testable import Egress

/// A Daraja of which only the tokens matter: each voids the last, and some paths take none.
private final class Daraja: Sendable {
    private struct State {
        var secret = "secret"
        var issued = 0
        var refusesFor: Set<String> = []
        var refusal = TalkingServer.reply(404, #"{"errorCode":"404.001.03","errorMessage":"Invalid Access Token"}"#)
        var heard: [String: Int] = [:]
        var answersTokensBy: String?
    }

    private let state = Mutex(State())

    var issued: Int { state.withLock { $0.issued } }

    func refuse(_ path: String) { state.withLock { _ = $0.refusesFor.insert(path) } }
    /// From now on tokens are refused in these words.
    func refuse(by reply: String) { state.withLock { $0.refusal = reply } }
    /// How often a path was asked.
    func requests(_ path: String) -> Int { state.withLock { $0.heard[path] ?? 0 } }
    func take(_ path: String) { state.withLock { _ = $0.refusesFor.remove(path) } }
    /// As when somebody else with the same consumer key fetched one.
    func voidToken() { state.withLock { $0.issued += 1 } }
    /// What the token's address answers from now on, instead of a token.
    func answerTokens(by reply: String?) { state.withLock { $0.answersTokensBy = reply } }

    func answer(_ request: TalkingServer.Request) -> String {
        state.withLock { state in
            if request.path.hasPrefix("/oauth") { return token(for: request, &state) }
            if request.path == "/echo" {
                let said = JSON.string("Bad Request - Invalid \(request.authorization) in \(request.body)")
                let error: JSON = ["requestId": "1", "errorCode": "500.009.98", "errorMessage": said]
                return TalkingServer.reply(500, error.text)
            }
            state.heard[request.path, default: 0] += 1
            let isNewest = request.authorization == "Bearer token-of-daraja-\(state.issued)"
            guard isNewest, !state.refusesFor.contains(request.path) else {
                return state.refusal
            }
            return TalkingServer.reply(200, "{}")
        }
    }

    private func token(for request: TalkingServer.Request, _ state: inout State) -> String {
        if let reply = state.answersTokensBy {
            state.issued += 1
            return reply
        }
        guard request.authorization == "Basic " + Data("key:\(state.secret)".utf8).base64EncodedString() else {
            return TalkingServer.reply(400, "")
        }
        state.issued += 1
        return TalkingServer.reply(200, #"{"access_token":"token-of-daraja-\#(state.issued)","expires_in":"3599"}"#)
    }
}

/// The way out, with credentials in a store of its own, to a Daraja of the test's.
private struct Way {
    let daraja: Daraja
    let clock = ManualEntropy()
    let store: Store
    let credentials: Credentials
    let upstream: DarajaUpstream
    let organization: OrganizationID
    let base: String

    static func with(_ body: (Way) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/egress-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try await Store.open(.sqlite(path: folder + "/gateway.db"))
        defer { store.shutdown() }
        let daraja = Daraja()
        let server = try TalkingServer { daraja.answer($0) }
        defer { server.stop() }
        try await body(Way(store: store, daraja: daraja, port: server.port))
    }

    private init(store: Store, daraja: Daraja, port: Int) async throws {
        (self.store, self.daraja) = (store, daraja)
        base = "http://127.0.0.1:\(port)"
        credentials = Credentials(
            directory: store,
            webhooks: store,
            masters: MasterKeys(Secret([UInt8](repeating: 5, count: 32))),
            configuration: ConfigurationWatch(directory: store, entropy: clock.entropy)
        )
        var settings = EgressSettings()
        settings.bases = [.test: base, .live: base]
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        upstream = DarajaUpstream(
            client: CurlClient(),
            credentials: credentials,
            entropy: clock.entropy,
            settings: settings,
            logger: logger
        )
        organization = OrganizationID(clock.entropy.identifier())
        try await store.save(Plan(name: "all", tools: ["**"], organizationLimits: [:], principalLimits: [:]))
        try await store.save(Organization(id: organization, slug: "shop", name: "Shop", plan: "all"))
        try await save(secret: "secret")
    }

    func save(secret: String) async throws {
        try await credentials.save(
            [
                "consumer_key": Secret("key"), "consumer_secret": Secret(secret),
                "lipa_na_mpesa_passkey": Secret(String(repeating: "a1B2c3D4", count: 8)),
                "security_credential": Secret(String(repeating: "Zy/9+x8W", count: 43)),
            ],
            organization: organization,
            environment: .test
        )
    }

    /// Sends a request with secrets; answers what came.
    func sendSecrets(_ path: String) async throws -> UpstreamOutcome {
        let inputs = [
            "short_code": try JSONPointer(parsing: "/ShortCode"), "timestamp": try JSONPointer(parsing: "/Timestamp"),
        ]
        let kind = OperationKind(
            name: "x",
            direction: .outgoing,
            upstream: "daraja",
            path: path,
            callbacks: [try CallbackBinding(name: "result", pointer: JSONPointer(parsing: "/ResultURL"))],
            secrets: [
                try SecretBinding(
                    transform: "stk_password",
                    pointer: JSONPointer(parsing: "/Password"),
                    inputs: inputs
                ),
                try SecretBinding(
                    transform: "security_credential",
                    pointer: JSONPointer(parsing: "/SecurityCredential"),
                    inputs: [:]
                ),
            ]
        )
        let body: JSON = [
            "ShortCode": "174379", "Timestamp": "20261126101112", "Password": "", "SecurityCredential": "",
            "ResultURL": "", "Remarks": "order 77",
        ]
        let prepared = try await upstream.prepare(
            UpstreamRequest(
                organization: organization,
                environment: .test,
                kind: kind,
                template: RequestTemplate(body: body),
                callbacks: [
                    "result":
                        "https://shop.example/cb/1/00112233445566778899aabbccddeefff0e1d2c3b4a5968778695a4b3c2d1e0f"
                ]
            )
        )
        return await upstream.send(prepared)
    }

    /// Sends to a path; answers the status, or nil when nothing was answered.
    func send(_ path: String) async throws -> Int? {
        let kind = OperationKind(name: "x", direction: .incoming, upstream: "daraja", path: path)
        let prepared = try await upstream.prepare(
            UpstreamRequest(
                organization: organization,
                environment: .test,
                kind: kind,
                template: RequestTemplate(body: [:]),
                callbacks: [:]
            )
        )
        guard case .answered(let status, _) = await upstream.send(prepared) else { return nil }
        return status
    }
}

struct `Secrets that are set` {
    @Test func `are told in their organization's feed, and not that a new key seals them`() async throws {
        try await Way.with { (way) async throws in
            let safe = DarajaCredentialSafe(
                credentials: way.credentials,
                upstream: way.upstream,
                entropy: way.clock.entropy
            )

            _ = try await safe.put(
                ["consumer_secret": Secret("another")],
                organization: way.organization,
                environment: .test,
                account: .main
            )
            _ = try await safe.rotateKey(of: way.organization)

            let told = try await way.store.feed(lane: FeedReader.lane, after: 0, limit: 10).map(\.event)
            #expect(told.map(\.kind) == [.credentialChanged] && told.first?.organization == way.organization)
            #expect(told.first?.at == way.clock.now && told.first?.payload["account"] == "main")
        }
    }
}

struct `An answer that repeats the request` {
    @Test func `is without the secrets that were filled into it`() async throws {
        try await Way.with { (way) async throws in
            guard case .answered(500, let body) = try await way.sendSecrets("/echo") else {
                Issue.record("expected an answer")
                return
            }

            let text = try #require(JSON(parsing: body)["errorMessage"]?.stringValue)
            #expect(text.hasPrefix("Bad Request - Invalid Bearer [secret] in "))
            #expect(text.contains(#""Password":"[secret]","SecurityCredential":"[secret]""#))
            #expect(text.contains(#""ResultURL":"https://shop.example/cb/1/00112233445566778899aabbccddeeff[secret]""#))
            #expect(text.contains(#""Remarks":"order 77""#))
        }
    }
}

struct `Access tokens` {
    @Test func `of others are not voided by a path that takes none`() async throws {
        try await Way.with { (way) async throws in
            way.daraja.refuse("/off")
            #expect(try await way.send("/push") == 200)

            let pushes = try await withThrowingTaskGroup(of: Int?.self) { group in
                for number in 0..<120 {
                    group.addTask { try await way.send("/push") }
                    if number % 10 == 0 { group.addTask { try await way.send("/off") == 404 ? 200 : nil } }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for _ in 0..<20 { #expect(try await way.send("/off") == 404) }

            #expect(pushes.count { $0 == 200 } == 132)
            #expect(way.daraja.issued <= 2)
        }
    }

    @Test func `are fetched again for such a path after ten minutes, and when credentials change`() async throws {
        try await Way.with { (way) async throws in
            way.daraja.refuse("/off")
            for path in ["/push", "/off", "/push", "/off"] { _ = try await way.send(path) }
            #expect(way.daraja.issued == 2)

            way.clock.advance(.seconds(599))
            _ = try await way.send("/off")
            #expect(way.daraja.issued == 2)
            way.clock.advance(.seconds(2))
            _ = try await way.send("/off")
            #expect(way.daraja.issued == 3)

            for path in ["/push", "/off"] { _ = try await way.send(path) }
            #expect(way.daraja.issued == 3)
            try await way.save(secret: "secret")
            _ = try await way.send("/off")
            #expect(way.daraja.issued == 4)
        }
    }

    @Test func `that somebody else voided are replaced on every path`() async throws {
        try await Way.with { (way) async throws in
            for path in ["/push", "/pay"] { #expect(try await way.send(path) == 200) }
            for _ in 0..<5 {
                way.daraja.voidToken()
                for path in ["/push", "/pay"] { #expect(try await way.send(path) == 200) }
            }
        }
    }

    @Test func `of a path that was enabled meanwhile are used`() async throws {
        try await Way.with { (way) async throws in
            way.daraja.refuse("/off")
            for path in ["/push", "/off", "/push", "/off"] { _ = try await way.send(path) }

            way.daraja.take("/off")
            #expect(try await way.send("/off") == 200)
            way.daraja.voidToken()
            #expect(try await way.send("/off") == 200)
        }
    }

    @Test func `belong to a consumer key and its secret`() async throws {
        try await Way.with { (way) async throws in
            #expect(try await way.send("/push") == 200)

            try await way.save(secret: "guessed")

            let error = await #expect(throws: GatewayError.self) { try await way.send("/push") }
            #expect(error?.code == .notConfigured)
        }
    }

    @Test(arguments: [
        (403, "<html>Request blocked</html>", GatewayError.Code.upstreamUnavailable),
        (403, "", .upstreamUnavailable), (401, "<html>no</html>", .upstreamUnavailable),
        (400, "", .notConfigured), (400, #"{"errorCode":"400.008.01"}"#, .notConfigured),
        (429, #"{"fault":{"detail":{"errorcode":"policies.ratelimit.SpikeArrestViolation"}}}"#, .upstreamUnavailable),
        (200, "<html>welcome</html>", .upstreamUnavailable),
    ])
    func `are refused to a credential only in M-Pesa's own words`(
        status: Int,
        body: String,
        code: GatewayError.Code
    ) throws {
        let answer = TokenAnswer.read(.answered(status: status, body: Array(body.utf8)), settings: EgressSettings())

        let error = #expect(throws: GatewayError.self) { try answer.get() }
        #expect(error?.code == code)
        #expect(code == .notConfigured || error?.detail == "OAuth answered \(status): \(body)")
    }

    @Test(arguments: [
        (401, "<html>401 Authorization Required</html>"), (401, ""), (401, "{}"),
        (401, #"{"errorCode":"401.009.01","errorMessage":"Unauthorized"}"#),
        (401, #"{"fault":{"detail":{"errorcode":"keymanagement.service.InvalidAPICallAsNoApiProductMatchFound"}}}"#),
        (403, #"{"errorCode":"403.001.01","errorMessage":"Invalid Access Token"}"#),
        (404, #"{"errorCode":"404.001.01","errorMessage":"Resource not found"}"#),
        (500, #"{"errorCode":"404.001.03","errorMessage":"Invalid Access Token"}"#),
    ])
    func `are not replaced, and nothing is sent again, for another's refusal`(status: Int, body: String) async throws {
        try await Way.with { (way) async throws in
            way.daraja.refuse(by: TalkingServer.reply(status, body))
            way.daraja.refuse("/off")

            #expect(try await way.send("/off") == status)

            #expect(way.daraja.requests("/off") == 1)
            #expect(way.daraja.issued == 1)
        }
    }

    @Test(arguments: [
        (404, #"{"errorCode":"404.001.03","errorMessage":"Invalid Access Token"}"#),
        (401, #"{"errorCode":"401.002.01","errorMessage":"Error Occurred - Invalid Access Token - x"}"#),
        (400, #"{"errorCode":"400.003.01","errorMessage":"Invalid access token"}"#),
        (401, #"{"errorCode":"401.007.01","errorMessage":"Invalid Access Token"}"#),
        (401, #"{"fault":{"detail":{"errorcode":"keymanagement.service.invalid_access_token"}}}"#),
        (401, #"{"fault":{"detail":{"errorcode":"keymanagement.service.access_token_expired"}}}"#),
    ])
    func `are replaced when M-Pesa itself refuses them, once`(status: Int, body: String) async throws {
        try await Way.with { (way) async throws in
            way.daraja.refuse(by: TalkingServer.reply(status, body))
            #expect(try await way.send("/push") == 200)
            way.daraja.voidToken()
            #expect(try await way.send("/push") == 200)
            #expect(way.daraja.requests("/push") == 3)

            way.daraja.refuse("/off")
            way.daraja.voidToken()
            #expect(try await way.send("/off") == status)

            #expect(way.daraja.requests("/off") == 2)
        }
    }

    @Test func `that could not be fetched are not fetched by each who waits`() async throws {
        try await Way.with { (way) async throws in
            way.daraja.answerTokens(by: TalkingServer.reply(403, "<html>blocked</html>"))
            for _ in 0..<20 {
                let error = await #expect(throws: GatewayError.self) { try await way.send("/push") }
                #expect(error?.code == .upstreamUnavailable)
            }
            #expect(way.daraja.issued == 1)

            way.daraja.answerTokens(by: nil)
            way.clock.advance(.seconds(2))
            #expect(try await way.send("/push") == 200)
        }
    }

    @Test func `end by the time that has passed, not by the wall clock`() async throws {
        try await Way.with { (way) async throws in
            #expect(try await way.send("/push") == 200)

            way.clock.setWallClock(by: .seconds(-3600))
            way.clock.advance(.seconds(3600))

            #expect(try await way.send("/push") == 200)
            #expect(way.daraja.issued == 2)
        }
    }
}
