import Cryptography
import Foundation
import Gateway
import Logging
import OrderedJSON
import Testing

@testable import PluginHost

/// What `plugin check --plugins` says of entries, by the functions that a host loads them by.
struct `What plugins.json declares` {
    private let bench: Bench

    // No function tool is called, so no threads are needed, which stay for as long as the tests run.
    init() throws { bench = try Bench(.worker) { $0.threads = 0 } }

    /// An entry that is right, with some members of it changed; null takes one out.
    private func entry(_ library: String, _ changes: JSONObject = [:]) -> JSON {
        var entry: JSONObject = [
            "id": "fixture", "source": .string(library), "isolation": "worker",
            "grants": ["upstreams": ["daraja": ["/collect"]], "secrets": ["stk_password"]],
        ]
        for (name, value) in changes { entry[name] = value == .null ? nil : value }
        return .object(entry)
    }

    private func tried(_ entries: [JSON], keys: [VerifyingKey] = []) throws -> [DeclaredPlugin] {
        let configurations = try PluginConfiguration.list(parsing: JSON.object(["plugins": .array(entries)]).bytes)
        var settings = bench.host.settings
        settings.trust = TrustPolicy(allowsUnsigned: true, keys: keys)
        let declarations = PluginDeclarations(
            settings: settings,
            entropy: bench.host.entropy,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        return declarations.tried(configurations, in: "/")
    }

    @Test func `is told as right, with what it is and what nobody vouches for`() throws {
        defer { bench.remove() }
        let library = try bench.compile([])
        let digest = SHA256.digest(Array(try Data(contentsOf: URL(filePath: library)))).hexadecimal

        let found = try tried([entry(library), entry("/gone", ["id": "other", "enabled": false])])
        let pinned = try tried([entry(library, ["sha256": .string(digest), "isolation": "sandbox"])])

        #expect(found[0].refusal == nil && found[0].loaded?.hasPrefix("version 1.0.0, worker: fixture_") ?? false)
        #expect(found[0].notes.contains { $0.hasPrefix("neither sha256 nor a signature") })
        #expect(found[1].refusal == nil && found[1].notes.first?.contains("switched off") ?? false)
        #expect(pinned[0].refusal == nil && pinned[0].notes.isEmpty, "\(pinned[0])")
    }

    static let mistakes: [(JSONObject, String)] = [
        (["sha256": .string(String(repeating: "0", count: 64))], "which is not the configured one: find out"),
        (["id": "other"], "rule E2: the manifest says this is fixture"),
        (["source": "/nowhere/at/all.so"], "the file /nowhere/at/all.so cannot be read: No such file"),
        (["grants": .null], "rule C3: it needs /collect of the upstream daraja, the secret stk_password"),
        (["grants": ["upstreams": ["daraja": ["/colect"]], "secrets": ["stk_password"]]], "/collect of the upstream"),
        (["grants": ["upstreams": ["mpesa": ["/collect"]], "secrets": ["stk_password"]]], "/collect of the upstream"),
        (
            ["grants": ["upstreams": ["daraja": ["/collect"]], "secrets": []]],
            "it needs the secret stk_password, which"
        ),
    ]

    @Test(arguments: mistakes)
    func `is refused with what is wrong`(mistake: (changes: JSONObject, reason: String)) throws {
        defer { bench.remove() }
        let found = try tried([entry(try bench.compile([]), mistake.changes)])

        #expect(found[0].refusal?.description.contains(mistake.reason) ?? false, "\(found[0])")
        #expect(found[0].loaded == nil)
    }

    static let libraries: [([String], String)] = [
        (["-DREFUSE_SETTINGS"], "the setting colour is missing"), (["-DFAIL_SELFTEST"], "two and two are five"),
        (["-DFIXTURE_LEVEL=7"], "levels 7 to 7"), (["-DBAD_CATALOGUE"], "rule C1"),
    ]

    @Test(arguments: libraries)
    func `is refused for what its library is`(planted: (flags: [String], reason: String)) throws {
        defer { bench.remove() }
        let found = try tried([entry(try bench.compile(planted.flags))])

        #expect(found[0].refusal?.description.contains(planted.reason) ?? false, "\(found[0])")
    }

    @Test func `must be signed where there are keys, and is told the isolation that is not ours`() throws {
        defer { bench.remove() }
        let key = try #require(SigningKey().flatMap { VerifyingKey.all(pem: Array($0.publicPEM)) })
        let library = try bench.compile([])
        let unsigned = try tried([entry(library)], keys: key)
        let inProcess = try tried([entry(library, ["isolation": "in-process"])])

        #expect(unsigned[0].refusal?.description.hasPrefix("rule S1") ?? false)
        #expect(inProcess[0].refusal == nil && inProcess[0].notes.contains { $0.hasPrefix("in-process it does") })
    }

    @Test func `may grant what is never asked for, which is noted`() throws {
        defer { bench.remove() }
        let grants: JSON = [
            "upstreams": ["daraja": ["/collect", "/payout"]], "secrets": ["stk_password", "other"],
            "services": ["timers"], "collections": ["notes"],
        ]
        let found = try tried([entry(try bench.compile([]), ["grants": grants])])

        let note =
            "granted, and never asked for: /payout of the upstream daraja, the secret other, "
            + "the collection notes, the service timers"
        #expect(found[0].refusal == nil && found[0].notes.contains(note), "\(found[0])")
    }

    @Test func `has a tool of another entry's`() throws {
        defer { bench.remove() }
        let other = try bench.compile(["-DMANIFEST_ID=\"other\"", "-DFIXTURE_ID=\"other\""])
        let found = try tried([entry(try bench.compile([])), entry(other, ["id": "other"])])

        #expect(found[0].refusal == nil)
        #expect(found[1].refusal?.description.contains("rule C2: the tool fixture_") ?? false, "\(found[1])")
    }

    static let forms: [(JSONObject, String)] = [
        (["enabled": "false"], "/plugins/0/enabled: expected true or false"),
        (["allow_breaking": 1], "/plugins/0/allow_breaking"), (["sha256": 5], "/plugins/0/sha256: expected a text"),
        (["isolation": true], "/plugins/0/isolation"), (["config": []], "/plugins/0/config: expected an object"),
        (["signature": "abc"], "/plugins/0/signature"), (["grants": []], "/plugins/0/grants: expected an object"),
        (["grants": ["secret": ["stk_password"]]], "/plugins/0/grants/secret: not a known setting"),
        (["grants": ["secrets": "stk_password"]], "/plugins/0/grants/secrets: expected a list of texts"),
        (["grants": ["services": ["timers", 1]]], "/plugins/0/grants/services"),
        (["grants": ["upstreams": ["daraja"]]], "/plugins/0/grants/upstreams: expected an object"),
        (["grants": ["upstreams": ["daraja": "/collect"]]], "/plugins/0/grants/upstreams/daraja"),
        (["limits": ["memory": 9]], "/plugins/0/limits/memory: not a known setting"),
        (["restart": ["max_crash": 9]], "/plugins/0/restart/max_crash"), (["rollback": 5], "/plugins/0/rollback"),
        (["settings": [:]], "/plugins/0/settings: not a known setting"),
    ]

    @Test(arguments: forms)
    func `is told where it is misspelt or of another form, not taken for left out`(
        mistake: (changes: JSONObject, reason: String)
    ) throws {
        defer { bench.remove() }
        let error = #expect(throws: PluginConfiguration.Malformed.self) {
            try tried([entry("/any.so", mistake.changes)])
        }

        #expect(error?.description.contains(mistake.reason) ?? false, "\(error?.description ?? "")")
    }
}
