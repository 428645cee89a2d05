import Cryptography
import Foundation
import Gateway
import OrderedJSON
import Testing

@testable import PluginHost

/// A plugins.json and its library, for one host after another.
private struct Declared {
    let bench: Bench
    let library: String
    var file: String { bench.folder + "/plugins.json" }

    init() throws {
        bench = try Bench(.worker)
        library = try bench.compile(["-DFIXTURE_VERSION=\"1.0.0\""])
    }

    /// Writes plugins.json with one entry, changed as wanted.
    func declare(_ changes: [String: JSON] = [:], beside others: [JSON] = []) throws {
        var object = bench.entry.objectValue ?? [:]
        object["source"] = .string(library)
        for (name, value) in changes { object[name] = value }
        try write(String(decoding: (["plugins": .array([.object(object)] + others)] as JSON).bytes, as: UTF8.self))
    }

    func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: file)) }

    /// A host on the same store that has started, or failed to.
    func next(keys: [VerifyingKey] = []) async throws -> Bench {
        let next = try Bench(.worker, keys: keys, repository: bench.repository)
        try await next.host.start(pluginsFile: file, folder: next.folder)
        return next
    }

    /// Why a host on the same store does not start.
    func refusal(keys: [VerifyingKey] = []) async -> String {
        do {
            _ = try await next(keys: keys)
            return "it started"
        } catch { return (error as? GatewayError)?.message ?? "\(error)" }
    }
}

struct `A plugins json that cannot be used` {
    /// How it is spoiled, and what health calls that.
    enum Spoiling: String, CaseIterable {
        case syntax, unknownKey, otherList, gone, sourceGone

        var part: String { self == .sourceGone ? "plugin fixture" : "plugins_file" }
    }

    private func spoil(_ declared: Declared, _ how: Spoiling) throws {
        switch how {
        case .syntax: try declared.write("{ \"plugins\": [ }")
        case .unknownKey: try declared.write("{ \"plugins\": [], \"plugin\": [] }")
        case .otherList: try declared.write("{ \"plugns\": [] }")
        case .gone: try FileManager.default.removeItem(atPath: declared.file)
        case .sourceGone: try FileManager.default.moveItem(atPath: declared.library, toPath: declared.library + "-away")
        }
    }

    private func mend(_ declared: Declared, _ how: Spoiling) throws {
        if how == .sourceGone {
            try FileManager.default.moveItem(atPath: declared.library + "-away", toPath: declared.library)
        } else {
            try declared.declare()
        }
    }

    @Test(arguments: Spoiling.allCases)
    func `stops neither a running host nor the next one, and both say so`(how: Spoiling) async throws {
        let declared = try Declared()
        defer { declared.bench.remove() }
        try declared.declare()
        let first = try await declared.next()
        defer { first.remove() }
        #expect(first.version() == "1.0.0")
        #expect(first.wellBeing.reasons == [])
        try spoil(declared, how)
        await first.host.followFile()
        #expect(first.version() == "1.0.0")
        #expect(first.wellBeing.reasons.map(\.name) == [how.part])

        let next = try await declared.next()
        defer { next.remove() }
        for _ in 0..<2 {
            #expect(next.version() == "1.0.0")
            #expect(next.wellBeing.reasons.map(\.name) == [how.part])
            #expect(next.wellBeing.isReady)
            #expect(next.host.problems.count == 1)
            await next.host.followFile()
        }
        #expect(await next.audit.lines.contains { $0.outcome == .failed })

        try mend(declared, how)
        for host in [first, next] {
            await host.host.followFile()
            #expect(host.version() == "1.0.0")
        }
        #expect(first.wellBeing.reasons == [])
        #expect(next.wellBeing.reasons == [])
        #expect(next.host.status(of: "fixture")?.generations.count == 1)
    }

    @Test(arguments: Spoiling.allCases)
    func `ends a first start with a sentence, and leaves nothing that a second could start from`(
        how: Spoiling
    ) async throws {
        let declared = try Declared()
        defer { declared.bench.remove() }
        try declared.declare()
        try spoil(declared, how)

        for _ in 0..<2 {
            let told = await declared.refusal()
            #expect(told.contains("read") || told.contains("plugins.json: "), "\(told)")
        }
        #expect(try await declared.bench.repository.installedPlugins() == [])
    }

    @Test func `does not take a good neighbour with it, nor keep one from a first start that failed`() async throws {
        let declared = try Declared()
        defer { declared.bench.remove() }
        var other = declared.bench.entry.objectValue ?? [:]
        (other["id"], other["source"]) = ("other", "/nowhere/other.so")
        try declared.declare(beside: [.object(other)])
        #expect(await declared.refusal().contains("/nowhere/other.so"))
        #expect(try await declared.bench.repository.installedPlugins() == [])

        try declared.declare()
        let first = try await declared.next()
        first.remove()
        try declared.declare(beside: [.object(other)])
        let next = try await declared.next()
        defer { next.remove() }
        #expect(next.version() == "1.0.0")
        #expect(next.wellBeing.reasons.map(\.name) == ["plugin other"])
        #expect(next.host.status(of: "other")?.state == "refused")
    }
}

struct `What was good before` {
    @Test func `is verified again, against its hash and today's keys`() async throws {
        let declared = try Declared()
        defer { declared.bench.remove() }
        try declared.declare()
        let first = try await declared.next()
        defer { first.remove() }
        let digest = try #require(first.host.status(of: "fixture")?.live?.digest)
        try declared.write("rubbish")
        let key = try #require(SigningKey())
        let keys = try #require(VerifyingKey.all(pem: key.publicPEM))
        #expect(await declared.refusal(keys: keys).contains("plugins.json: "))
        let stranger = try Bench(.worker, keys: keys, repository: declared.bench.repository)
        defer { stranger.remove() }
        try? await stranger.host.start(pluginsFile: declared.file, folder: stranger.folder)
        #expect(stranger.host.status(of: "fixture")?.reason?.contains("rule S1") ?? false)
        #expect(stranger.version() == nil)

        await declared.bench.repository.alter(digest)
        #expect(await declared.refusal().contains("plugins.json: "))
    }

    @Test(arguments: [
        ("grants", ["upstreams": ["daraja": []]] as JSON, "rule C3"),
        ("sha256", .string(String(repeating: "0", count: 64)), "nothing else"),
    ])
    func `serves only under what plugins json says today`(change: (name: String, value: JSON, told: String))
        async throws
    {
        let declared = try Declared()
        defer { declared.bench.remove() }
        try declared.declare()
        let first = try await declared.next()
        first.remove()
        try declared.declare([change.name: change.value, "source": "/nowhere/at-all.so"])
        let next = try Bench(.worker, repository: declared.bench.repository)
        defer { next.remove() }
        await #expect(throws: GatewayError.self) {
            try await next.host.start(pluginsFile: declared.file, folder: next.folder)
        }
        #expect(next.version() == nil)

        // With what it said before, it is good again.
        try declared.declare(["source": "/nowhere/at-all.so"])
        let last = try await declared.next()
        defer { last.remove() }
        #expect(last.version() == "1.0.0")
    }

    @Test func `stays a version to return to when plugins json declares another at the start`() async throws {
        let declared = try Declared()
        defer { declared.bench.remove() }
        try declared.declare()
        let first = try await declared.next()
        first.remove()
        try declared.declare(["source": .string(try declared.bench.compile(["-DFIXTURE_VERSION=\"1.1.0\""]))])
        let next = try await declared.next()
        defer { next.remove() }
        #expect(next.version() == "1.1.0")

        #expect(try await next.host.rollBack("fixture").live?.version == "1.0.0")
    }

    @Test func `is not what was disabled, nor what has left plugins json, unless records of it are open`() async throws
    {
        let declared = try Declared()
        defer { declared.bench.remove() }
        func start(_ change: () throws -> Void) async throws -> String? {
            try change()
            let host = try await declared.next()
            defer { host.remove() }
            return host.version()
        }
        #expect(try await start { try declared.declare() } == "1.0.0")
        #expect(try await start { try declared.declare(["enabled": false]) } == nil)
        #expect(await declared.bench.repository.kept == [])
        #expect(try await start { try declared.declare() } == "1.0.0")
        await declared.bench.repository.setOpenRecords(["collect": 1])
        #expect(try await start { try declared.write("{\"plugins\":[]}") } == "1.0.0")
        await declared.bench.repository.setOpenRecords([:])
        #expect(try await start { try declared.write("{\"plugins\":[]}") } == nil)
        #expect(await declared.bench.repository.kept == [])
    }
}
