import Gateway

extension Settings {
    /// Variables of the commands that speak to a running gateway.
    static let commandVariables: Set<String> = ["GATEWAY_URL", "GATEWAY_API_KEY", "GATEWAY_MANAGEMENT_URL"]

    /// Reads the environment over the defaults.
    ///
    /// - Throws: `invalidArgument` naming the first variable that is wrong and what was expected.
    mutating func read(_ environment: [String: String]) throws(GatewayError) {
        if let wrong = reading(environment).first { throw GatewayError(.invalidArgument, wrong) }
    }

    /// The same, answering a sentence for each variable that is wrong; those keep their defaults.
    mutating func reading(_ environment: [String: String]) -> [String] {
        var wrong: [String] = []
        for setting in Settings.list {
            guard let text = environment[setting.variable], !text.isEmpty else { continue }
            var changed = self
            if setting.take(text, &changed) {
                self = changed
            } else {
                wrong.append("\(setting.variable): expected \(setting.expected).")
            }
        }
        return wrong
    }

    /// Variables that look like settings and are none.
    static func unknown(in environment: [String: String]) -> [String] {
        let known = Set(list.map(\.variable)).union(commandVariables)
        return environment.keys.filter { $0.hasPrefix("GATEWAY_") && !known.contains($0) }.sorted()
    }

    /// The list as docs/operating.md shows it.
    static var markdown: String {
        let rows = list.map { "| `\($0.variable)` | \($0.usual) | \($0.meaning) |" }
        return (["| variable | default | meaning |", "|---|---|---|"] + rows).joined(separator: "\n")
    }

    /// The list as `serve --help` shows it.
    static var help: String {
        list.map { "\($0.variable) (\($0.usual))\n  \($0.meaning)" }.joined(separator: "\n")
            .filter { $0 != "`" && $0 != "*" }
    }
}
