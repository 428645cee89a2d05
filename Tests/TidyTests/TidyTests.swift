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
        "OrderedJSON": [], "Threads": [], "Cryptography": [], "Compression": [], "Addresses": [],
        "HTTPServer": ["Addresses"],
        "PluginTemplates": [], "JSONSchema": ["OrderedJSON"], "Daraja": ["OrderedJSON"],
        "PluginKit": ["PluginAPI", "OrderedJSON"], "PluginKitTesting": ["PluginKit", "OrderedJSON", "JSONSchema"],
        "DarajaKit": ["PluginKit", "Daraja", "OrderedJSON"], "Simulator": ["Daraja", "OrderedJSON", "Cryptography"],
        "Gateway": ["OrderedJSON", "JSONSchema", "Cryptography", "Compression", "Addresses"],
        "GatewayTesting": ["Gateway", "OrderedJSON", "Cryptography", "JSONSchema"],
        "Organizations": ["Gateway", "OrderedJSON", "Cryptography", "Addresses"],
        "PluginHost": ["Gateway", "OrderedJSON", "Cryptography", "Threads", "PluginAPI", "PluginLoader"],
        "PluginCheck": [
            "Gateway", "OrderedJSON", "JSONSchema", "Cryptography", "Threads", "PluginAPI", "PluginLoader",
            "PluginHost",
        ],
        "Store": ["Gateway", "OrderedJSON", "Cryptography", "Threads", "Addresses"],
        "Egress": ["Gateway", "OrderedJSON", "Cryptography", "Compression", "Threads", "Addresses"],
        "Sessions": ["Gateway", "Cryptography", "Threads"],
        "Ingress": ["Gateway", "MCP", "HTTPServer", "OrderedJSON", "Cryptography", "Addresses"],
        "MCP": ["Gateway", "OrderedJSON", "Cryptography"],
        "Host": ["App"],
        "App": [
            "Gateway", "Addresses", "OrderedJSON", "Cryptography", "Store", "Egress", "PluginHost", "PluginCheck",
            "PluginTemplates", "Sessions", "MCP", "HTTPServer", "Ingress", "Organizations", "Simulator", "Threads",
        ],
    ]

    /// Rooms in C, and the names of libraries: headers, not modules of ours to be kept apart here.
    static let inC: Set<String> = [
        "PluginAPI", "PluginLoader", "PluginWorker", "CCurl", "COpenSSL", "CPostgres", "CSQLite", "CZlib",
    ]

    @Test(arguments: arrows.keys.sorted())
    func `keeps its arrows`(room: String) throws {
        let house = Set(Self.arrows.keys).union(["PluginAPI", "PluginLoader"])
        let allowed = try #require(Self.arrows[room])
        let files = Self.files(in: ["Sources/\(room)"], ending: [".swift"])
        #expect(!files.isEmpty)
        for file in files {
            for module in SwiftText(file.lines).imports where house.contains(module) {
                #expect(allowed.contains(module), "\(file.path) imports \(module)")
            }
        }
    }

    @Test func `has no room without arrows, and no arrow without a room`() throws {
        let rooms = try FileManager.default.contentsOfDirectory(atPath: Self.root.appending(path: "Sources").path)
            .filter { !$0.hasPrefix(".") }

        #expect(Set(rooms).subtracting(Self.inC) == Set(Self.arrows.keys))
        let imports = SwiftText(["@testable import A", "package import B // import C", "import struct D.E"]).imports
        #expect(imports == ["A", "B", "D"])
    }

    // MARK: Floors

    /// Gateway's floors, from the lowest; each names types of its own and of lower ones.
    static let floors = [
        "Model", "Transactions", "Ports", "Tools", "Quotas", "Actions", "Operations", "Pipeline", "Services",
        "Administration", "HostActions", "Assembly",
    ]

    /// What a floor names of a higher one, and why.
    static let upwards: [String: [String: String]] = [
        "Model": ["RecordMachine": "an event is told of a step"],
        "Operations": [
            "Dispatch": "the work that a call is, and what comes of it",
            "ReserveIdempotent": "the words in which a key is refused",
            "ToolCall": "the call behind what is held, made again",
            "RequireApproval": "whether what is planned must wait", "HoldOrder": "why, and until when",
            "Authenticate": "whoever asked for what is held, as they stand now",
            "Authorize": "whether they may use its tool still",
        ],
    ]

    @Test func `keeps Gateway's floors`() {
        var declared: [String: Set<Int>] = [:]
        var named: [(floor: Int, path: String, types: Set<String>)] = []
        for file in Self.files(in: ["Sources/Gateway"], ending: [".swift"]) {
            let folder = String(file.path.split(separator: "/")[2])
            guard let floor = Self.floors.firstIndex(of: folder) else {
                Issue.record("\(file.path) stands on no floor")
                continue
            }
            let text = SwiftText(file.lines)
            for type in text.declaredTypes { declared[type, default: []].insert(floor) }
            named.append((floor, file.path, text.namedTypes))
        }
        #expect(declared.count > 150)
        var found: [String: Set<String>] = [:]
        for (floor, path, types) in named {
            for type in types {
                guard let homes = declared[type], homes.allSatisfy({ $0 > floor }) else { continue }
                found[Self.floors[floor], default: []].insert(type)
                let isKnown = Self.upwards[Self.floors[floor]]?[type] != nil
                #expect(isKnown, "\(path) names \(type), which is above it")
            }
        }
        // An exception that nothing needs any more goes.
        for (floor, types) in Self.upwards {
            for type in types.keys { #expect(found[floor]?.contains(type) == true, "\(floor) names no \(type)") }
        }
    }

    // MARK: Sizes

    /// Functions that put a whole together, and so are as long as that has parts.
    static let longFunctions: [String: Int] = [
        "Assembly.swift": 115, "Money.swift": 90, "App+build.swift": 100,
    ]

    @Test func `keeps functions short`() {
        var count = 0
        for file in Self.files(in: ["Sources", "Plugins", "Tests"], ending: [".swift"]) {
            let name = file.path.split(separator: "/").last.map(String.init) ?? ""
            for function in SwiftText(file.lines).functions {
                count += 1
                let most = Self.longFunctions[name] ?? 60
                #expect(function.lines <= most, "\(file.path):\(function.line) has \(function.lines) lines")
            }
        }
        #expect(count > 3_000)
        let sample = [
            "    func a(", "        b: Int", "    ) -> Int {", "        {", "        }", "        return 1", "    }",
        ]
        #expect(SwiftText(sample).functions.map(\.lines) == [3])
    }

    /// Files that are longer, and how long they may be: the plugin of all cases, and the tests of all services.
    static let longFiles = ["fixture.c": 450, "test_docs.py": 420, "test_services.py": 440]

    @Test func `keeps files small`() {
        let files = Self.files(in: ["Sources", "Plugins", "Tests"], ending: [".swift", ".c", ".h", ".py"])

        #expect(files.count > 100)
        for file in files {
            let name = file.path.split(separator: "/").last.map(String.init) ?? ""
            let most = Self.longFiles[name] ?? 400
            #expect(file.lines.count <= most + 1, "\(file.path) has \(file.lines.count) lines")
        }
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

    // MARK: Documents

    @Test func `lists every decision`() throws {
        let list = Self.files(in: ["docs/adr"], ending: ["README.md"]).flatMap(\.lines)
        let decisions = Self.files(in: ["docs/adr"], ending: [".md"]).filter { !$0.path.hasSuffix("README.md") }
        #expect(decisions.count > 20 && list.count { $0.hasPrefix("| [") } == decisions.count)
        for decision in decisions {
            let title = try #require(decision.lines.first?.firstMatch(of: /^# (\d+)\. (.*)$/))
            let name = decision.path.split(separator: "/").last.map(String.init) ?? ""
            let row = "| [\(title.output.1)](\(name)) | \(title.output.2) |"
            #expect(list.contains { $0.hasPrefix(row) }, "docs/adr/README.md lacks: \(row)")
        }
    }

    @Test func `has the rooms in its drawing`() throws {
        let drawing = Self.files(in: ["docs"], ending: ["architecture.md"]).flatMap(\.lines)
        for room in Self.arrows.keys {
            #expect(drawing.contains { $0.hasPrefix("  \(room)/ ") }, "docs/architecture.md does not draw \(room)")
        }
    }

    @Test func `builds the libraries that plugins.json loads`() throws {
        let text = try String(contentsOf: Self.root.appending(path: "Package.swift"), encoding: .utf8)
        let products = text.matches(of: /\.library\(name: "(\w+)", type: \.dynamic/).map { String($0.output.1) }
        let file = Self.root.appending(path: "plugins.json")
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
        let plugins = try #require(json?["plugins"] as? [[String: Any]])

        let sources = plugins.compactMap { $0["source"] as? String }
        #expect(sources.sorted() == products.map { "lib\($0).so" }.sorted() && !sources.isEmpty)
        let script = try String(contentsOf: Self.root.appending(path: "Scripts/products"), encoding: .utf8)
        for product in products {
            #expect(script.contains(" \(product)"), "Scripts/products does not build \(product)")
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
