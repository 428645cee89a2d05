/// Reads CSV (RFC 4180) as spreadsheets write it: the separator is a comma, a semicolon or a tab, and lines end by LF, CR
/// or both.
struct CSVReader {
    private let bytes: ArraySlice<UInt8>
    private let limits: SheetLimits
    private let separator: UInt8
    private var position: Int
    private var number = 1

    private static let quote = UInt8(ascii: "\"")
    private static let carriageReturn = UInt8(ascii: "\r")
    private static let lineFeed = UInt8(ascii: "\n")

    /// Hands out the rows that hold something.
    static func read(
        _ bytes: ArraySlice<UInt8>,
        _ limits: SheetLimits,
        _ take: (SheetRow) throws(SheetError) -> Void
    ) throws(SheetError) {
        let found = CSVSeparator.find(in: bytes)
        var reader = CSVReader(
            bytes: bytes,
            limits: limits,
            separator: found.separator,
            position: found.start,
            number: found.row
        )
        var count = RowCount(max: limits.rowsMax)
        let deadline = SheetDeadline(limits)
        while let row = try reader.next() {
            if row.number.isMultiple(of: 64) { try deadline.check() }
            guard !row.cells.isEmpty else { continue }
            try count.add(row)
            try take(row)
        }
    }

    private mutating func next() throws(SheetError) -> SheetRow? {
        guard position < bytes.endIndex else { return nil }
        var cells: [SheetCell] = []
        var column = 0
        var isLast = false
        while !isLast {
            let text = try cell()
            isLast = endsLine()
            if !text.isEmpty {
                guard column < limits.columnsMax else {
                    throw SheetError(.tooLarge, "it has more than \(limits.columnsMax) columns.", row: number)
                }
                while cells.count < column { cells.append(.empty) }
                cells.append(SheetCell(.text, text))
            }
            column += 1
        }
        defer { number += 1 }
        return SheetRow(number: number, cells: cells, isParted: true)
    }

    /// Passes the separator, or the line's end; answers whether it was the end.
    private mutating func endsLine() -> Bool {
        guard position < bytes.endIndex else { return true }
        let byte = bytes[position]
        position += 1
        if byte == separator { return false }
        if byte == CSVReader.carriageReturn, position < bytes.endIndex, bytes[position] == CSVReader.lineFeed {
            position += 1
        }
        return true
    }

    /// Reads up to what follows the cell.
    private mutating func cell() throws(SheetError) -> String {
        guard position < bytes.endIndex else { return "" }
        if bytes[position] == CSVReader.quote { return try quoted() }
        let start = position
        while position < bytes.endIndex, !isEnd(bytes[position]) { position += 1 }
        return try text(bytes[start..<position])
    }

    private func isEnd(_ byte: UInt8) -> Bool {
        byte == separator || byte == CSVReader.lineFeed || byte == CSVReader.carriageReturn
    }

    private mutating func quoted() throws(SheetError) -> String {
        position += 1
        var content: [UInt8] = []
        while position < bytes.endIndex {
            let byte = bytes[position]
            position += 1
            guard byte == CSVReader.quote else {
                content.append(byte)
                if content.count > limits.cellBytesMax { throw tooLong }
                continue
            }
            if position < bytes.endIndex, bytes[position] == CSVReader.quote {
                content.append(byte)
                position += 1
                continue
            }
            guard position == bytes.endIndex || isEnd(bytes[position]) else {
                throw SheetError(.unreadable, "something stands behind a quoted cell.", row: number)
            }
            return try text(content[...])
        }
        throw SheetError(.unreadable, "a quote is opened and never closed.", row: number)
    }

    private func text(_ content: ArraySlice<UInt8>) throws(SheetError) -> String {
        guard content.count <= limits.cellBytesMax else { throw tooLong }
        return String(decoding: content, as: UTF8.self)
    }

    private var tooLong: SheetError {
        SheetError(.tooLarge, "a cell is longer than \(limits.cellBytesMax) bytes.", row: number)
    }
}

/// What separates the cells of a CSV.
///
/// The one that most of the first lines have, and of two such the one that they have more often.
enum CSVSeparator {
    private static let candidates = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")]
    /// So much of a file is looked at.
    private static let bytesMax = 64 << 10
    private static let linesMax = 20

    /// The separator, where the rows begin, and which row of the file is the first.
    static func find(in bytes: ArraySlice<UInt8>) -> (separator: UInt8, start: Int, row: Int) {
        if let told = told(in: bytes) { return told }
        var lines = [Int](repeating: 0, count: candidates.count)
        var all = lines
        var here = lines
        var isQuoted = false
        var seen = 0
        func endLine() {
            for index in here.indices where here[index] > 0 {
                lines[index] += 1
                all[index] += here[index]
            }
            here = [0, 0, 0]
            seen += 1
        }
        for byte in bytes.prefix(bytesMax) {
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            guard !isQuoted else { continue }
            if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
                endLine()
                if seen >= linesMax { break }
            } else if let index = candidates.firstIndex(of: byte) {
                here[index] += 1
            }
        }
        endLine()
        let best = candidates.indices.max { (lines[$0], all[$0], $1) < (lines[$1], all[$1], $0) } ?? 0
        return (candidates[best], bytes.startIndex, 1)
    }

    /// `sep=;` in a first line of its own, as some programs write it.
    ///
    /// Excel takes it away: the line below it is row 1.
    private static func told(in bytes: ArraySlice<UInt8>) -> (separator: UInt8, start: Int, row: Int)? {
        let word = Array("sep=".utf8)
        guard bytes.count >= word.count + 2,
            bytes.prefix(word.count).map({ $0 | 0x20 }).elementsEqual(word.map { $0 | 0x20 })
        else { return nil }
        let place = bytes.startIndex + word.count
        var end = place + 1
        guard candidates.contains(bytes[place]), [10, 13].contains(bytes[end]) else { return nil }
        end += bytes[end] == 13 && end + 1 < bytes.endIndex && bytes[end + 1] == 10 ? 2 : 1
        return (bytes[place], end, 1)
    }
}
