import Foundation
import Testing

/// The house's own rules, as tests: who may import whom, how large things may be, words that are not used.
struct `The house` {
    static let root = URL(filePath: #filePath).appending(path: "../../..").standardized

    /// The files below folders.
    ///
    /// A folder without such a file, and a file that cannot be read, are faults: a rule that looked at nothing has shown
    /// nothing.
    static func files(in folders: [String], ending: [String]) -> [HouseFile] {
        folders.flatMap { folder -> [HouseFile] in
            let base = root.appending(path: folder)
            let names = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
            let wanted = names.filter { name in ending.contains { name.hasSuffix($0) } }.sorted()
            if wanted.isEmpty { Issue.record("\(folder) has no file that ends in \(ending): nothing was looked at") }
            return wanted.compactMap { name in
                do {
                    return try HouseFile(folder + "/" + name, below: root)
                } catch {
                    Issue.record("\(folder)/\(name) cannot be read: \(error)")
                    return nil
                }
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
        "Sheets": ["Daraja", "OrderedJSON", "Threads"],
        "Gateway": ["OrderedJSON", "JSONSchema", "Cryptography", "Compression", "Sheets", "Addresses"],
        "GatewayTesting": ["Gateway", "OrderedJSON", "Cryptography", "JSONSchema"],
        "Organizations": ["Gateway", "OrderedJSON", "Cryptography", "Sheets", "Addresses"],
        "Webhooks": ["Gateway", "OrderedJSON", "Cryptography"],
        "PluginHost": ["Gateway", "OrderedJSON", "Cryptography", "Threads", "PluginAPI", "PluginLoader"],
        "PluginCheck": [
            "Gateway", "OrderedJSON", "JSONSchema", "Cryptography", "Threads", "PluginAPI", "PluginLoader",
            "PluginHost",
        ],
        "Store": ["Gateway", "OrderedJSON", "Cryptography", "Threads", "Addresses"],
        "Egress": ["Gateway", "OrderedJSON", "Cryptography", "Compression", "Threads", "Addresses"],
        "Sessions": ["Gateway", "Cryptography", "OrderedJSON", "Threads"],
        "Ingress": ["Gateway", "MCP", "HTTPServer", "OrderedJSON", "Cryptography", "Addresses"],
        "MCP": ["Gateway", "OrderedJSON", "Cryptography"],
        "Host": ["App"],
        "App": [
            "Gateway", "Addresses", "OrderedJSON", "Cryptography", "Store", "Egress", "PluginHost", "PluginCheck",
            "PluginTemplates", "Sessions", "MCP", "HTTPServer", "Ingress", "Organizations", "Simulator", "Threads",
            "Webhooks",
        ],
    ]

    /// Rooms in C, and the names of libraries: headers, not modules of ours to be kept apart here.
    static let inC: Set<String> = [
        "PluginAPI", "PluginLoader", "PluginWorker", "CCurl", "CExpat", "COpenSSL", "CPostgres", "CSQLite",
        "CXLSXWriter",
        "CZip", "CZlib",
    ]

    @Test(arguments: arrows.keys.sorted())
    func `keeps its arrows`(room: String) throws {
        let house = Set(Self.arrows.keys).union(["PluginAPI", "PluginLoader"])
        let allowed = try #require(Self.arrows[room])
        let files = Self.files(in: ["Sources/\(room)"], ending: [".swift"])

        #expect(HouseRules.imports(of: files, beyond: allowed, of: house) == [])
    }

    @Test func `lets a plugin import nothing of the host`() throws {
        let allowed: Set = ["PluginAPI", "PluginKit", "Daraja", "DarajaKit", "OrderedJSON"]
        let plugins = try FileManager.default.contentsOfDirectory(atPath: Self.root.appending(path: "Plugins").path)
        let house = Set(Self.arrows.keys).union(["PluginLoader"]).union(plugins)

        for plugin in plugins where !plugin.contains(".") {
            let files = Self.files(in: ["Plugins/\(plugin)"], ending: [".swift"])
            #expect(HouseRules.imports(of: files, beyond: allowed.union([plugin]), of: house) == [])
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
        let files = Self.files(in: ["Sources/Gateway"], ending: [".swift"])
        #expect(files.count > 150)

        let (faults, found) = HouseRules.upwards(in: files, floors: Self.floors, known: Self.upwards)

        #expect(faults == [])
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
        let files = Self.files(in: ["Sources", "Plugins", "Tests"], ending: [".swift"])

        #expect(files.reduce(0) { $0 + SwiftText($1.lines).functions.count } > 3_000)
        #expect(HouseRules.longFunctions(in: files, known: Self.longFunctions) == [])
    }

    /// Files that are longer, and how long they may be: the plugin of all cases.
    static let longFiles = ["fixture.c": 450]

    @Test func `keeps files small`() {
        let files = Self.files(in: ["Sources", "Plugins", "Tests"], ending: [".swift", ".c", ".h", ".py"])

        #expect(HouseRules.longFiles(in: files, known: Self.longFiles) == [])
        // An exception that nothing needs any more goes.
        for name in Self.longFiles.keys {
            #expect(files.contains { $0.name == name && $0.length > HouseRules.fileLinesMax }, "\(name) is short")
        }
    }

    @Test func `cannot be stopped by a shortcut`() {
        #expect(HouseRules.shortcuts(in: Self.files(in: ["Sources", "Plugins"], ending: [".swift"])) == [])
    }

    @Test func `lends no function out of a lock`() {
        #expect(HouseRules.lentFunctions(in: Self.files(in: ["Sources", "Plugins"], ending: [".swift"])) == [])
    }

    @Test func `no text has a run of spaces where its next line begins`() {
        #expect(HouseRules.gapsInTexts(in: Self.files(in: ["Sources", "Plugins"], ending: [".swift"])) == [])
    }

    // MARK: Documents

    @Test func `lists every decision`() throws {
        let all = Self.files(in: ["docs/adr"], ending: [".md"])
        #expect(all.count > 20)

        #expect(HouseRules.unlistedDecisions(in: all) == [])
    }

    @Test func `has the rooms in its drawing`() throws {
        let drawing = try #require(Self.files(in: ["docs"], ending: ["architecture.md"]).first)

        #expect(HouseRules.undrawn(Self.arrows.keys.sorted(), in: drawing) == [])
        #expect(HouseRules.wrongArrows(in: drawing, of: Self.arrows) == [])
        #expect(HouseRules.roomsThatAreNot(in: drawing, of: Set(Self.arrows.keys).union(Self.inC)) == [])
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

    /// An author of a plugin fetches and compiles no server for it.
    @Test func `gives plugins in Swift a package without a dependency`() throws {
        let kit = try HouseFile("Kit/Package.swift", below: Self.root)
        let examples = ["hello-swift", "notes", "till-request"].map { "Examples/\($0)/Package.swift" }

        #expect(!kit.lines.contains { $0.contains(".package(") })
        for path in examples {
            let packages = try HouseFile(path, below: Self.root).lines.filter { $0.contains(".package(") }
            #expect(packages.count == 1 && packages[0].contains("path: \"../../Kit\""), "\(path)")
        }
    }

    @Test func `ships documents that name what there is`() throws {
        let documents =
            try Self.files(in: ["docs"], ending: [".md"])
            + ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
            .map { try HouseFile($0, below: Self.root) }
        let folders = ["Sources", "Plugins", "Tests", "Scripts", "docs"]
        let paths = folders.flatMap { folder in
            (FileManager.default.enumerator(atPath: Self.root.appending(path: folder).path)?.allObjects ?? [])
                .compactMap { $0 as? String }.map { folder + "/" + $0 }
        }

        #expect(documents.count > 20 && paths.count > 500)
        #expect(HouseRules.deadLinks(in: documents, below: Self.root) == [])
        // What was changed once was true once.
        let current = documents.filter { $0.path != "CHANGELOG.md" }
        #expect(HouseRules.unknownFiles(in: current, among: Set(paths)) == [])
    }
}
