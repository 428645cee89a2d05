import Foundation
import Gateway
import OrderedJSON
import Testing

@testable import PluginHost

struct `What plugin list notes` {
    @Test func `is of what serves, and of nothing that is over`() async throws {
        let bench = try Bench(.worker)
        defer { bench.remove() }
        let file = bench.folder + "/plugins.json"
        func follow(_ library: String?, enabled: Bool = true) async throws -> PluginStatus? {
            var object = bench.entry.objectValue ?? [:]
            object["source"] = .string(library ?? "")
            object["enabled"] = .bool(enabled)
            let list: [JSON] = library == nil ? [] : [.object(object)]
            try Data((["plugins": .array(list)] as JSON).bytes).write(to: URL(filePath: file))
            await bench.host.followFile()
            return bench.host.status(of: "fixture")
        }
        let first = try bench.compile(["-DFIXTURE_VERSION=\"1.0.0\""])
        let second = try bench.compile(["-DFIXTURE_VERSION=\"2.0.0\""])
        _ = try await follow(first)
        try await bench.host.start(pluginsFile: file, folder: bench.folder)
        #expect(bench.host.status(of: "fixture")?.note == nil)
        let declared = "version 2.0.0 was declared by plugins.json"
        #expect(try await follow(second)?.note?.hasPrefix(declared) == true)

        // While its entry is gone, that is said; once it is there again, no more.
        await bench.repository.setOpenRecords(["collect": 3])
        #expect(try await follow(nil)?.reason?.contains("3 open records") == true)
        let again = try #require(try await follow(second))
        #expect(again.reason == nil && again.note?.hasPrefix(declared) == true, "\(again)")

        await bench.repository.setOpenRecords([:])
        #expect(try await bench.host.rollBack("fixture").note?.hasPrefix("rolled back") == true)
        #expect(try await follow(second, enabled: false)?.note == nil)
        #expect(try await follow(first)?.note == nil)
    }
}
