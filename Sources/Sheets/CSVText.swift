/// The text of a CSV as spreadsheets write it: UTF-8 with a mark at its beginning or without, UTF-16 with one, or
/// Windows-1252.
enum CSVText {
    /// The same text in UTF-8, without a mark.
    static func utf8(_ bytes: [UInt8]) throws(SheetError) -> ArraySlice<UInt8> {
        if bytes.starts(with: [0xFF, 0xFE]) { return try utf16(bytes, high: 1) }
        if bytes.starts(with: [0xFE, 0xFF]) { return try utf16(bytes, high: 0) }
        let content = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        guard !content.contains(0) else { throw noText }
        if isUTF8(content) { return content }
        guard content.startIndex == 0 else { throw SheetError(.unreadable, "the file is damaged: it is no UTF-8.") }
        return try windows1252(content)
    }

    private static let noText = SheetError(.unreadable, "this is no CSV: it holds a byte of value 0.")

    private static func isUTF8(_ bytes: ArraySlice<UInt8>) -> Bool {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        if bytes.allSatisfy({ $0 < 0x80 }) { return true }
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue: continue
            case .emptyInput: return true
            case .error: return false
            }
        }
    }

    /// `high` is where of two bytes the higher stands.
    private static func utf16(_ bytes: [UInt8], high: Int) throws(SheetError) -> ArraySlice<UInt8> {
        guard bytes.count.isMultiple(of: 2) else { throw SheetError(.unreadable, "the file is cut short.") }
        let units = stride(from: 2, to: bytes.count, by: 2).lazy
            .map { UInt16(bytes[$0 + high]) << 8 | UInt16(bytes[$0 + 1 - high]) }
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        var decoder = UTF16()
        var iterator = units.makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar):
                guard scalar.value != 0 else { throw noText }
                text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            case .emptyInput: return text[...]
            case .error: throw SheetError(.unreadable, "the file is damaged: it is no UTF-16.")
            }
        }
    }

    /// What stands at 0x80 to 0x9F of Windows-1252; 0 where nothing does.
    private static let upper: [UInt32] = [
        0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0,
        0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E,
        0x0178,
    ]

    private static func windows1252(_ bytes: ArraySlice<UInt8>) throws(SheetError) -> ArraySlice<UInt8> {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count + bytes.count / 8)
        for byte in bytes {
            guard byte >= 0x80 else {
                text.append(byte)
                continue
            }
            let value = byte < 0xA0 ? upper[Int(byte) - 0x80] : UInt32(byte)
            guard value != 0, let scalar = Unicode.Scalar(value) else {
                throw SheetError(.unreadable, "the file is neither UTF-8 nor Windows-1252. Save it as CSV UTF-8.")
            }
            text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        }
        return text[...]
    }
}
