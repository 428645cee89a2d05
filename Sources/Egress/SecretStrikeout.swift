import Compression
import OrderedJSON

/// Strikes out of an answer what the host has just sent secretly.
///
/// M-Pesa's error texts may repeat what they are about: a header, a password, a piece of an encrypted one. What an answer
/// says is kept, shown to callers and logged, so each whole secret, and each piece of one of 16 bytes or more, is replaced
/// by `[secret]` before anything reads it; also where JSON has escaped it or a URL has encoded it, twice over at most.
///
/// A piece of 16 bytes holds a whole one of the blocks of 8 that the secret consists of. So an answer in which there is
/// nothing to find costs one look at each of its bytes, and again where it has escapes.
struct SecretStrikeout {
    /// The shortest piece that is struck out.
    ///
    /// A secret that is shorter is struck out whole, if it has at least a block's bytes.
    static let pieceMin = 16
    /// How often one form is opened to find another in it: text in JSON in a text in JSON.
    static let depthMax = 3
    private static let blockBytes = 8
    private static let mark = Array("[secret]".utf8)

    private let secrets: [[UInt8]]
    /// A bit for each block of a secret: 4096 of them let one in seventy of other blocks through.
    private var bits = [UInt64](repeating: 0, count: 64)

    /// Looks for secrets.
    init(_ secrets: [String]) {
        self.secrets = secrets.map { Array($0.utf8) }.filter { $0.count >= SecretStrikeout.blockBytes }
        for secret in self.secrets {
            for offset in stride(from: 0, through: secret.count - Self.blockBytes, by: Self.blockBytes) {
                let place = Self.place(of: Self.block(secret, at: offset))
                bits[place >> 6] |= 1 << UInt64(place & 63)
            }
        }
    }

    /// The answer without them; the answer itself where there are none.
    ///
    /// What was JSON stays JSON: where a secret stood as something else than text, nothing of the answer is left.
    func strike(_ answer: [UInt8]) -> [UInt8] {
        var text = EscapedText(answer)
        var found: [Range<Int>] = []
        for depth in 0..<Self.depthMax {
            let isOpened = text.open(UInt8(ascii: "\\"), by: EscapedText.character)
            if depth == 0 || isOpened { found += pieces(in: text) }
            let isDecoded = text.open(UInt8(ascii: "%"), by: EscapedText.encodedByte)
            if isDecoded { found += pieces(in: text) }
            guard isOpened || isDecoded else { break }
        }
        guard !found.isEmpty else { return answer }
        let struck = Self.replace(found, in: answer)
        return Self.isJSON(struck) || !Self.isJSON(answer) ? struck : Array("\"[secret]\"".utf8)
    }

    /// Where pieces of secrets stand, by the answer's own bytes.
    private func pieces(in text: EscapedText) -> [Range<Int>] {
        let bytes = text.bytes
        var found: [Range<Int>] = []
        var (word, next, fresh): (UInt64, Int, Int) = (0, 0, 0)
        while next < bytes.count {
            word = word << 8 | UInt64(bytes[next])
            next += 1
            fresh += 1
            let place = Self.place(of: word)
            guard fresh >= Self.blockBytes, bits[place >> 6] & (1 << UInt64(place & 63)) != 0,
                let piece = piece(around: next - Self.blockBytes, of: word, in: bytes)
            else { continue }
            found.append(text.range(piece))
            (next, fresh) = (piece.upperBound, 0)
        }
        return found
    }

    /// The longest piece of a secret of which a block stands here.
    private func piece(around start: Int, of word: UInt64, in bytes: [UInt8]) -> Range<Int>? {
        var longest: Range<Int>?
        for secret in secrets {
            for offset in stride(from: 0, through: secret.count - Self.blockBytes, by: Self.blockBytes)
            where Self.block(secret, at: offset) == word {
                var (before, after) = (0, Self.blockBytes)
                while before < min(start, offset), bytes[start - before - 1] == secret[offset - before - 1] {
                    before += 1
                }
                while start + after < bytes.count, offset + after < secret.count,
                    bytes[start + after] == secret[offset + after]
                { after += 1 }
                let piece = (start - before)..<(start + after)
                guard piece.count >= min(Self.pieceMin, secret.count), piece.count > longest?.count ?? 0 else {
                    continue
                }
                longest = piece
            }
        }
        return longest
    }

    private static func block(_ bytes: [UInt8], at offset: Int) -> UInt64 {
        bytes[offset..<offset + blockBytes].reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func place(of block: UInt64) -> Int { Int((block &* 0x9E37_79B9_7F4A_7C15) >> 52) }

    private static func replace(_ pieces: [Range<Int>], in answer: [UInt8]) -> [UInt8] {
        var (struck, end): ([UInt8], Int) = ([], 0)
        for piece in pieces.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if piece.lowerBound >= end {
                struck += answer[end..<piece.lowerBound] + mark
            }
            end = max(end, piece.upperBound)
        }
        return struck + answer[end...]
    }

    private static func isJSON(_ bytes: [UInt8]) -> Bool {
        (try? JSON(parsing: bytes, limits: JSONLimits(duplicateKeys: .lastWins))) != nil
    }
}

extension HTTPOutcome {
    /// The same without the secrets that the answer repeats.
    ///
    /// What came compressed is searched as well, and stays as it came where nothing is found.
    func struck(of secrets: [String]) -> HTTPOutcome {
        guard case .answered(let status, let body) = self else { return self }
        let opened = Gzip.opened(body) ?? body
        let struck = SecretStrikeout(secrets).strike(opened)
        return struck == opened ? self : .answered(status: status, body: struck)
    }
}

/// A text of which some escapes were opened, and where each of its bytes came from.
private struct EscapedText {
    private(set) var bytes: [UInt8]
    /// Where each byte began in the text as it came, and where that ends; nil while nothing was opened.
    private var starts: [Int]?

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// What stood in the text as it came.
    func range(_ range: Range<Int>) -> Range<Int> {
        guard let starts else { return range }
        return starts[range.lowerBound]..<starts[range.upperBound]
    }

    /// Opens each escape that begins with a mark; answers whether there was one.
    mutating func open(_ mark: UInt8, by read: (ArraySlice<UInt8>) -> (UInt8, Int)?) -> Bool {
        guard bytes.contains(mark) else { return false }
        var opened: [UInt8] = []
        var openedStarts: [Int] = []
        opened.reserveCapacity(bytes.count)
        openedStarts.reserveCapacity(bytes.count + 1)
        var next = 0
        while next < bytes.count {
            let (byte, length) = bytes[next] == mark ? read(bytes[next...]) ?? (mark, 1) : (bytes[next], 1)
            opened.append(byte)
            openedStarts.append(starts?[next] ?? next)
            next += length
        }
        openedStarts.append(starts?[next] ?? next)
        (bytes, starts) = (opened, openedStarts)
        return true
    }

    /// One of JSON's escapes: what it stands for, in so far as a secret may have it, and its length.
    static func character(_ text: ArraySlice<UInt8>) -> (UInt8, Int)? {
        guard let kind = text.dropFirst().first else { return nil }
        guard kind == UInt8(ascii: "u") else { return (kind.isLetter ? 0 : kind, 2) }
        let digits = text.dropFirst(2).prefix(4)
        guard digits.count == 4, let value = number(digits) else { return nil }
        return (UInt8(exactly: value) ?? 0, 6)
    }

    /// One of a URL's.
    static func encodedByte(_ text: ArraySlice<UInt8>) -> (UInt8, Int)? {
        let digits = text.dropFirst().prefix(2)
        guard digits.count == 2, let value = number(digits) else { return nil }
        return (UInt8(truncatingIfNeeded: value), 3)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard digits.allSatisfy({ $0.isLetter || (0x30...0x39).contains($0) }) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}

extension UInt8 {
    fileprivate var isLetter: Bool { (0x61...0x7A).contains(self) || (0x41...0x5A).contains(self) }
}
