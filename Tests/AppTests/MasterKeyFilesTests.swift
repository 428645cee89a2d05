import Foundation
import Gateway
import Testing

@testable import App

struct `The files of a master key` {
    private struct Ended: Error {}

    private func withFile(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/keys-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = folder + "/master.key"
        try String(repeating: "ab", count: 32).write(toFile: file, atomically: true, encoding: .utf8)
        try body(file)
    }

    private func rotate(_ files: MasterKeyFiles) throws {
        _ = try files.begin()
        try files.finish()
    }

    @Test func `keep the root that other keys are made of, through one change after another`() throws {
        try withFile { file in
            let files = MasterKeyFiles(file: file)
            let before = try files.read()
            #expect(before.root.reveal() == before.newest.reveal() && !before.isRotating)

            for _ in 0..<3 {
                let last = try files.read().newest.reveal()
                try rotate(files)
                let now = try files.read()
                #expect(now.root.reveal() == before.root.reveal())
                #expect(now.newest.reveal() != last && now.older.map { $0.reveal() } == [last] && !now.isRotating)
            }
        }
    }

    @Test(arguments: MasterKeyFiles.Step.allCases)
    func `are whole wherever the process ends, and the change is gone on with`(step: MasterKeyFiles.Step) throws {
        try withFile { file in
            // The second change, so that there is a sealed root already.
            try rotate(MasterKeyFiles(file: file))
            let before = try MasterKeyFiles(file: file).read()
            var dying = MasterKeyFiles(file: file)
            dying.reach = { reached in if reached == step { throw Ended() } }
            #expect(throws: Ended.self) { try rotate(dying) }

            let found = try MasterKeyFiles(file: file).read()

            #expect(found.root.reveal() == before.root.reveal())
            let known = ([found.newest] + found.older).map { $0.reveal() }
            #expect(known.contains(before.newest.reveal()))
            #expect(found.isRotating == (step != .nextWritten))
            try rotate(MasterKeyFiles(file: file))
            let after = try MasterKeyFiles(file: file).read()
            #expect(after.root.reveal() == before.root.reveal() && !after.isRotating)
            if found.isRotating { #expect(after.newest.reveal() == found.newest.reveal()) }
            #expect(after.newest.reveal() != before.newest.reveal())
        }
    }

    @Test func `are refused where the key that seals the root is not there`() throws {
        try withFile { file in
            let files = MasterKeyFiles(file: file)
            try rotate(files)
            try FileManager.default.removeItem(atPath: file + ".old")
            try String(repeating: "cd", count: 32).write(toFile: file, atomically: true, encoding: .utf8)

            let error = #expect(throws: GatewayError.self) { try files.read() }

            #expect(error?.code == .notConfigured)
        }
    }
}
