import Gateway
import OrderedJSON
import Testing

@testable import Store

struct `What was installed` {
    let library = [UInt8]((0..<100_000).map { UInt8(truncatingIfNeeded: $0) })

    func plugin(_ digests: [String]) -> InstalledPlugin {
        InstalledPlugin(
            id: "fixture",
            declared: "d",
            lastGeneration: digests.count,
            note: "it's \"new\"",
            versions: digests.enumerated()
                .map { index, digest in
                    InstalledVersion(
                        generation: index + 1,
                        role: index == 0 ? .live : .candidate,
                        digest: digest,
                        entry: ["id": "fixture", "config": ["a": 1]],
                        share: index,
                        organizations: index == 0 ? [] : [ours, theirs],
                        promotedAt: index == 0 ? Timestamp(milliseconds: 1_790_000_000_123) : nil
                    )
                }
        )
    }

    @Test func `is read back as it was written, libraries too`() async throws {
        try await withStore { (store) async throws in
            try await store.save(plugin(["one", "two"]), binaries: ["one": library, "two": [1]])

            #expect(try await store.installedPlugins() == [plugin(["one", "two"])])
            #expect(try await store.pluginBinary("one") == library)
            #expect(try await store.pluginBinary("three") == nil)
            #expect(try await store.pluginBinaries() == ["one", "two"])
        }
    }

    @Test func `is forgotten with the last version that needs it`() async throws {
        try await withStore { (store) async throws in
            try await store.save(plugin(["one", "two"]), binaries: ["one": library, "two": [1]])
            try await store.save(plugin(["two"]), binaries: [:])
            #expect(try await store.pluginBinaries() == ["two"])

            try await store.removeInstalledPlugin("fixture")
            #expect(try await store.installedPlugins().isEmpty)
            #expect(try await store.pluginBinaries().isEmpty)
        }
    }

    @Test func `counts open records of every organization, by kind`() async throws {
        try await withStore { (store) async throws in
            for organization in [ours, theirs] {
                let records = (0..<2).map { _ in makeRecord(organization) }
                for record in records { _ = try await store.commit(NewRecord(record: record)) }
                _ = try await store.apply([advanced(records[0], to: .succeeded)])
            }

            #expect(try await store.openRecords(of: "stk-push") == ["stk_push": 2])
            #expect(try await store.openRecords(of: "b2c").isEmpty)
        }
    }
}
