import Foundation

/// One thing that `doctor` looked at.
struct Finding: Sendable, Equatable {
    /// How bad it is.
    enum Level: String, Sendable {
        /// As it should be.
        case good = "ok"
        /// It serves so, and may not for long.
        case warning = "warn"
        /// It does not serve so.
        case bad = "FAIL"
    }

    let level: Level
    /// What was looked at.
    let subject: String
    /// How it is.
    let sentence: String
    /// What to do; nil where there is nothing to do.
    var remedy: String?

    static func good(_ subject: String, _ sentence: String) -> Finding {
        Finding(level: .good, subject: subject, sentence: sentence)
    }

    static func warning(_ subject: String, _ sentence: String, do remedy: String) -> Finding {
        Finding(level: .warning, subject: subject, sentence: sentence, remedy: remedy)
    }

    static func bad(_ subject: String, _ sentence: String, do remedy: String) -> Finding {
        Finding(level: .bad, subject: subject, sentence: sentence, remedy: remedy)
    }

    /// As a command shows it.
    var line: String {
        let first = "\(level.rawValue.padding(toLength: 5, withPad: " ", startingAt: 0))\(subject): \(sentence)"
        return remedy.map { first + "\n     -> " + $0 } ?? first
    }
}
