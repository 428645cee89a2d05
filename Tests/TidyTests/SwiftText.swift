/// A Swift source as the house's rules look at it, line by line: the formatter has put every brace where it belongs.
struct SwiftText {
    private let lines: [String]

    init(_ lines: [String]) { self.lines = lines }

    /// The modules that are imported, in order.
    var imports: [String] {
        lines.compactMap { line in
            var words = line.split(separator: " ").prefix { !$0.hasPrefix("//") }[...]
            while let first = words.first, first.hasPrefix("@") || SwiftText.access.contains(String(first)) {
                words.removeFirst()
            }
            guard words.first == "import" else { return nil }
            words.removeFirst()
            if let kind = words.first, SwiftText.kinds.contains(String(kind)) { words.removeFirst() }
            return words.first?.split(separator: ".").first.map(String.init)
        }
    }

    /// The types that the file gives the rest of its module.
    var declaredTypes: Set<String> {
        Set(
            lines.compactMap { line in
                guard line.first?.isLetter == true else { return nil }
                var words = line.split(separator: " ")[...]
                while let first = words.first, SwiftText.modifiers.contains(String(first)) { words.removeFirst() }
                guard let kind = words.first, SwiftText.kinds.contains(String(kind)) else { return nil }
                return words.dropFirst().first.map { String($0.prefix { $0.isLetter || $0.isNumber || $0 == "_" }) }
            }
        )
    }

    /// Every name that begins as a type's does and is no member of another; comments and literals name nothing.
    var namedTypes: Set<String> {
        var found: Set<String> = []
        var isLiteral = false
        for line in lines {
            let parts = line.split(separator: "\"\"\"", omittingEmptySubsequences: false)
            for (index, part) in parts.enumerated() {
                if index > 0 { isLiteral.toggle() }
                if !isLiteral { SwiftText.addNames(in: Array(part.utf8), to: &found) }
            }
        }
        return found
    }

    private static func addNames(in bytes: [UInt8], to found: inout Set<String>) {
        var (index, isQuoted, before) = (0, false, UInt8(ascii: " "))
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\""), before != UInt8(ascii: "\\") { isQuoted.toggle() }
            if !isQuoted, byte == UInt8(ascii: "/"), before == byte { return }
            guard !isQuoted, isWord(byte) else {
                before = byte
                index += 1
                continue
            }
            let end = bytes[index...].firstIndex { !isWord($0) } ?? bytes.count
            if (0x41...0x5A).contains(byte), before != UInt8(ascii: ".") {
                found.insert(String(decoding: bytes[index..<end], as: UTF8.self))
            }
            before = bytes[end - 1]
            index = end
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
    }

    /// Functions and initializers: where they begin, and how many lines stand between their braces.
    ///
    /// What has its body in one line is left out.
    var functions: [(line: Int, lines: Int)] {
        var found: [(line: Int, lines: Int)] = []
        for (index, line) in lines.enumerated() where SwiftText.beginsFunction(line) {
            let indent = SwiftText.indent(line)
            guard let brace = body(from: index, indent: indent) else { continue }
            let close = String(repeating: " ", count: indent) + "}"
            guard let end = lines[(brace + 1)...].firstIndex(of: close) else { continue }
            found.append((index + 1, end - brace - 1))
        }
        return found
    }

    /// The line that opens the body of what begins at a line; nil where there is none.
    private func body(from index: Int, indent: Int) -> Int? {
        for (number, line) in lines[index...].enumerated() {
            let isOwn = SwiftText.indent(line) == indent
            if isOwn, line.hasSuffix("{") { return index + number }
            // Parameters stand further in, and the line after them begins with what closes them.
            let text = line.drop { $0 == " " }
            let goesOn = !isOwn || text.hasPrefix(")") || text.hasPrefix("->") || text.hasPrefix("async")
            if number > 0, text.isEmpty || !goesOn || SwiftText.indent(line) < indent { return nil }
        }
        return nil
    }

    private static func beginsFunction(_ line: String) -> Bool {
        var words = line.split(separator: " ")[...]
        while let first = words.first, first.hasPrefix("@") || modifiers.contains(String(first)) { words.removeFirst() }
        guard let word = words.first else { return false }
        return word == "func" || word == "deinit"
            || ["init(", "init?(", "init<", "subscript("].contains { word.hasPrefix($0) }
    }

    private static func indent(_ line: String) -> Int { line.utf8.prefix { $0 == 0x20 }.count }

    private static let access: Set<String> = ["public", "package", "internal", "private", "fileprivate"]
    private static let modifiers =
        access.union([
            "final", "indirect", "static", "class", "mutating", "nonisolated", "override", "convenience", "required",
            "consuming", "borrowing",
        ])
        .subtracting(["class"])
    private static let kinds: Set<String> = [
        "struct", "class", "enum", "protocol", "actor", "typealias", "func", "var", "let",
    ]
}
