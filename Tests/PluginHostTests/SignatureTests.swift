import Cryptography
import Foundation
import Gateway
import Logging
import OrderedJSON
import Testing

@testable import PluginHost

/// Rule S1.
struct `A host that trusts a key` {
    let key: SigningKey
    let bench: Bench

    init() throws {
        key = try #require(SigningKey())
        bench = try Bench(allowsUnsigned: true, keys: try #require(VerifyingKey.all(pem: key.publicPEM)))
    }

    func sign(_ library: String, with key: SigningKey? = nil) throws -> JSON {
        try PluginSigner.sign(
            Array(Data(contentsOf: URL(filePath: library))),
            with: key ?? self.key,
            settings: bench.host.settings,
            entropy: Entropy(now: { Timestamp(milliseconds: 1) }, random: SecureRandom.word),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    func load(_ library: String, _ signature: JSON?) throws -> PluginStatus {
        var configuration = bench.configuration(library)
        if let signature { configuration.keep(signature: signature) }
        try bench.host.load(configuration, relativeTo: "/")
        return try #require(bench.host.status(of: "fixture"))
    }

    func refusal(_ library: String, _ signature: JSON?) -> String {
        do { return "loaded: \(try load(library, signature).state)" } catch {
            return (error as? PluginRefusal)?.description ?? "\(error)"
        }
    }

    @Test func `runs what it signed, and says by whom`() throws {
        defer { bench.remove() }
        let library = try bench.compile([])
        let status = try load(library, try sign(library))

        #expect(status.live?.trust.word == "signed by \(key.id)")
    }

    @Test func `finds a signature beside the file`() throws {
        defer { bench.remove() }
        let library = try bench.compile([])
        try Data(try sign(library).bytes).write(to: URL(filePath: library + ".sig"))

        #expect(try load(library, nil).state == "live")
    }

    @Test func `refuses what nobody signed, even where unsigned libraries run and the hash is right`() throws {
        defer { bench.remove() }
        let library = try bench.compile([])

        #expect(refusal(library, nil).hasPrefix("rule S1"))
    }

    @Test func `refuses another's signature, another library's, and one that was changed`() throws {
        defer { bench.remove() }
        let library = try bench.compile([])
        let other = try bench.compile(["-DFIXTURE_VERSION=\"1.0.1\""])
        let good = try sign(library)
        let stranger = try #require(SigningKey())
        let statement = try #require(good["statement"]?.stringValue)

        #expect(refusal(library, try sign(library, with: stranger)).contains("does not trust"))
        #expect(refusal(other, good).contains("another library"))
        var changed = try #require(good.objectValue)
        changed["statement"] = .string(statement.replacing("/collect", with: "/payout"))
        #expect(refusal(library, .object(changed)).contains("does not hold"))
        changed = try #require(good.objectValue)
        changed["signature"] = "00"
        #expect(refusal(library, .object(changed)).contains("does not hold"))
        #expect(refusal(library, ["algorithm": "none"]).contains("not of the form"))
    }

    @Test func `refuses a signature over other levels, names, or fewer needs`() throws {
        defer { bench.remove() }
        let library = try bench.compile([])
        let bytes = try Array(Data(contentsOf: URL(filePath: library)))
        let manifest = try PluginFile.inspect(bytes)
        let digest = SHA256.digest(bytes).hexadecimal
        let needs = Catalogue.Needs(upstreams: ["daraja": ["/collect"]], secrets: ["stk_password"])
        func signed(_ manifest: PluginFile.Manifest, _ needs: Catalogue.Needs) throws -> JSON {
            try #require(PluginStatement(digest: digest, manifest: manifest, needs: needs).signed(with: key))
        }
        let renamed = PluginFile.Manifest(
            id: "other",
            version: manifest.version,
            runtime: "c",
            levelMin: 1,
            levelMax: 1
        )
        let newer = PluginFile.Manifest(id: manifest.id, version: "9.9.9", runtime: "c", levelMin: 1, levelMax: 1)
        let levels = PluginFile.Manifest(
            id: manifest.id,
            version: manifest.version,
            runtime: "c",
            levelMin: 1,
            levelMax: 7
        )

        #expect(try load(library, signed(manifest, needs)).state == "live")
        for wrong in [renamed, newer, levels] {
            #expect(refusal(library, try signed(wrong, needs)).contains("another library"))
        }
        #expect(refusal(library, try signed(manifest, .init())).contains("it does not allow /collect"))
    }

    @Test func `shows what nobody vouches for as such, where no key is trusted`() throws {
        let plain = try Bench()
        defer { plain.remove() }
        let library = try plain.compile([])
        try plain.host.load(plain.configuration(library), relativeTo: "/")

        #expect(plain.host.status(of: "fixture")?.live?.trust.word == "unsigned")
    }
}
