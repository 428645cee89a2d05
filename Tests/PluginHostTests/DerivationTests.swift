import Foundation
import Testing

@testable import Gateway
@testable import PluginHost

struct `What a plugin says of its own tools` {
    /// Flags of the fixture, and the place where what they say is contradicted.
    static let contradictions: [(flag: String, place: String)] = [
        ("-DFIXTURE_MONEY=\"false\"", "/tools/0/annotations/money_moving"),
        ("-DFIXTURE_READ_ONLY=\"true\"", "/tools/0/annotations/read_only"),
        ("-DFIXTURE_RATE=\"{\\\"bucket\\\":\\\"read\\\"}\"", "/tools/0/rate/bucket"),
        ("-DFIXTURE_METHOD=\"GET\"", "/tools/0/http/method"),
        ("-DFIXTURE_ECHO_MONEY=\"true\"", "/tools/1/annotations/money_moving"),
    ]

    @Test(arguments: contradictions)
    func `is refused where the host derives something else`(flag: String, place: String) async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let told = await #expect(throws: GatewayError.self) { try await bench.install("1.0.0", [flag]) }

        #expect(told?.message.contains("rule C6: \(place): expected") ?? false, "\(told?.message ?? "")")
        // Not even the copy stays by which it would pass for known the next time.
        #expect(throws: PluginRefusal.self) { try bench.load(["-DFIXTURE_VERSION=\"1.0.0\"", flag]) }
        #expect(throws: PluginRefusal.self) { try bench.load(["-DFIXTURE_VERSION=\"1.0.0\"", flag]) }
        #expect(bench.version() == nil)
    }

    @Test func `does not keep a version from starting that was installed before, with what is derived`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let flags = [
            "-DFIXTURE_VERSION=\"1.0.0\"", "-DFIXTURE_MONEY=\"false\"", "-DFIXTURE_READ_ONLY=\"true\"",
            "-DFIXTURE_RATE=\"{\\\"bucket\\\":\\\"read\\\"}\"",
        ]
        let bytes = try Array(Data(contentsOf: URL(filePath: bench.compile(flags))))
        try await bench.repository.keep(bytes, as: "fixture", entry: bench.entry)
        try await bench.start()

        let tool = try #require(bench.registry.snapshot.tool("fixture_collect"))
        #expect(tool.annotations.movesMoney && !tool.annotations.readOnly && !tool.annotations.idempotent)
        #expect(tool.bucket == "money")
        let warnings = bench.host.status(of: "fixture")?.live?.warnings
        #expect(warnings?.count == 3)
        #expect(warnings?.first?.hasPrefix("rule C6: /tools/0/annotations/money_moving: expected true") ?? false)
        // It may be started again, but nobody may install it anew.
        var request = InstallRequest()
        request.entry = bench.entry
        await #expect(throws: GatewayError.self) { try await bench.host.install(bytes, request) }
    }

    @Test func `does not stop a host that has run it from plugins json before`() throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let path = try bench.compile(["-DFIXTURE_MONEY=\"false\""])
        let file = try PluginFile(
            path: path,
            configuration: bench.configuration(path),
            policy: TrustPolicy(allowsUnsigned: true)
        )
        _ = try file.privateCopy(in: bench.folder)

        let plugin = try bench.host.load(bench.configuration(path), relativeTo: "/")
        #expect(plugin.tools.first?.annotations.movesMoney == true)
        #expect(bench.host.status(of: "fixture")?.live?.warnings.count == 1)
    }

    @Test func `is nothing to the host where it knows better`() {
        func told(_ nature: ToolNature) -> ToolDescriptor.Annotations {
            nature.annotations(
                from: ToolDescriptor.Annotations(
                    readOnly: false,
                    destructive: true,
                    idempotent: true,
                    openWorld: false,
                    movesMoney: nature == .movesMoney
                )
            )
        }

        #expect(told(.looksUp).readOnly && !told(.looksUp).destructive && told(.looksUp).openWorld)
        #expect(told(.asks).openWorld && !told(.asks).readOnly)
        #expect(!told(.movesMoney).idempotent && told(.movesMoney).openWorld)
        #expect(!told(.runs).openWorld && told(.runs).idempotent)
        #expect(ToolNature.runs.bucket(stated: nil, statedMoney: true) == "money")
        #expect(ToolNature.asks.bucket(stated: nil, statedMoney: false) == "read")
    }
}
