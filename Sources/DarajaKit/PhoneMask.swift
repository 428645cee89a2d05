/// Finds what may be somebody's phone in a line and takes it away.
///
/// A phone is a run of digits that our reader of phones would take, in any script and with anything between the digits that
/// people write there: `254712345678`, `0712-345-678`, `(0712) 345678`, `254.712.345.678`, `2.54712345678E11`. It may stand
/// beside other digits. Amounts, receipts, times and ids stay readable:
///
///     groups of digits   [2026] / [01] / [07] [0712] - [345] - [678]
///                                             ^^^^^^^^^^^^^^^^^^^^^ the longest row of groups that has a phone's form
struct PhoneMask {
    /// How many characters may stand between two groups of one number.
    private static let gapMax = 3
    /// How many groups a number has at most: each of its digits may stand alone.
    private static let groupsMax = 15
    private static let shown = Array("[phone]".unicodeScalars)

    /// Digits that stand together.
    private struct Group {
        var range: Range<Int>
        var digits: [UInt8]
    }

    private let line: [Unicode.Scalar]
    private var groups: [Group] = []

    /// The line with `[phone]` for each phone.
    static func masked(_ line: some Sequence<Unicode.Scalar>) -> [Unicode.Scalar] {
        PhoneMask(Array(line)).masked()
    }

    private init(_ line: [Unicode.Scalar]) {
        self.line = line
        for (place, scalar) in line.enumerated() {
            guard let digit = PhoneMask.digit(scalar) else { continue }
            if let last = groups.last, last.range.upperBound == place {
                groups[groups.count - 1].range = last.range.lowerBound..<place + 1
                groups[groups.count - 1].digits.append(digit)
            } else {
                groups.append(Group(range: place..<place + 1, digits: [digit]))
            }
        }
    }

    private func masked() -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        var copied = 0
        var first = 0
        while first < groups.count {
            guard let last = lastGroup(from: first) else {
                first += 1
                continue
            }
            result += line[copied..<groups[first].range.lowerBound] + PhoneMask.shown
            copied = groups[last].range.upperBound
            first = last + 1
        }
        return result + line[copied...]
    }

    /// The last group of the longest phone that begins with a group; nil when none does.
    private func lastGroup(from first: Int) -> Int? {
        var digits: [UInt8] = []
        var found: Int?
        for last in first..<min(groups.count, first + PhoneMask.groupsMax) {
            if last > first, !isGap(groups[last - 1].range.upperBound..<groups[last].range.lowerBound) { break }
            digits += groups[last].digits
            if digits.count > PhoneMask.groupsMax { break }
            if isPhone(digits, from: first, to: last) { found = last }
        }
        return found
    }

    private func isPhone(_ digits: [UInt8], from first: Int, to last: Int) -> Bool {
        let isKenyan = { (place: Int) in digits[place] == 7 || digits[place] == 1 }
        switch digits.count {
        case 9: return isKenyan(0) && isShort(from: first, to: last)
        case 10: return digits[0] == 0 && isKenyan(1) && !isDate(from: first, to: last)
        case 12: return digits.starts(with: [2, 5, 4]) && isKenyan(3) && !isAmount(from: first, to: last)
        case 13: return digits.starts(with: [2, 5, 4, 0]) && isKenyan(4)
        case 14: return digits.starts(with: [0, 0, 2, 5, 4]) && isKenyan(5)
        default: return false
        }
    }

    /// Nine digits say little: they stand alone and in no id, or in short groups with the same between each.
    private func isShort(from first: Int, to last: Int) -> Bool {
        if first == last { return !isInID(groups[first].range) }
        let gaps = Set((first..<last).map { String(String.UnicodeScalarView(gap(after: $0))) })
        return gaps.count == 1 && groups[first...last].allSatisfy { $0.digits.count <= 4 }
            && !isAmount(from: first, to: last)
    }

    /// `07.12.2019 11:45` begins as a phone does.
    private func isDate(from first: Int, to last: Int) -> Bool {
        guard last - first >= 2 else { return false }
        let lengths = groups[first...first + 2].map(\.digits.count)
        let year = groups[first + 2].digits
        return lengths == [2, 2, 4] && gap(after: first) == gap(after: first + 1) && gap(after: first) != [" "]
            && (year.starts(with: [1, 9]) || year.starts(with: [2, 0]))
    }

    /// `712,345,678.00`: groups of three with commas, and perhaps a fraction.
    private func isAmount(from first: Int, to last: Int) -> Bool {
        guard first < last, gap(after: first) == [","], groups[first].digits != [2, 5, 4] else { return false }
        return (first..<last)
            .allSatisfy { place in
                let length = groups[place + 1].digits.count
                return gap(after: place) == [","] && length == 3 || place == last - 1 && gap(after: place) == ["."]
            }
    }

    private func gap(after group: Int) -> [Unicode.Scalar] {
        Array(line[groups[group].range.upperBound..<groups[group + 1].range.lowerBound])
    }

    private func isGap(_ range: Range<Int>) -> Bool {
        range.count <= PhoneMask.gapMax && line[range].allSatisfy(PhoneMask.isBetween)
    }

    /// Whether letters, or what ids have between their parts, stand beside it.
    private func isInID(_ range: Range<Int>) -> Bool {
        let beside = [range.lowerBound - 1, range.upperBound].filter(line.indices.contains).map { line[$0] }
        return beside.contains { $0 == "-" || $0 == "_" || $0.properties.isAlphabetic }
    }

    private static func isBetween(_ scalar: Unicode.Scalar) -> Bool {
        if " .,/_()".unicodeScalars.contains(scalar) { return true }
        switch scalar.properties.generalCategory {
        case .dashPunctuation, .spaceSeparator: return true
        default: return scalar == "\u{2212}"
        }
    }

    /// A decimal digit of any script.
    private static func digit(_ scalar: Unicode.Scalar) -> UInt8? {
        if scalar.isASCII { return (48...57).contains(scalar.value) ? UInt8(scalar.value - 48) : nil }
        guard scalar.properties.numericType == .decimal, let value = scalar.properties.numericValue else { return nil }
        return UInt8(exactly: value)
    }
}
