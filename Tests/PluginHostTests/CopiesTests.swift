import Foundation
import Gateway
import OrderedJSON
import Testing

@testable import PluginHost

struct `Private copies of libraries` {
    private let bench: Bench
    private let file: String
    private let stale: String

    init() throws {
        bench = try Bench(.worker)
        let library = try bench.compile(["-DFIXTURE_VERSION=\"1.0.0\""])
        var entry = bench.entry.objectValue ?? [:]
        entry["source"] = .string(library)
        file = bench.folder + "/plugins.json"
        try Data("{\"plugins\":[\(String(decoding: JSON.object(entry).bytes, as: UTF8.self))]}".utf8)
            .write(to: URL(filePath: file))
        stale = bench.folder + "/plugins/" + String(repeating: "0a", count: 32)
        try FileManager.default.createDirectory(atPath: stale, withIntermediateDirectories: true)
        try Data("old".utf8).write(to: URL(filePath: stale + "/fixture.so"))
    }

    private func isThere(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    private func copy(_ bench: Bench) throws -> String {
        let digest = try #require(bench.host.status(of: "fixture")?.generations.first?.digest)
        return PluginFile.copyPath(in: self.bench.folder, digest: digest, id: "fixture")
    }

    @Test func `that no version needs are taken away at the start, and what serves stays`() async throws {
        try await bench.host.start(pluginsFile: file, folder: bench.folder)
        let copy = try copy(bench)
        try Data().write(to: URL(filePath: copy + ".1.new"))

        #expect(!isThere(stale) && isThere(copy))
        #expect(
            bench.host.opener.copies.removeAll(but: [URL(filePath: copy).deletingLastPathComponent().lastPathComponent])
                == 0
        )
        #expect(isThere(copy) && !isThere(copy + ".1.new"))
    }

    @Test func `stay while another host lives on the folder, and go when it has gone`() async throws {
        var other: PluginCopies? = PluginCopies(stateFolder: bench.folder)
        try await bench.host.start(pluginsFile: file, folder: bench.folder)
        #expect(other != nil && isThere(stale))

        other = nil
        #expect(bench.host.opener.copies.removeAll(but: []) == 2)
        #expect(!isThere(stale))
    }

    @Test func `go also where the host that left them was killed`() async throws {
        // A mark that nobody holds: its host was killed.
        let mark = bench.folder + "/plugin-hosts/gone"
        try Data().write(to: URL(filePath: mark))

        try await bench.host.start(pluginsFile: file, folder: bench.folder)

        #expect(!isThere(mark) && !isThere(stale))
    }

    @Test func `of a plugin that is disabled stay`() async throws {
        try await bench.host.start(pluginsFile: file, folder: bench.folder)
        let copy = try copy(bench)
        let text = try String(contentsOfFile: file, encoding: .utf8)
        try text.replacing("{\"plugins\":[{", with: "{\"plugins\":[{\"enabled\":false,")
            .write(toFile: file, atomically: true, encoding: .utf8)
        try await bench.repository.removeInstalledPlugin(
            "fixture",
            telling: PluginNews(.withdrawn, of: "fixture", by: "host", at: Timestamp(milliseconds: 1))
        )
        let declared = try PluginConfiguration.list(parsing: Array(try Data(contentsOf: URL(filePath: file))))
        await bench.host.forgetCopies(besides: declared, in: bench.folder)

        #expect(isThere(copy))
    }
}
