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

    /// So much of a code is looked at; a spreadsheet has none of more than 255 characters.
    private static let codeMax = 1_000

    /// Whether a code such as `dd/mm/yyyy` shows days or times: its letters outside quotes, brackets and escapes.
    static func isDate(code: String) -> Bool {
        let letters = Array(String(String.UnicodeScalarView(code.unicodeScalars.prefix(codeMax))).lowercased().utf8)
        let isGeneral = String(decoding: letters, as: UTF8.self).contains("general")
        var isQuoted = false
        var isEscaped = false
        /// Whether a bracket holds nothing but letters of time so far; nil outside of one.
        var bracket: (isTime: Bool, length: Int)?
        for letter in letters {
            if isEscaped {
                // The other bytes of what is escaped are no letters.
                isEscaped = false
            } else if isQuoted {
                isQuoted = letter != UInt8(ascii: "\"")
            } else if let inside = bracket {
                guard letter == UInt8(ascii: "]") else {
                    bracket = (inside.isTime && "hms".utf8.contains(letter), inside.length + 1)
                    continue
                }
                // Hours, minutes and seconds that have passed: [h], [mm].
                if inside.isTime, inside.length > 0 { return true }
                bracket = nil
            } else {
                switch letter {
                case UInt8(ascii: "\""): isQuoted = true
                case UInt8(ascii: "\\"), UInt8(ascii: "_"), UInt8(ascii: "*"): isEscaped = true
                case UInt8(ascii: "["): bracket = (true, 0)
                case _ where "dmyhs".utf8.contains(letter): return true
                case UInt8(ascii: "g") where !isGeneral: return true
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
