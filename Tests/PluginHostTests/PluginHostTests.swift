import Cryptography
import Foundation
import Gateway
import Logging
import OrderedJSON
import Testing

@testable import PluginHost

/// Compiles the C fixture and loads it through a real host.
struct Bench {
    static let root = URL(filePath: #filePath).appending(path: "../../..").standardized.path
    let folder: String
    let registry = ToolRegistry()
    let host: PluginHost

    init(allowsUnsigned: Bool = true) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "plugins-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        host = PluginHost(
            settings: PluginHost.Settings(
                stateFolder: folder,
                version: "test",
                allowsUnsigned: allowsUnsigned,
                abilities: Catalogue.HostAbilities(features: [], transforms: ["stk_password"])
            ),
            registry: registry,
            entropy: Entropy(now: { Timestamp(milliseconds: 1) }, random: SecureRandom.word),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    func compile(_ flags: [String], name: String = "fixture") throws -> String {
        let output = folder + "/\(name)-\(UUID().uuidString).so"
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/cc")
        compiler.arguments =
            [
                "-std=gnu99", "-Wall", "-Werror", "-Wno-unused", "-D_GNU_SOURCE", "-shared", "-fPIC",
                "-fvisibility=hidden", "-I\(Self.root)/Sources/PluginAPI/include", "-o", output,
            ] + flags + [Self.root + "/Tests/Fixtures/Plugins/fixture.c"]
        try compiler.run()
        compiler.waitUntilExit()
        #expect(compiler.terminationStatus == 0)
        return output
    }

    func configuration(_ path: String, id: String = "fixture", sha256: String? = nil, granted: Bool = true)
        -> PluginConfiguration
    {
        PluginConfiguration(
            id: id,
            source: path,
            sha256: sha256,
            isEnabled: true,
            isolation: "in-process",
            grants: granted
                ? .init(upstreams: ["daraja": ["/collect"]], secrets: ["stk_password", "other"]) : .init(),
            settings: [:]
        )
    }

    @discardableResult
    func load(_ flags: [String] = [], granted: Bool = true) throws -> LoadedPlugin {
        try host.load(configuration(compile(flags), granted: granted), relativeTo: "/")
    }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }
}

struct `A plugin in plain C` {
    @Test func `is loaded, described and published`() throws {
        let bench = try Bench()
        defer { bench.remove() }
        let plugin = try bench.load()

        #expect(plugin.tools.map(\.name) == ["fixture_collect", "fixture_echo"])
        #expect(bench.registry.snapshot.tools["fixture_echo"]?.tool.route.template == "/tools/fixture_echo")
    }

    @Test func `prepares, interprets and renders`() async throws {
        let bench = try Bench()
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

    static let refusals: [([String], String)] = [
        (["-DFIXTURE_LEVEL=7"], "levels 7 to 7"), (["-DREFUSE"], "it is Monday"),
        (["-DTWO_EXPORTS"], "rule E1: it exports 2 symbols"), (["-DNO_MANIFEST"], "rule E2: it has no section"),
        (["-DMANIFEST_ID=\"other\""], "this is other"), (["-DNO_LIFECYCLE"], "rule E5: lifecycle/0"),
        (["-DNULL_FUNCTION"], "rule E5: a function of operation/0"), (["-DBAD_CATALOGUE"], "rule C1: : not JSON"),
        (["-DFIXTURE_SCHEMA=\"{\\\"type\\\":\\\"object\\\"}\""], "rule C1: /tools/0/input_schema"),
        (["-DFIXTURE_EXAMPLE=\"{\\\"fone\\\":1}\""], "rule C1: /tools/0/examples/0/arguments/fone"),
        (["-DFIXTURE_TOOL=\"fixture_echo\""], "rule C2: /tools/1/name"),
        (["-DFIXTURE_PATH=\"/admin/x\""], "rule C2: /tools/0/http/path"),
        (["-DFIXTURE_SECRET=\"other\""], "rule C3: /operations/0/secrets"),
        (["-DFIXTURE_FEATURES=\"[\\\"approval\\\"]\""], "rule C4"),
        (["-DREFUSE_SETTINGS"], "the setting colour is missing"), (["-DFAIL_SELFTEST"], "two and two are five"),
    ]

    @Test(arguments: refusals)
    func `is refused for every rule it breaks`(flags: [String], reason: String) throws {
        let bench = try Bench()
        defer { bench.remove() }

        let refusal = #expect(throws: PluginRefusal.self) { try bench.load(flags) }
        #expect(refusal?.description.contains(reason) ?? false, "\(refusal?.description ?? "")")
        #expect(bench.registry.snapshot.tools.isEmpty)
    }

    @Test func `is refused without its grants`() throws {
        let bench = try Bench()
        defer { bench.remove() }

        #expect(throws: PluginRefusal.notGranted("/collect of the upstream daraja")) {
            try bench.load(granted: false)
        }
    }

    @Test(arguments: [("-DBAD_PLAN", "expected an object"), ("-DHUGE_PLAN", "rule M5")])
    func `fails the call when its answer is no plan`(flag: String, reason: String) async throws {
        let bench = try Bench()
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
        let file = try PluginFile(path: path, configuration: bench.configuration(path), allowsUnsigned: true)
        try Data("swapped".utf8).write(to: URL(filePath: path))
        let copy = try file.privateCopy(in: bench.folder)

        #expect(try Array(Data(contentsOf: URL(filePath: copy))) == file.bytes)
        let mode = try FileManager.default.attributesOfItem(atPath: copy)[.posixPermissions] as? NSNumber
        #expect(mode?.intValue == 0o400)
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
            _ = try? PluginFile(path: path, configuration: bench.configuration(path), allowsUnsigned: true)
        }
        #expect(Bool(true), "seed \(seed)")
    }
}

struct `A function tool in C` {
    func invoke(_ how: String, timeout: Duration = .seconds(20)) async throws -> (LoadedPlugin.Completion, Int) {
        let bench = try Bench()
        defer { bench.remove() }
        let plugin = try bench.load()
        let principal = Principal(
            organization: OrganizationID(Identifier(high: 1, low: 1)),
            subject: .apiKey(APIKeyID(Identifier(high: 1, low: 1))),
            name: "k",
            role: .user,
            scopes: nil,
            environment: .test
        )
        let invocation = LoadedPlugin.Invocation(
            principal: principal,
            call: CallID(Identifier(high: 1, low: 1)),
            door: "rest",
            timeout: timeout,
            idempotencyKey: nil
        )
        let completion = try #require(await plugin.invoke?(1, Array("{\"how\":\"\(how)\"}".utf8), invocation))
        let violations = bench.host.violations(of: "fixture")
        return (completion, violations)
    }

    @Test(arguments: [("inline", "inline"), ("thread", "thread")])
    func `completes from wherever it likes`(how: String, echo: String) async throws {
        let (completion, violations) = try await invoke(how)

        #expect(completion.status == 0)
        #expect(try JSON(parsing: completion.payload)["echo"]?.stringValue == echo)
        #expect(violations == 0)
    }

    @Test func `that completes twice is counted, and the first holds`() async throws {
        let (completion, violations) = try await invoke("twice")

        #expect(try JSON(parsing: completion.payload)["echo"]?.stringValue == "inline")
        #expect(violations <= 2)
    }

    @Test func `that never completes is answered for`() async throws {
        #expect(try await invoke("never", timeout: .milliseconds(50)).0.status == 20)
    }

    @Test func `that refuses to start is answered with its status`() async throws {
        #expect(try await invoke("refuse").0.status == 14)
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
        let file = try PluginFile(path: library, configuration: configuration, allowsUnsigned: true)

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
