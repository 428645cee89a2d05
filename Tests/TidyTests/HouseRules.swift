import Foundation

/// A file as the house's rules look at it.
struct HouseFile {
    let path: String
    let lines: [String]

    /// A file that is planted.
    init(_ path: String, _ text: String) {
        self.path = path
        lines = text.components(separatedBy: "\n")
    }

    init(_ path: String, below root: URL) throws {
        self.init(path, try String(contentsOf: root.appending(path: path), encoding: .utf8))
    }

    var name: String { path.split(separator: "/").last.map(String.init) ?? "" }
    /// Lines, without the empty text after the last line's end.
    var length: Int { lines.last == "" ? lines.count - 1 : lines.count }
}

/// The house's rules, each as what it finds in files: nothing, where they keep it.
enum HouseRules {
    static let fileLinesMax = 400
    static let functionLinesMax = 60

    /// What of the house is imported and may not be.
    static func imports(of files: [HouseFile], beyond allowed: Set<String>, of house: Set<String>) -> [String] {
        files.flatMap { file in
            SwiftText(file.lines).imports.filter { house.contains($0) && !allowed.contains($0) }
                .map { "\(file.path) imports \($0)" }
        }
    }

    /// What names a type of a higher floor, and every such type that was met, by floor; known ones are no faults.
    static func upwards(
        in files: [HouseFile],
        floors: [String],
        known: [String: [String: String]]
    ) -> (faults: [String], found: [String: Set<String>]) {
        var faults: [String] = []
        var found: [String: Set<String>] = [:]
        var declared: [String: Set<Int>] = [:]
        var named: [(floor: Int, path: String, types: Set<String>)] = []
        for file in files {
            let folder = file.path.split(separator: "/").dropFirst(2).first.map(String.init) ?? ""
            guard let floor = floors.firstIndex(of: folder) else {
                faults.append("\(file.path) stands on no floor")
                continue
            }
            let text = SwiftText(file.lines)
            for type in text.declaredTypes { declared[type, default: []].insert(floor) }
            named.append((floor, file.path, text.namedTypes))
        }
        for (floor, path, types) in named {
            for type in types.sorted() {
                guard let homes = declared[type], homes.allSatisfy({ $0 > floor }) else { continue }
                found[floors[floor], default: []].insert(type)
                if known[floors[floor]]?[type] == nil { faults.append("\(path) names \(type), which is above it") }
            }
        }
        return (faults, found)
    }

    static func longFunctions(in files: [HouseFile], known: [String: Int] = [:]) -> [String] {
        files.flatMap { file in
            SwiftText(file.lines).functions.filter { $0.lines > known[file.name] ?? functionLinesMax }
                .map { "\(file.path):\($0.line) has \($0.lines) lines" }
        }
    }

    static func longFiles(in files: [HouseFile], known: [String: Int] = [:]) -> [String] {
        files.filter { $0.length > known[$0.name] ?? fileLinesMax }.map { "\($0.path) has \($0.length) lines" }
    }

    /// What ends the whole process where an error would do.
    static func shortcuts(in files: [HouseFile]) -> [String] {
        files.flatMap { file in
            file.lines.enumerated()
                .flatMap { number, line in
                    ["try!", "as!", "fatalError("].filter { line.contains($0) }
                        .map { "\(file.path):\(number + 1) uses \($0)" }
                }
        }
    }

    /// Functions that a lock holds by themselves or in a tuple.
    ///
    /// It lends them out as values of any type, and each time they are wrapped once more, so that calling them costs more
    /// for ever. `Bell` says what to do.
    static func lentFunctions(in files: [HouseFile]) -> [String] {
        files.flatMap { file in
            file.lines.enumerated()
                .filter { $0.element.contains(/\bMutex<[^\[]*->/) && !$0.element.contains(/^\s*\/\//) }
                .map { "\(file.path):\($0.offset + 1) lends a function out" }
        }
    }

    /// Lines of a long text that go on the one before them, and begin with a run of spaces that is then in its middle.
    static func gapsInTexts(in files: [HouseFile]) -> [String] {
        let indent = { (line: String) in line.prefix { $0 == " " }.count }
        return files.flatMap { file in
            var (faults, begin): ([String], Int?) = ([], nil)
            for (number, line) in file.lines.enumerated() {
                let isEdge = line.components(separatedBy: "\"\"\"").count == 2
                guard isEdge, let first = begin else {
                    if isEdge { begin = number }
                    continue
                }
                let gaps = (first + 1..<number).dropFirst()
                    .filter { file.lines[$0 - 1].hasSuffix("\\") && indent(file.lines[$0]) > indent(line) + 1 }
                faults += gaps.map { "\(file.path):\($0 + 1) goes on with spaces" }
                begin = nil
            }
            return faults
        }
    }

    /// Decisions that their list lacks, or shows under another title, and rows of no decision.
    static func unlistedDecisions(in files: [HouseFile]) -> [String] {
        let rows = files.filter { $0.name == "README.md" }.flatMap(\.lines).filter { $0.hasPrefix("| [") }
        let decisions = files.filter { $0.name != "README.md" }
        let expected = decisions.map { decision in
            guard let title = decision.lines.first?.firstMatch(of: /^# (\d+)\. (.*)$/) else {
                return "\(decision.path): no title such as # 1. A title"
            }
            return "| [\(title.output.1)](\(decision.name)) | \(title.output.2) |"
        }
        return expected.filter { row in !rows.contains { $0.hasPrefix(row) } }
            + rows.filter { row in !expected.contains { row.hasPrefix($0) } }
    }

    /// Rooms that the drawing of the layout lacks.
    static func undrawn(_ rooms: [String], in drawing: HouseFile) -> [String] {
        rooms.filter { room in !drawing.lines.contains { $0.hasPrefix("  \(room)/ ") } }
    }

    /// What is drawn as a room below Sources and is none.
    static func roomsThatAreNot(in drawing: HouseFile, of rooms: Set<String>) -> [String] {
        drawing.lines.drop { $0 != "Sources/" }.prefix { !$0.hasPrefix("Plugins/") }
            .compactMap { $0.firstMatch(of: /^  (\w+)\/(?: .*)?$/).map { String($0.output.1) } }
            .filter { !rooms.contains($0) }
    }

    /// Arrows of the drawing that the house does not have.
    static func wrongArrows(in drawing: HouseFile, of rooms: [String: Set<String>]) -> [String] {
        drawing.lines.flatMap { line -> [String] in
            guard let row = line.firstMatch(of: /^  (\w+)\/ .*-> (.*)$/), let allowed = rooms[String(row.output.1)]
            else { return [] }
            return row.output.2.matches(of: /\w+/).map { String($0.output) }
                .filter { rooms[$0] != nil && !allowed.contains($0) }.map { "\(row.output.1) -> \($0)" }
        }
    }

    /// Files that documents name in code, by the end of their paths, and that are not there.
    static func unknownFiles(in documents: [HouseFile], among paths: Set<String>) -> [String] {
        let ends = Set(
            paths.flatMap { path in
                let parts = path.split(separator: "/")
                return parts.indices.map { parts[$0...].joined(separator: "/") }
            }
        )
        return documents.flatMap { file in
            file.lines.flatMap { line in
                line.matches(of: /`([A-Za-z0-9+_.-]+(?:\/[A-Za-z0-9+_.-]+)+\.(?:swift|[ch]|py|md|sql|abi|rs))`/)
                    .map { String($0.output.1) }.filter { !ends.contains($0) }.map { "\(file.path) names \($0)" }
            }
        }
    }

    /// Links to files that are not there.
    static func deadLinks(in documents: [HouseFile], below root: URL) -> [String] {
        documents.flatMap { file in
            let folder = root.appending(path: file.path).deletingLastPathComponent()
            return file.lines.flatMap { line in
                line.matches(of: /\]\(([^)#:]+)(#[^)]*)?\)/).map { String($0.output.1) }
                    .filter { !FileManager.default.fileExists(atPath: folder.appending(path: $0).standardized.path) }
                    .map { "\(file.path) links to \($0)" }
            }
        }
    }
}
