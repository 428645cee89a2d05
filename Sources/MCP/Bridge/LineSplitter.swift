/// Cuts a stream of bytes into lines, each within a bound.
///
/// What is longer is not kept: it is passed over up to its end, and told once.
package struct LineSplitter {
    /// What came.
    package enum Line: Equatable, Sendable {
        /// A line without its end.
        case whole([UInt8])
        /// One that is longer than it may be.
        case tooLong
    }

    private let bytesMax: Int
    private var rest: [UInt8] = []
    private var isPassingOver = false

    /// Makes a splitter of lines of at most so many bytes.
    package init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// The lines that end in these bytes; empty ones are left out.
    package mutating func take(_ bytes: some Collection<UInt8>) -> [Line] {
        var lines: [Line] = []
        var start = bytes.startIndex
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            add(bytes[start..<end], to: &lines)
            close(&lines)
            start = bytes.index(after: end)
        }
        add(bytes[start...], to: &lines)
        return lines
    }

    /// The last line, where the stream ended without one's end.
    package mutating func end() -> [Line] {
        var lines: [Line] = []
        close(&lines)
        return lines
    }

    private mutating func add(_ bytes: some Collection<UInt8>, to lines: inout [Line]) {
        guard !isPassingOver else { return }
        guard rest.count + bytes.count <= bytesMax else {
            isPassingOver = true
            rest = []
            return lines.append(.tooLong)
        }
        rest.append(contentsOf: bytes)
    }

    private mutating func close(_ lines: inout [Line]) {
        if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
        if !rest.isEmpty { lines.append(.whole(rest)) }
        rest = []
        isPassingOver = false
    }
}
