import CPCRE2

/// A regular expression with bounded cost.
///
/// A pattern that would take too many steps on a text refuses that text.
///
/// JSON Schema wants ECMA-262's syntax; PCRE2's is a superset but for the names of Unicode properties, and `$`, which
/// must mean the very end.
final class Pattern: Sendable {
    let text: String
    // The compiled code is immutable after init, and PCRE2 states that it may be shared between threads.
    nonisolated(unsafe) private let code: OpaquePointer
    /// Holds the bounds; only read by a match, so one serves all threads.
    nonisolated(unsafe) private let context: OpaquePointer

    init(_ text: String, limits: SchemaLimits) throws(SchemaError) {
        guard text.utf8.count <= limits.patternBytesMax else {
            throw SchemaError(pointer: "", reason: "a pattern longer than \(limits.patternBytesMax) bytes")
        }
        let translated = Array(Pattern.translated(text).utf8)
        var errorNumber: Int32 = 0
        var errorOffset = 0
        let options =
            UInt32(PCRE2_UTF) | UInt32(PCRE2_DOLLAR_ENDONLY) | UInt32(PCRE2_NO_AUTO_CAPTURE)
            | UInt32(PCRE2_NEVER_BACKSLASH_C)
        guard let code = pcre2_compile_8(translated, translated.count, options, &errorNumber, &errorOffset, nil) else {
            throw SchemaError(pointer: "", reason: "a pattern that is no regular expression (at byte \(errorOffset))")
        }
        guard let context = pcre2_match_context_create_8(nil) else {
            pcre2_code_free_8(code)
            throw SchemaError(pointer: "", reason: "a pattern for which there is no memory")
        }
        pcre2_set_match_limit_8(context, limits.patternStepsMax)
        pcre2_set_depth_limit_8(context, limits.patternStepsMax)
        self.text = text
        self.code = code
        self.context = context
    }

    deinit {
        pcre2_match_context_free_8(context)
        pcre2_code_free_8(code)
    }

    /// Whether the pattern occurs in the text.
    ///
    /// False, too, when finding out would cost too much.
    func matches(_ subject: String) -> Bool {
        guard let data = pcre2_match_data_create_8(1, nil) else { return false }
        defer { pcre2_match_data_free_8(data) }
        var subject = subject
        let result = subject.withUTF8 { utf8 in
            pcre2_match_8(code, utf8.baseAddress, utf8.count, 0, UInt32(PCRE2_NO_UTF_CHECK), data, context)
        }
        return result >= 0
    }

    private static let longNames = [
        "Letter": "L", "Lowercase_Letter": "Ll", "Uppercase_Letter": "Lu", "Mark": "M", "Number": "N",
        "Decimal_Number": "Nd", "Punctuation": "P", "Symbol": "S", "Separator": "Z", "Other": "C", "digit": "Nd",
    ]

    private static func translated(_ text: String) -> String {
        guard text.contains("\\p{") || text.contains("\\P{") || text.contains("\\c") else { return text }
        var result = text
        for (long, short) in longNames {
            for letter in ["p", "P"] {
                result = result.replacing("\\\(letter){\(long)}", with: "\\\(letter){\(short)}")
            }
        }
        return result
    }
}

extension String {
    fileprivate func replacing(_ target: String, with replacement: String) -> String {
        var result = ""
        var rest = self[...]
        while let range = rest.firstRange(of: target) {
            result += rest[..<range.lowerBound] + replacement
            rest = rest[range.upperBound...]
        }
        return result + rest
    }
}
