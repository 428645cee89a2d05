import Cryptography
import Foundation
import Testing

@testable import App

struct `The doctor` {
    /// A folder in which all is well, and the variables that lead to it.
    private static func with(_ body: (String, [String: String]) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/doctor-" + UUID().uuidString
        let files = FileManager.default
        try files.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        defer { try? files.removeItem(atPath: folder) }
        let library = Array("a library".utf8)
        try Data(library).write(to: URL(filePath: folder + "/libA.so"))
        let plugins = """
            {"plugins": [{"id": "a", "source": "libA.so", "sha256": "\(SHA256.digest(library).hexadecimal)"}]}
            """
        try Data(plugins.utf8).write(to: URL(filePath: folder + "/plugins.json"))
        try Data(String(repeating: "a1", count: 32).utf8).write(to: URL(filePath: folder + "/master.key"))
        chmod(folder + "/master.key", 0o600)
        try body(
            folder,
            [
                "GATEWAY_DATA_FOLDER": folder, "GATEWAY_PLUGINS": folder + "/plugins.json",
                "GATEWAY_PLUGIN_FOLDER": folder,
            ]
        )
    }

    private static func bad(_ environment: [String: String]) -> [String] {
        Doctor.findings(environment).filter { $0.level == .bad && $0.subject != "disk" }.map(\.subject)
    }

    @Test func `finds nothing wrong where nothing is`() throws {
        try Self.with { folder, environment in
            #expect(Self.bad(environment) == [])
            let subjects = Doctor.findings(environment).map(\.subject)
            for subject in [
                "settings", "data folder", "master key", "open files", "database", "plugin a", "clock", "disk",
            ] {
                #expect(subjects.contains(subject))
            }
            // Looking makes nothing.
            let left = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(left.count == 3)
        }
    }

    @Test func `names a wrong setting, an open key, a changed library and a file that is no database`() throws {
        try Self.with { folder, environment in
            var environment = environment
            environment["GATEWAY_HTTP_PORT"] = "x"
            #expect(Self.bad(environment) == ["settings"])
            environment["GATEWAY_HTTP_PORT"] = nil

            chmod(folder + "/master.key", 0o644)
            #expect(Self.bad(environment) == ["master key"])
            chmod(folder + "/master.key", 0o600)

            try Data("another".utf8).write(to: URL(filePath: folder + "/libA.so"))
            #expect(Self.bad(environment) == ["plugin a"])
            try Data("a library".utf8).write(to: URL(filePath: folder + "/libA.so"))

            try Data("no database, but long enough".utf8).write(to: URL(filePath: folder + "/gateway.db"))
            #expect(Self.bad(environment) == ["database"])
            environment["GATEWAY_DATABASE_URL"] = "mysql://x"
            #expect(Self.bad(environment) == ["database"])
        }
    }

    @Test func `says of each thing that is wrong what to do`() throws {
        let environment = ["GATEWAY_DATA_FOLDER": "/nowhere/at/all", "GATEWAY_PLUGINS": "/nowhere/plugins.json"]

        let findings = Doctor.findings(environment)

        #expect(findings.filter { $0.level == .bad }.map(\.subject).contains("plugins"))
        for finding in findings where finding.level != .good {
            #expect(finding.remedy?.isEmpty == false && finding.line.contains("\n     -> "))
        }
    }

    @Test func `tells little room from none, and a clock that stands before what was written`() {
        let now = Date(timeIntervalSince1970: 1_800_000_000)

        #expect(Doctor.disk(free: 2 << 30).level == .good)
        #expect(Doctor.disk(free: 500 << 20).level == .warning)
        #expect(Doctor.disk(free: 50 << 20).level == .bad)
        #expect(Doctor.clock(isSynchronized: true, now: now, newest: now + 30).level == .good)
        #expect(Doctor.clock(isSynchronized: false, now: now, newest: nil).level == .warning)
        #expect(Doctor.clock(isSynchronized: true, now: now, newest: now + 3600).level == .bad)
    }
}
