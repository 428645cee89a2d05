import OrderedJSON

extension [PluginChecker.Finding] {
    /// Whether no rule was broken.
    package var isClean: Bool { allSatisfy { $0.problem == nil } }

    /// Prose for people.
    package func text(library: String, seed: UInt64) -> String {
        var lines = map { finding in
            let nothing = finding.nothing.map { " (\($0))" } ?? ""
            let notes = finding.notes.map { "\n       note: \($0)" }.joined()
            guard let problem = finding.problem else {
                return "ok   \(finding.probe): \(finding.claim)\(nothing)\(notes)"
            }
            guard finding.isTried else { return "--   \(finding.probe): \(problem)" }
            let place = finding.rule == PluginChecker.Finding.declaration ? "" : "rule "
            let rule = problem.hasPrefix("rule ") ? "" : "\(place)\(finding.rule): "
            return "FAIL \(finding.probe): \(finding.claim)\n       \(rule)\(problem)\(notes)"
        }
        let passed = filter { $0.problem == nil }.count
        let untried = filter { !$0.isTried }.count
        lines.append(
            "\(library): \(passed) of \(count) probes passed\(untried > 0 ? ", \(untried) not tried" : "") (seed \(seed))"
        )
        return lines.joined(separator: "\n")
    }

    /// For machines.
    package func json(library: String, seed: UInt64) -> JSON {
        let findings = map { finding -> JSON in
            var object: JSONObject = [
                "probe": .string(finding.probe), "rule": .string(finding.rule), "claim": .string(finding.claim),
                "passed": .bool(finding.problem == nil), "tried": .bool(finding.isTried),
                "seconds": .number(finding.seconds),
            ]
            object["nothing"] = finding.nothing.map { .string($0) }
            if !finding.notes.isEmpty { object["notes"] = .array(finding.notes.map { .string($0) }) }
            object["problem"] = finding.problem.map { .string($0) }
            return .object(object)
        }
        return [
            "library": .string(library), "seed": .string(String(seed)), "passed": .bool(isClean),
            "probes": .array(findings),
        ]
    }

    /// For build servers.
    package func junit(library: String) -> String {
        func escaped(_ text: String) -> String {
            text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
                .filter { $0.isASCII ? !($0.asciiValue ?? 0 < 0x20) : true }
        }
        let failed = filter { $0.problem != nil && $0.isTried }.count
        let skipped = filter { !$0.isTried }.count
        var lines = [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            "<testsuite name=\"\(escaped(library))\" tests=\"\(count)\" failures=\"\(failed)\" skipped=\"\(skipped)\">",
        ]
        for finding in self {
            let head =
                "  <testcase name=\"\(finding.probe)\" classname=\"rule \(finding.rule)\" time=\"\(finding.seconds)\""
            guard let problem = finding.problem else {
                lines.append(head + "/>")
                continue
            }
            lines.append(
                head + "><\(finding.isTried ? "failure" : "skipped") message=\"\(escaped(problem))\"/></testcase>"
            )
        }
        return (lines + ["</testsuite>", ""]).joined(separator: "\n")
    }
}
