import Foundation
import PluginLoader
import Testing

@testable import PluginHost

struct `Workers that a host left behind` {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "ledger-\(UUID().uuidString)").path

    /// A process that is noted as a worker of this one; `host` is written in its place.
    private func note(in ledger: WorkerLedger, host: String? = nil, began: Int? = nil) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sleep")
        process.arguments = ["600"]
        // A test that fails must not keep whoever reads its output waiting.
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try Starting.start(process)
        ledger.note(process.processIdentifier)
        var words = try String(contentsOfFile: path(process), encoding: .utf8).split(separator: " ").map(String.init)
        if let host { words.replaceSubrange(2...3, with: host.split(separator: " ").map(String.init)) }
        if let began { words[5] = "\(began)" }
        try words.joined(separator: " ").write(toFile: path(process), atomically: false, encoding: .utf8)
        return process
    }

    private func path(_ process: Process) -> String { "\(folder)/workers/\(getpid())-\(process.processIdentifier)" }

    @Test func `are ended by the next host`() throws {
        let ledger = WorkerLedger(stateFolder: folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // The first process of the machine did not begin then: whoever had its number then has gone.
        let process = try note(in: ledger, host: "1 1999999999")

        #expect(ledger.endLeftovers() == 1)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL)
        #expect(!FileManager.default.fileExists(atPath: path(process)))
    }

    @Test func `are not those of a host that is there`() throws {
        let ledger = WorkerLedger(stateFolder: folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let process = try note(in: ledger)
        defer { kill(process.processIdentifier, SIGKILL) }

        #expect(ledger.endLeftovers() == 0)
        #expect(process.isRunning)
        ledger.forget(process.processIdentifier)
        #expect(!FileManager.default.fileExists(atPath: path(process)))
    }

    @Test func `are not whoever has their numbers now`() throws {
        let ledger = WorkerLedger(stateFolder: folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let process = try note(in: ledger, host: "1 1999999999", began: 7)
        defer { kill(process.processIdentifier, SIGKILL) }

        #expect(ledger.endLeftovers() == 0)
        #expect(process.isRunning)
    }

    @Test func `are not what a broken note names`() throws {
        let ledger = WorkerLedger(stateFolder: folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let process = try note(in: ledger)
        defer { kill(process.processIdentifier, SIGKILL) }
        let text = try String(contentsOfFile: path(process), encoding: .utf8)
        for broken in ["", "1 2 3", text.replacing("pid:[", with: "pid:[9"), text + " 1", "a b -1 0 -1 0"] {
            try broken.write(toFile: path(process), atomically: false, encoding: .utf8)
            #expect(ledger.endLeftovers() == 0)
        }

        #expect(process.isRunning)
    }
}
