import Cryptography
import Foundation
import Gateway
import Logging
import OrderedJSON
import Testing

@testable import PluginHost

struct `A plugin in plain C` {
    @Test(arguments: Bench.Isolation.allCases)
    func `is loaded, described and published`(isolation: Bench.Isolation) throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let plugin = try bench.load()

        #expect(plugin.tools.map(\.name) == ["fixture_collect", "fixture_echo"])
        #expect(bench.registry.snapshot.tools["fixture_echo"]?.tool.route.template == "/tools/fixture_echo")
    }

    @Test(arguments: Bench.Isolation.allCases)
    func `prepares, interprets and renders`(isolation: Bench.Isolation) async throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let plugin = try bench.load()
        let functions = try #require(plugin.operationFunctions)

        let prepared = try PluginAnswers.prepared(await functions.prepare(0, Array("{}".utf8)))
        guard case .plan(let plan) = prepared else {
            Issue.record("expected a plan")
            return
        }
        #expect(plan.intent.amount == Shillings(7))
        let evidence = try PluginAnswers.evidence(await functions.interpret(0, Array("{}".utf8), Array("Paid".utf8)))
        #expect(evidence?.verdict == .succeeded)
        #expect(try PluginAnswers.query(await functions.query(0, Array("{}".utf8))) == nil)
        #expect(try await functions.render(0, Array("{}".utf8)) == Array("{\"transaction_id\":\"x\"}".utf8))
    }

    /// The echo's schema with an argument that stands in a header too, as a text of C.
    static let marked = #"{"type":"object","properties":{"how":{"type":"string","x-mcp-header":"How"}},"#
        .appending(#""additionalProperties":false}"#).replacing("\"", with: "\\\"")

    static let refusals: [([String], String)] = [
        (["-DFIXTURE_LEVEL=7"], "levels 7 to 7"), (["-DREFUSE"], "it is Monday"),
        (["-DTWO_EXPORTS"], "rule E1: it exports another_symbol"), (["-DNO_MANIFEST"], "rule E2: it has no section"),
        (["-DMANIFEST_FLAGS=2"], "rule E2: its manifest has the flags 2"),
        (["-DMANIFEST_ID=\"other\""], "this is other"),
        (["-DMANIFEST_VERSION=\"9.9.9\""], "the manifest's 9.9.9"), (["-DNO_LIFECYCLE"], "rule E5: lifecycle/1"),
        (["-DNULL_FUNCTION"], "rule E5: a function of operation/1"), (["-DBAD_CATALOGUE"], "rule C1: : not JSON"),
        (["-DFIXTURE_SCHEMA=\"{\\\"type\\\":\\\"object\\\"}\""], "rule C1: /tools/0/input_schema"),
        (["-DFIXTURE_EXAMPLE=\"{\\\"fone\\\":1}\""], "rule C1: /tools/0/examples/0/arguments/fone"),
        (["-DFIXTURE_TOOL=\"fixture_echo\""], "rule C2: /tools/1/name"),
        (["-DFIXTURE_PATH=\"/admin/x\""], "rule C2: /tools/0/http/path"),
        (["-DFIXTURE_SECRET=\"other\""], "rule C3: /operations/0/secrets"),
        (["-DFIXTURE_FEATURES=\"[\\\"approval\\\"]\""], "rule C4"),
        (["-DFIXTURE_ECHO=\"\(marked)\"", "-DFIXTURE_SENSITIVE=\"[\\\"/how\\\"]\""], "rule C5: /tools/1/input_schema"),
        (["-DREFUSE_SETTINGS"], "the setting colour is missing"), (["-DFAIL_SELFTEST"], "two and two are five"),
    ]

    @Test(arguments: refusals, Bench.Isolation.allCases)
    func `is refused for every rule it breaks`(refusal: ([String], String), isolation: Bench.Isolation) throws {
        let (flags, reason) = refusal
        let bench = try Bench(isolation)
        defer { bench.remove() }

        let refusal = #expect(throws: PluginRefusal.self) { try bench.load(flags) }
        #expect(refusal?.description.contains(reason) ?? false, "\(refusal?.description ?? "")")
        #expect(bench.registry.snapshot.tools.isEmpty)
    }

    @Test(arguments: Bench.Isolation.allCases)
    func `may have the entry of a later level beside this one's`(isolation: Bench.Isolation) throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }

        try bench.load(["-DENTRY_OF_LEVEL_2"])
        #expect(bench.registry.snapshot.tools["fixture_collect"] != nil)
    }

    @Test func `may require what this host can do`() throws {
        let bench = try Bench { $0.abilities.features = Catalogue.HostAbilities.own }
        defer { bench.remove() }

        let features = #"-DFIXTURE_FEATURES="[\"approval\",\"batches\",\"x-original\",\"x-task\"]""#
        let loaded = try bench.load([features, #"-DFIXTURE_APPROVAL="{\"amount\":\"/phone\"}""#])
        #expect(loaded.tools[0].needsApproval && !loaded.tools[1].needsApproval)
    }

    @Test func `is refused without its grants`() throws {
        let bench = try Bench()
        defer { bench.remove() }

        #expect(throws: PluginRefusal.notGranted("/collect of the upstream daraja, the secret stk_password")) {
            try bench.load(granted: false)
        }
    }

    @Test(arguments: [("-DBAD_PLAN", "expected an object"), ("-DHUGE_PLAN", "rule M5")], Bench.Isolation.allCases)
    func `fails the call when its answer is no plan`(
        answer: (flag: String, reason: String),
        isolation: Bench.Isolation
    ) async throws {
        let (flag, reason) = answer
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let functions = try #require(try bench.load([flag]).operationFunctions)
        var told = ""
        do {
            _ = try PluginAnswers.prepared(await functions.prepare(0, Array("{}".utf8)))
        } catch {
            told = "\(error)"
        }

        #expect(told.contains(reason), "\(told)")
    }
}

struct `A plugin's file` {
    @Test func `must have the configured hash`() throws {
        let bench = try Bench(allowsUnsigned: false)
        defer { bench.remove() }
        let path = try bench.compile([])
        let digest = SHA256.digest(Array(try Data(contentsOf: URL(filePath: path)))).hexadecimal

        #expect(throws: PluginRefusal.unsigned) { try bench.host.load(bench.configuration(path), relativeTo: "/") }
        #expect(throws: PluginRefusal.hashDiffers(found: digest)) {
            try bench.host.load(bench.configuration(path, sha256: String(repeating: "0", count: 64)), relativeTo: "/")
        }
        #expect(throws: Never.self) {
            try bench.host.load(bench.configuration(path, sha256: digest), relativeTo: "/")
        }
    }

    @Test func `is opened as it was hashed, not as it is afterwards`() throws {
        let bench = try Bench()
        defer { bench.remove() }
        let path = try bench.compile([])
        let file = try PluginFile(
            path: path,
            configuration: bench.configuration(path),
            policy: TrustPolicy(allowsUnsigned: true)
        )
        try Data("swapped".utf8).write(to: URL(filePath: path))
        let copy = try file.privateCopy(in: bench.folder)

        #expect(try Array(Data(contentsOf: URL(filePath: copy))) == file.bytes)
        let mode = try FileManager.default.attributesOfItem(atPath: copy)[.posixPermissions] as? NSNumber
        #expect(mode?.intValue == 0o444)
    }

    @Test func `says why it could not be copied, which is not that it could not be read`() throws {
        let bench = try Bench()
        defer { bench.remove() }
        let path = try bench.compile([])
        let file = try PluginFile(
            path: path,
            configuration: bench.configuration(path),
            policy: TrustPolicy(allowsUnsigned: true)
        )
        // No folder can be made below a file, whoever asks.
        let error = #expect(throws: PluginRefusal.self) { try file.privateCopy(in: path) }
        #expect(
            error?.description.hasPrefix("the host's own copy \(path)/plugins/") == true,
            "\(String(describing: error))"
        )

        // A folder stands where the copy would be written.
        let copy = try file.privateCopy(in: bench.folder)
        let taken = copy + ".\(ProcessInfo.processInfo.processIdentifier).1"
        try FileManager.default.createDirectory(atPath: taken, withIntermediateDirectories: true)
        let other = #expect(throws: PluginRefusal.self) { try file.throwawayCopy(of: copy, number: 1) }
        #expect(other == .uncopied(taken, "File exists"))
    }

    @Test func `is told what to do about it`() {
        #expect(PluginRefusal.unsigned.description.contains("--sha256"))
        #expect(PluginRefusal.libraryNotAllowed("libcrypto.so.3").description.hasPrefix("rule E6: "))
        let differs = PluginRefusal.manifestDiffers("version", catalogue: "1.2.0", manifest: "1.1.0").description
        #expect(differs == "rule E2: the catalogue's version is 1.2.0, the manifest's 1.1.0")
    }

    @Test func `never crashes the host, however it is damaged`() throws {
        let bench = try Bench()
        defer { bench.remove() }
        let good = try Array(Data(contentsOf: URL(filePath: bench.compile([]))))
        var source = SystemRandomNumberGenerator()
        let seed = source.next()
        var random = SplitMix(state: seed)
        let path = bench.folder + "/damaged.so"
        for round in 0..<300 {
            var bytes = Array(good.prefix(Int.random(in: 0...good.count, using: &random)))
            if round % 3 != 0 { bytes = good }
            for _ in 0..<Int.random(in: 1...40, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<min(bytes.count, round % 2 == 0 ? 64 : bytes.count), using: &random)
                bytes[place] = UInt8.random(in: 0...255, using: &random)
            }
            try Data(bytes).write(to: URL(filePath: path))
            // Whether it is refused depends on where it was damaged; that it returns at all is what is shown.
            _ = try? PluginFile(
                path: path,
                configuration: bench.configuration(path),
                policy: TrustPolicy(allowsUnsigned: true)
            )
        }
        #expect(Bool(true), "seed \(seed)")
    }
}

struct `A function tool in C` {
    func invoke(
        _ how: String,
        in isolation: Bench.Isolation,
        timeout: Duration = .seconds(20)
    ) async throws -> (LoadedPlugin.Completion, Int) {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let plugin = try bench.load()
        let completion = try #require(
            await plugin.asynchronous.invoke?(1, Array("{\"how\":\"\(how)\"}".utf8), .ofATest(timeout))
        )
        let violations = bench.host.violations(of: "fixture")
        return (completion, violations)
    }

    @Test(arguments: ["inline", "thread"], Bench.Isolation.allCases)
    func `completes from wherever it likes`(how: String, isolation: Bench.Isolation) async throws {
        let (completion, violations) = try await invoke(how, in: isolation)

        #expect(completion.status == 0)
        #expect(try JSON(parsing: completion.payload)["echo"]?.stringValue == how)
        #expect(violations == 0)
    }

    @Test(arguments: Bench.Isolation.allCases)
    func `that completes twice is counted, and the first holds`(isolation: Bench.Isolation) async throws {
        let (completion, violations) = try await invoke("twice", in: isolation)

        #expect(try JSON(parsing: completion.payload)["echo"]?.stringValue == "inline")
        #expect(violations <= 2)
    }

    @Test(arguments: Bench.Isolation.allCases)
    func `that never completes is answered for`(isolation: Bench.Isolation) async throws {
        let status = try await invoke("never", in: isolation, timeout: .milliseconds(50)).0.status

        #expect(status == 20)
    }

    @Test(arguments: Bench.Isolation.allCases)
    func `that refuses to start is answered with its status`(isolation: Bench.Isolation) async throws {
        #expect(try await invoke("refuse", in: isolation).0.status == 14)
    }
}

struct `Our own plugin` {
    @Test func `exports one symbol and says who it is`() throws {
        let library = Bench.root + "/.build/debug/libSTKPush.so"
        let bytes = try Array(Data(contentsOf: URL(filePath: library)))
        let configuration = PluginConfiguration(
            id: "stk-push",
            source: library,
            sha256: nil,
            isEnabled: true,
            isolation: "in-process",
            grants: .init(),
            settings: [:]
        )
        let file = try PluginFile(
            path: library,
            configuration: configuration,
            policy: TrustPolicy(allowsUnsigned: true)
        )

        #expect(file.bytes == bytes)
        #expect(file.manifest.runtime == PluginFile.ownRuntime)
    }
}

/// A small generator with a seed, so that a failure can be run again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
