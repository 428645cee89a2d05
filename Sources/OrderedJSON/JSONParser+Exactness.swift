/// Whole numbers are exact, and what is not whole never becomes so by being rounded: amounts are checked by it.
///
/// A double cannot tell `1.0000000000000000001` from `1`, nor `9007199254740993.0` from its neighbour.
extension JSONParser {
    /// The number at a range that has a fraction or an exponent.
    func exactNumber(_ range: Range<Int>, isNegative: Bool) throws(JSONParseError) -> JSON {
        let value = try double(range)
        let decimal = Decimal(Array(bytes[range])[...])
        if decimal.isWhole {
            guard let whole = decimal.whole(isNegative: isNegative), Int64(exactly: value) != whole else {
                return .number(value)
            }
            return .integer(whole)
        }
        guard value == value.rounded(.towardZero) else { return .number(value) }
        // Beyond this no double has a fraction, so none is near enough.
        guard value.magnitude < 4_503_599_627_370_496 else {
            throw JSONParseError(offset: range.lowerBound, reason: "a number with more digits than can be held")
        }
        return .number(value < 0 || isNegative && value == 0 ? value.nextDown : value.nextUp)
    }

    /// A number's digits, and by which power of ten they count.
    private struct Decimal {
        /// Without leading zeros' meaning: 0...9 each.
        private var digits: [UInt8] = []
        private var scale = 0

        init(_ text: ArraySlice<UInt8>) {
            var rest = text
            if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
            var isFraction = false
            while let byte = rest.popFirst() {
                if byte == UInt8(ascii: ".") {
                    isFraction = true
                } else if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
                    scale += Decimal.exponent(rest)
                    break
                } else {
                    digits.append(byte - UInt8(ascii: "0"))
                    if isFraction { scale -= 1 }
                }
            }
        }

        /// Clamped far beyond what any double holds.
        private static func exponent(_ text: ArraySlice<UInt8>) -> Int {
            let isNegative = text.first == UInt8(ascii: "-")
            var value = 0
            for byte in text where byte != UInt8(ascii: "-") && byte != UInt8(ascii: "+") {
                value = min(value * 10 + Int(byte - UInt8(ascii: "0")), 1_000_000)
            }
            return isNegative ? -value : value
        }

        var isWhole: Bool {
            if scale >= 0 || isZero { return true }
            return -scale <= digits.count && digits.suffix(-scale).allSatisfy { $0 == 0 }
        }

        private var isZero: Bool { digits.allSatisfy { $0 == 0 } }

        /// The whole number; nil when it does not fit.
        func whole(isNegative: Bool) -> Int64? {
            if isZero { return 0 }
            let kept = scale < 0 ? digits.dropLast(-scale) : digits[...]
            guard scale <= 18 else { return nil }
            var value: Int64 = 0
            for digit in kept + [UInt8](repeating: 0, count: max(0, scale)) {
                let (shifted, overflows) = value.multipliedReportingOverflow(by: 10)
                let (next, overflowsToo) = shifted.addingReportingOverflow(isNegative ? -Int64(digit) : Int64(digit))
                guard !overflows, !overflowsToo else { return nil }
                value = next
            }
            return value
        }
    }
}
