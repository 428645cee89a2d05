import Foundation
import Testing

/// The house's own rules, as tests: who may import whom, how large things may be, words that are not used.
struct `The house` {
    static let root = URL(filePath: #filePath).appending(path: "../../..").standardized

    static func files(in folders: [String], ending: [String]) -> [(path: String, lines: [String])] {
        folders.flatMap { folder -> [(String, [String])] in
            let base = root.appending(path: folder)
            let names = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
            return names.filter { name in ending.contains { name.hasSuffix($0) } }.sorted()
                .compactMap { name in
                    guard let text = try? String(contentsOf: base.appending(path: name), encoding: .utf8) else {
                        return nil
                    }
                    return (folder + "/" + name, text.components(separatedBy: "\n"))
                }
        }
    }

    /// What each room may import of the house.
    ///
    /// Everything else in the house is out of its reach.
    static let arrows: [String: Set<String>] = [
        "OrderedJSON": [], "Threads": [], "Cryptography": [], "Compression": [], "JSONSchema": ["OrderedJSON"],
        "Daraja": ["OrderedJSON"],
        "PluginKit": ["PluginAPI", "OrderedJSON"], "PluginKitTesting": ["PluginKit", "OrderedJSON", "JSONSchema"],
        "DarajaKit": ["PluginKit", "Daraja", "OrderedJSON"], "Simulator": ["Daraja", "OrderedJSON", "Cryptography"],
        "Gateway": ["OrderedJSON", "JSONSchema", "Cryptography", "Compression"],
        "GatewayTesting": ["Gateway", "OrderedJSON"],
        "Organizations": ["Gateway", "OrderedJSON", "Cryptography"],
        "PluginHost": ["Gateway", "OrderedJSON", "Cryptography", "Threads", "PluginAPI", "PluginLoader"],
        "Store": ["Gateway", "OrderedJSON", "Cryptography", "Threads"],
        "Egress": ["Gateway", "OrderedJSON", "Cryptography", "Compression", "Threads"],
        "Sessions": ["Gateway", "Cryptography", "Threads"],
        "HTTPServer": [],
        "Ingress": ["Gateway", "MCP", "HTTPServer", "OrderedJSON", "Cryptography"],
        "MCP": ["Gateway", "OrderedJSON", "Cryptography"],
        "Host": ["App"],
        "App": [
            "Gateway", "OrderedJSON", "Cryptography", "Store", "Egress", "PluginHost", "Sessions", "MCP", "HTTPServer",
            "Ingress", "Organizations", "Simulator", "Threads",
        ],
    ]

    @Test(arguments: arrows.keys.sorted())
    func `keeps its arrows`(room: String) throws {
        let house = Set(Self.arrows.keys).union(["PluginAPI", "PluginLoader"])
        let allowed = try #require(Self.arrows[room])
        for file in Self.files(in: ["Sources/\(room)"], ending: [".swift"]) {
            for line in file.lines where line.contains("import ") && !line.hasPrefix("//") {
                let module = line.split(separator: " ").last.map(String.init) ?? ""
                guard line.hasPrefix("import ") || line.hasPrefix("package import "), house.contains(module) else {
                    continue
                }
                #expect(allowed.contains(module), "\(file.path) imports \(module)")
            }
        }
    }

    @Test func `keeps files small`() {
        let files = Self.files(in: ["Sources", "Plugins", "Tests"], ending: [".swift", ".c", ".h", ".py"])

        #expect(files.count > 100)
        for file in files { #expect(file.lines.count <= 460, "\(file.path) has \(file.lines.count) lines") }
    }

    @Test func `cannot be stopped by a shortcut`() {
        let shortcuts = ["try!", "as!", "fatalError("]
        for file in Self.files(in: ["Sources", "Plugins"], ending: [".swift"]) {
            for (number, line) in file.lines.enumerated() {
                for shortcut in shortcuts where line.contains(shortcut) {
                    Issue.record("\(file.path):\(number + 1) uses \(shortcut)")
                }
            }
        }
    }

    @Test func `ships documents whose links resolve`() throws {
        for file in Self.files(in: ["docs"], ending: [".md"]) + Self.readme {
            let folder = Self.root.appending(path: file.path).deletingLastPathComponent()
            for line in file.lines {
                for link in line.matches(of: /\]\(([^)#:]+)(#[^)]*)?\)/) {
                    let target = folder.appending(path: String(link.output.1)).standardized.path
                    #expect(FileManager.default.fileExists(atPath: target), "\(file.path) links to \(link.output.1)")
                }
            }
        }
    }

    static var readme: [(path: String, lines: [String])] {
        let text = (try? String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)) ?? ""
        return [("README.md", text.components(separatedBy: "\n"))]
    }
}
