import Foundation
import Gateway
import Synchronization
import Testing

@testable import App

struct `A file that an answer is saved as` {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/saved-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test func `is in its place once it is whole, in the place of what an ended run left beside it`() throws {
        try withFolder { folder in
            let path = folder + "/duka.tar"
            try "half of it".write(toFile: path + ".part", atomically: false, encoding: .utf8)

            let file = try SavedFile(path)
            try file.take(Array("whole".utf8))
            #expect(!FileManager.default.fileExists(atPath: path))
            try file.finish()

            #expect(try String(contentsOfFile: path, encoding: .utf8) == "whole")
            #expect(!FileManager.default.fileExists(atPath: path + ".part"))
        }
    }

    @Test func `tells whoever looks on how much has come`() throws {
        try withFolder { folder in
            let told = Mutex<[String]>([])
            let file = try SavedFile(folder + "/audit.jsonl") { words in told.withLock { $0.append(words) } }

            for _ in 0..<5 { try file.take([UInt8](repeating: 65, count: 512 << 10)) }
            try file.finish()

            #expect(told.withLock { $0 } == ["\r1 MB", "\r2 MB"])
        }
    }

    @Test func `follows no link that somebody has put beside it`() throws {
        try withFolder { folder in
            let (path, other) = (folder + "/duka.tar", folder + "/precious")
            try "precious".write(toFile: other, atomically: false, encoding: .utf8)
            try FileManager.default.createSymbolicLink(atPath: path + ".part", withDestinationPath: other)

            #expect(throws: GatewayError.self) { try SavedFile(path) }

            #expect(try String(contentsOfFile: other, encoding: .utf8) == "precious")
            // A second name of a file is taken away, and the file stays as it is.
            unlink(path + ".part")
            try FileManager.default.linkItem(atPath: other, toPath: path + ".part")
            let file = try SavedFile(path)
            try file.take(Array("whole".utf8))
            try file.finish()
            #expect(try String(contentsOfFile: other, encoding: .utf8) == "precious")
        }
    }

    @Test func `is not taken from another run that still writes it`() throws {
        try withFolder { folder in
            let path = folder + "/duka.tar"
            let first = try SavedFile(path)

            #expect(throws: GatewayError.self) { try SavedFile(path) }

            try first.take(Array("first".utf8))
            try first.finish()
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "first")
        }
    }
}
