/// Which formats of an XLSX show a number as a date or a time.
final class SheetStyles: XMLTaker {
    private let formatsMax: Int
    private var custom: [Int: Bool] = [:]
    private var isDate: [Bool] = []
    private var isInFormats = false

    init(_ limits: SheetLimits) { formatsMax = limits.formatsMax }

    /// Whether a cell's format is a date's.
    func isDate(_ style: Int) -> Bool { isDate.indices.contains(style) && isDate[style] }

    func begin(_ name: String, _ attributes: XMLAttributes) throws(SheetError) {
        switch name {
        case "numFmt":
            guard let id = attributes["numFmtId"].flatMap({ Int($0) }), let code = attributes["formatCode"] else {
                return
            }
            custom[id] = SheetStyles.isDate(code: code)
            try check(custom.count)
        case "cellXfs": isInFormats = true
        case "xf" where isInFormats:
            let id = attributes["numFmtId"].flatMap { Int($0) } ?? 0
            isDate.append(custom[id] ?? SheetStyles.isDate(builtIn: id))
            try check(isDate.count)
        default: return
        }
    }

    func end(_ name: String) throws(SheetError) { if name == "cellXfs" { isInFormats = false } }

    private func check(_ count: Int) throws(SheetError) {
        guard count <= formatsMax else { throw SheetError(.tooLarge, "the file has more than \(formatsMax) formats.") }
    }

    /// The formats that every spreadsheet knows (ECMA-376, 18.8.30), those of other languages too.
    private static func isDate(builtIn id: Int) -> Bool {
        switch id {
        case 14...22, 27...36, 45...47, 50...58: true
        default: false
        }
    }

    /// Whether a code such as `dd/mm/yyyy` shows days or times: its letters outside quotes, brackets and escapes.
    static func isDate(code: String) -> Bool {
        var isQuoted = false
        var isEscaped = false
        var bracket: String?
        for character in code.lowercased() {
            if isEscaped {
                isEscaped = false
            } else if isQuoted {
                isQuoted = character != "\""
            } else if let inside = bracket {
                // Hours, minutes and seconds that have passed: [h], [mm].
                if character == "]", !inside.isEmpty, inside.allSatisfy({ "hms".contains($0) }) { return true }
                bracket = character == "]" ? nil : inside + String(character)
            } else {
                switch character {
                case "\"": isQuoted = true
                case "\\", "_", "*": isEscaped = true
                case "[": bracket = ""
                case "d", "m", "y", "h", "s": return true
                case "g" where !code.lowercased().contains("general"): return true
                default: continue
                }
            }
        }
        return false
    }
}

/// The texts that the cells of an XLSX share, one after another.
final class SharedTexts: XMLTaker {
    private let limits: SheetLimits
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    private var isText = false
    private var phonetic = 0

    init(_ limits: SheetLimits) { self.limits = limits }

    /// A text by its number; nil where there is none.
    subscript(index: Int) -> String? {
        guard ends.indices.contains(index) else { return nil }
        let start = index == 0 ? 0 : ends[index - 1]
        return String(decoding: bytes[start..<ends[index]], as: UTF8.self)
    }

    func begin(_ name: String, _ attributes: XMLAttributes) throws(SheetError) {
        switch name {
        case "t": isText = phonetic == 0
        case "rPh": phonetic += 1
        default: return
        }
    }

    func end(_ name: String) throws(SheetError) {
        switch name {
        case "t": isText = false
        case "rPh": phonetic -= 1
        case "si":
            ends.append(bytes.count)
            guard ends.count <= limits.sharedTextsMax else {
                throw SheetError(.tooLarge, "the file shares more than \(limits.sharedTextsMax) texts.")
            }
        default: return
        }
    }

    func text(_ piece: UnsafeBufferPointer<UInt8>) throws(SheetError) {
        guard isText else { return }
        guard bytes.count + piece.count <= limits.sharedBytesMax else {
            throw SheetError(.tooLarge, "the file's texts are longer than \(limits.sharedBytesMax) bytes together.")
        }
        bytes.append(contentsOf: piece)
    }
}
