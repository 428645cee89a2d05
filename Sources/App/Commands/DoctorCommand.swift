import ArgumentParser
import Foundation

/// What would keep `serve` from serving, before it does.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look at the settings, files, database, plugins and machine; say what to do.",
        discussion: "Reads GATEWAY_* as serve does, and changes nothing. Ends with 1 where something would not serve."
    )

    @Flag(help: "Print the table of settings of docs/operating.md instead.") var settings = false

    func run() throws {
        if settings { return print(Settings.markdown) }
        let findings = Doctor.findings(ProcessInfo.processInfo.environment)
        for finding in findings { print(finding.line) }
        if findings.contains(where: { $0.level == .bad }) { throw ExitCode.failure }
    }
}
