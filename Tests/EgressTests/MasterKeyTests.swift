import Foundation
import Gateway
import GatewayTesting
import Store
import Testing

@testable import Egress

/// Secrets of several organizations in a store of their own, and master keys to open them by.
private struct Safe {
    let store: Store
    let clock = ManualEntropy()
    let organizations: [OrganizationID]
    let a = Secret([UInt8](repeating: 1, count: 32))
    let b = Secret([UInt8](repeating: 2, count: 32))

    static func with(_ count: Int, _ body: (Safe) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/safe-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try await Store.open(.sqlite(path: folder + "/gateway.db"))
        defer { store.shutdown() }
        try await body(Safe(store, count))
    }

    private init(_ store: Store, _ count: Int) {
        self.store = store
        organizations = (0..<count).map { [clock] _ in OrganizationID(clock.entropy.identifier()) }
    }

    /// What a process with these keys opens secrets by.
    func credentials(_ newest: Secret<[UInt8]>, older: [Secret<[UInt8]>] = []) -> Credentials {
        Credentials(
            directory: store,
            webhooks: store,
            masters: MasterKeys(newest, older: older),
            configuration: ConfigurationWatch(directory: store, entropy: clock.entropy)
        )
    }

    func fill(by credentials: Credentials) async throws {
        for organization in organizations { try await save(organization, "first", by: credentials) }
    }

    func save(_ organization: OrganizationID, _ secret: String, by credentials: Credentials) async throws {
        try await credentials.save(
            ["consumer_key": Secret("key"), "consumer_secret": Secret(secret)],
            organization: organization,
            environment: .test
        )
    }

    func read(_ organization: OrganizationID, by credentials: Credentials) async throws -> String {
        try await credentials.credential(of: organization, in: .test).consumerSecret.reveal()
    }
}

struct `A master key` {
    @Test func `is changed while secrets are read and written, and opens nothing afterwards`() async throws {
        try await Safe.with(12) { (safe) async throws in
            let credentials = safe.credentials(safe.a)
            try await safe.fill(by: credentials)
            credentials.masters.begin(safe.b)

            async let count = credentials.rewrapDataKeys(atOnce: 1)
            for (index, organization) in safe.organizations.enumerated() {
                try await safe.save(organization, "secret \(index)", by: credentials)
                #expect(try await safe.read(organization, by: credentials) == "secret \(index)")
            }

            #expect(try await count == 12)
            #expect(try await credentials.dataKeysLeft() == 0)
            let next = safe.credentials(safe.b)
            for (index, organization) in safe.organizations.enumerated() {
                #expect(try await safe.read(organization, by: next) == "secret \(index)")
            }
            await #expect(throws: GatewayError.self) {
                try await safe.read(safe.organizations[0], by: safe.credentials(safe.a))
            }
        }
    }

    @Test func `whose change was cut off is gone on with, and meanwhile both open`() async throws {
        try await Safe.with(5) { (safe) async throws in
            let first = safe.credentials(safe.a)
            try await safe.fill(by: first)
            first.masters.begin(safe.b)
            let error = await #expect(throws: GatewayError.self) {
                try await first.rewrapDataKeys(atOnce: 2) { () throws(GatewayError) in
                    throw GatewayError(.unavailable, "The process ends.")
                }
            }
            #expect(error?.code == .unavailable)

            let second = safe.credentials(safe.b, older: [safe.a])

            #expect(try await second.dataKeysLeft() == 3)
            for organization in safe.organizations { #expect(try await safe.read(organization, by: second) == "first") }
            #expect(try await second.rewrapDataKeys() == 3)
            #expect(try await safe.credentials(safe.b).dataKeysLeft() == 0)
        }
    }

    @Test func `that is gone is told, and nothing is wrapped without it`() async throws {
        try await Safe.with(2) { (safe) async throws in
            try await safe.fill(by: safe.credentials(safe.a))

            let error = await #expect(throws: GatewayError.self) {
                try await safe.credentials(safe.b).rewrapDataKeys()
            }

            #expect(error?.code == .internalFault)
            #expect(try await safe.read(safe.organizations[0], by: safe.credentials(safe.a)) == "first")
        }
    }
}

struct `A data key` {
    @Test func `is changed with all that it sealed, whatever account that is of`() async throws {
        try await Safe.with(2) { (safe) async throws in
            let credentials = safe.credentials(safe.a)
            try await safe.fill(by: credentials)
            let (ours, till) = (safe.organizations[0], try #require(AccountName("till")))
            let profile = Profile(
                environment: .live,
                shortCode: "174379",
                shortCodeType: "paybill",
                organizationName: "O"
            )
            try await safe.store.save(MPesaAccount(name: till, profile: profile), organization: ours)
            try await credentials.save(
                ["consumer_key": Secret("k"), "consumer_secret": Secret("of the till")],
                organization: ours,
                environment: .live,
                account: till
            )

            #expect(try await credentials.rotateDataKey(of: ours) == 2)

            let sealed = try await safe.store.sealedCredential(organization: ours, environment: .live, account: till)
            #expect(sealed?.keyVersion == 2)
            #expect(try await safe.read(ours, by: safe.credentials(safe.a)) == "first")
            let other = try await safe.credentials(safe.a).credential(of: ours, in: .live, account: till)
            #expect(other.consumerSecret.reveal() == "of the till")
            let theirs = try await safe.store.wrappedKey(organization: safe.organizations[1], version: nil)
            #expect(theirs?.version == 1)
        }
    }
    @Test func `is changed with what events are signed with, which still opens`() async throws {
        try await Safe.with(2) { (safe) async throws in
            let credentials = safe.credentials(safe.a)
            let (ours, id) = (safe.organizations[0], safe.clock.entropy.identifier())
            var secrets: [WebhookSecret] = []
            for (form, byte) in zip(WebhookSecret.Form.allCases, [UInt8(1), 2]) {
                let bytes = Secret([UInt8](repeating: byte, count: 32))
                let (sealed, version) = try await credentials.seal(bytes, form: form, of: id, organization: ours)
                secrets.append(WebhookSecret(form: form, sealed: sealed, keyVersion: version, publicKey: "p"))
            }
            secrets[1].endsAt = safe.clock.now
            let endpoint = WebhookEndpoint(
                id: id,
                organization: ours,
                environment: .live,
                madeBy: "user:1",
                madeAt: safe.clock.now,
                url: "https://example.com",
                secrets: secrets
            )
            try await safe.store.add(endpoint, endpointsMax: 1)

            #expect(try await credentials.rotateDataKey(of: ours) == 1)

            let found = try await safe.store.webhook(id, organization: ours, environment: .live)?.endpoint
            let sealed = try #require(found?.secrets)
            #expect(sealed.map(\.keyVersion) == [2, 2] && found?.version == 2)
            #expect(sealed.map(\.form) == secrets.map(\.form) && sealed.map(\.endsAt) == secrets.map(\.endsAt))
            #expect(sealed.allSatisfy { $0.publicKey == "p" })
            let another = safe.credentials(safe.a)
            let first = try await another.open(sealed[0], of: id, organization: ours)
            #expect(first.reveal() == [UInt8](repeating: 1, count: 32))
            await #expect(throws: GatewayError.self) {
                try await another.open(sealed[0], of: id, organization: safe.organizations[1])
            }
            await #expect(throws: GatewayError.self) {
                try await another.open(sealed[0], of: safe.clock.entropy.identifier(), organization: ours)
            }
        }
    }
}
