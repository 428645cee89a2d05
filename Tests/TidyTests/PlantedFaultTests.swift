import Foundation
import Testing

/// Each rule of the house meets a fault that was planted for it, and nothing in what stands right beside it.
struct `A rule of the house` {
    private func swift(_ path: String, _ lines: String...) -> HouseFile {
        HouseFile(path, lines.joined(separator: "\n") + "\n")
    }

    @Test func `finds an import that is no arrow`() {
        let files = [
            swift("Sources/Store/A.swift", "import Foundation", "@testable import Egress", "package import Gateway"),
            swift("Sources/Store/B.swift", "// import MCP", "let text = \"import MCP\""),
        ]

        let found = HouseRules.imports(of: files, beyond: ["Gateway"], of: ["Gateway", "Egress", "MCP"])

        #expect(found == ["Sources/Store/A.swift imports Egress"])
    }

    @Test func `finds what names a floor above it, and a file on no floor`() {
        let files = [
            swift("Sources/Gateway/Model/A.swift", "struct Low {", "    let stage: Stage", "}"),
            swift("Sources/Gateway/Pipeline/B.swift", "struct Stage {", "    let low: Low", "}"),
            swift("Sources/Gateway/Cellar/C.swift", "struct Deep {}"),
        ]

        let (faults, found) = HouseRules.upwards(in: files, floors: ["Model", "Pipeline"], known: [:])
        let known = HouseRules.upwards(in: files, floors: ["Model", "Pipeline"], known: ["Model": ["Stage": "why"]])

        let homeless = "Sources/Gateway/Cellar/C.swift stands on no floor"
        #expect(faults == [homeless, "Sources/Gateway/Model/A.swift names Stage, which is above it"])
        #expect(found == ["Model": ["Stage"]])
        #expect(known.faults == [homeless])
    }

    @Test func `finds a function and a file that are one line too long`() {
        let body = { (lines: Int) in String(repeating: "    work()\n", count: lines) }
        let files = [
            HouseFile("Sources/A.swift", "func a() {\n\(body(60))}\n"),
            HouseFile("Sources/B.swift", "func b() {\n\(body(61))}\n"),
            HouseFile("Tests/c.py", String(repeating: "pass\n", count: 400)),
            HouseFile("Tests/d.py", String(repeating: "pass\n", count: 401)),
        ]

        #expect(HouseRules.longFunctions(in: files) == ["Sources/B.swift:1 has 61 lines"])
        #expect(HouseRules.longFiles(in: files) == ["Tests/d.py has 401 lines"])
        #expect(HouseRules.longFiles(in: files, known: ["d.py": 401]) == [])
    }

    @Test func `reads where a function begins and ends`() {
        let sample = [
            "    func a(", "        b: Int", "    ) -> Int {", "        {", "        }", "        return 1", "    }",
        ]

        #expect(SwiftText(sample).functions.map(\.lines) == [3])
    }

    @Test func `finds a line of a text that goes on with spaces`() {
        let edge = "    \"\"\""
        let files = [
            swift("Sources/A.swift", "let a = \"\"\"", "    one \\", "        two", "      three", edge),
            swift("Sources/B.swift", "let a = \"\"\"", "    one\\", "     two \\", "    three", "      four", edge),
        ]

        #expect(HouseRules.gapsInTexts(in: files) == ["Sources/A.swift:3 goes on with spaces"])
    }

    @Test func `finds a function that a lock lends out`() {
        let files = [
            swift("Sources/A.swift", "let a = Mutex<(@Sendable () -> Void)?>(nil)", "let b = Mutex<Caller?>(nil)"),
            swift("Sources/B.swift", "let c = Mutex<(a: () -> Void, b: Int)>(d)", "let e = Mutex<[() -> Void]>([])"),
        ]
        let expected = ["Sources/A.swift:1 lends a function out", "Sources/B.swift:1 lends a function out"]
        #expect(HouseRules.lentFunctions(in: files) == expected)
    }

    @Test(arguments: ["try!", "as!", "fatalError("])
    func `finds a shortcut`(shortcut: String) {
        let files = [swift("Plugins/A.swift", "let a = try b() as C", "let b = \(shortcut) c")]

        #expect(HouseRules.shortcuts(in: files) == ["Plugins/A.swift:2 uses \(shortcut)"])
    }

    @Test func `finds a decision that the list lacks, and a row of none`() {
        let decision = HouseFile("docs/adr/0001-a.md", "# 1. A thing\n")
        let list = { (row: String) in HouseFile("docs/adr/README.md", row + "\n") }

        let good = "| [1](0001-a.md) | A thing | why |"
        #expect(HouseRules.unlistedDecisions(in: [decision, list(good)]) == [])
        #expect(HouseRules.unlistedDecisions(in: [decision]) == ["| [1](0001-a.md) | A thing |"])
        let other = "| [2](0002-b.md) | Another | why |"
        #expect(HouseRules.unlistedDecisions(in: [decision, list(good + "\n" + other)]) == [other])
    }

    @Test func `finds a room that is not drawn, and a drawing of none`() {
        let drawing = HouseFile("docs/architecture.md", "Sources/\n  Store/ SQL\n  Attic/ dust\nPlugins/\n  B2C/ out\n")

        #expect(HouseRules.undrawn(["MCP", "Store"], in: drawing) == ["MCP"])
        #expect(HouseRules.roomsThatAreNot(in: drawing, of: ["MCP", "Store"]) == ["Attic"])
    }

    @Test func `finds an arrow that is drawn and not there`() {
        let drawing = HouseFile("docs/architecture.md", "  Store/ SQL  -> Gateway, libpq\n  MCP/ words  -> Store\n")

        let found = HouseRules.wrongArrows(in: drawing, of: ["Store": ["Gateway"], "MCP": ["Gateway"], "Gateway": []])

        #expect(found == ["MCP -> Store"])
    }

    @Test func `finds a file that is named and not there`() {
        let text = HouseFile("docs/a.md", "`Pipeline/Run.swift`, `Pipeline/Walk.swift`, `ipeline/Run.swift`, `a/b`\n")

        let found = HouseRules.unknownFiles(in: [text], among: ["Sources/Gateway/Pipeline/Run.swift"])

        #expect(found == ["docs/a.md names Pipeline/Walk.swift", "docs/a.md names ipeline/Run.swift"])
    }

    @Test func `finds a link to nowhere`() {
        let text = "[a](README.md#b), [c](https://example.com), [d](nowhere.md)\n"

        let found = HouseRules.deadLinks(in: [HouseFile("CONTRIBUTING.md", text)], below: `The house`.root)

        #expect(found == ["CONTRIBUTING.md links to nowhere.md"])
    }

    @Test func `fails where it would look at nothing`() {
        withKnownIssue { #expect(`The house`.files(in: ["Sources/Attic"], ending: [".swift"]).isEmpty) }
        withKnownIssue { #expect(`The house`.files(in: ["Sources/Gateway"], ending: [".cobol"]).isEmpty) }
    }
}
