import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

@testable import Gateway

/// Issuers of which some do not answer until the test lets them.
private final class Documents: IssuerDocuments {
    private let released = AsyncStream<Void>.makeStream()
    private let asked = Mutex(0)
    private let issuer = FakeIssuer()

    init() { issuer.publish(keys: ["1": "word"], at: "https://answers.example/keys") }

    /// How many of those that hang have been asked.
    var hanging: Int { asked.withLock { $0 } }

    func release() { released.continuation.finish() }

    func document(at url: String, in environment: Environment) async -> [UInt8]? {
        guard url.contains("hangs") else { return await issuer.document(at: url, in: environment) }
        asked.withLock { $0 += 1 }
        for await _ in released.stream {}
        return nil
    }
}

struct `Keys of issuers` {
    private func issuer(_ number: UInt64, of organization: UInt64, _ host: String) -> TokenIssuer {
        TokenIssuer(
            id: Identifier(high: organization, low: number),
            organization: OrganizationID(Identifier(high: 9, low: organization)),
            url: "https://\(host)",
            environment: .test,
            keysURL: "https://\(host)/keys"
        )
    }

    @Test(.timeLimit(.minutes(5)))
    func `are had however many issuers of another organization hang`() async throws {
        let documents = Documents()
        let ports = IssuedTokenPorts(
            resource: ProtectedResource(base: "https://gw.example"),
            documents: documents,
            keys: FakeIssuer()
        )
        let keys = IssuerKeys(ports, entropy: ManualEntropy().entropy)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<40 as Range<UInt64> {
                let other = issuer(number, of: 1, "hangs\(number).example")
                group.addTask { _ = try? await keys.key("1", .rs256, of: other) }
            }
            while documents.hanging < 2 { await Task.yield() }
            let code = await #expect(throws: GatewayError.self) {
                try await keys.key("1", .rs256, of: issuer(41, of: 1, "hangs41.example"))
            }?
            .code
            #expect(code == .unavailable && documents.hanging == 2)
            let found = try? await keys.key("1", .rs256, of: issuer(1, of: 2, "answers.example"))
            #expect(found != nil)
            documents.release()
        }
    }
}
