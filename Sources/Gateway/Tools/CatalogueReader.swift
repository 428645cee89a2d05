import OrderedJSON

/// Why a catalogue is not acceptable: the rule of docs/abi.md, the place, and what was expected there.
package struct CatalogueError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The rule's number.
    package let rule: String
    /// JSON Pointer into the catalogue.
    package let pointer: String
    /// What was expected.
    package let reason: String

    /// Rule, place and reason.
    package var description: String { "rule \(rule): \(pointer): \(reason)" }
}

/// Reads members of one JSON object of the catalogue and says what is wrong where.
struct CatalogueReader {
    let value: JSON
    let pointer: String
    var limits = Catalogue.Limits()

    func fail(_ name: String, _ expected: String, rule: String = "C1") -> CatalogueError {
        CatalogueError(
            rule: rule,
            pointer: name.isEmpty ? pointer : pointer + "/" + name,
            reason: "expected " + expected
        )
    }

    private func member(_ name: String) -> JSON? {
        value[name].flatMap { $0.isNull ? nil : $0 }
    }

    func has(_ name: String) -> Bool { member(name) != nil }

    func text(_ name: String, default fallback: String? = nil) throws(CatalogueError) -> String {
        guard let found = member(name) else {
            guard let fallback else { throw fail(name, "text") }
            return fallback
        }
        guard let text = found.stringValue, (1...limits.textBytesMax).contains(text.utf8.count) else {
            throw fail(name, "text of 1 to \(limits.textBytesMax) bytes")
        }
        return text
    }

    func optionalText(_ name: String) throws(CatalogueError) -> String? {
        has(name) ? try text(name) : nil
    }

    func flag(_ name: String, default fallback: Bool? = nil) throws(CatalogueError) -> Bool {
        guard let found = member(name) else {
            guard let fallback else { throw fail(name, "true or false") }
            return fallback
        }
        guard let flag = found.boolValue else { throw fail(name, "true or false") }
        return flag
    }

    func whole(_ name: String, default fallback: Int64? = nil, from least: Int64 = 0) throws(CatalogueError) -> Int64 {
        guard let found = member(name) else {
            guard let fallback else { throw fail(name, "a whole number from \(least)") }
            return fallback
        }
        guard let whole = found.integerValue, whole >= least else { throw fail(name, "a whole number from \(least)") }
        return whole
    }

    func duration(_ name: String, default fallback: Duration) throws(CatalogueError) -> Duration {
        .milliseconds(try whole(name, default: fallback.wholeMilliseconds))
    }

    func place(_ name: String) throws(CatalogueError) -> JSONPointer {
        let text = try text(name)
        do { return try JSONPointer(parsing: text) } catch { throw fail(name, "a JSON pointer: " + error.reason) }
    }

    func object(_ name: String) throws(CatalogueError) -> CatalogueReader {
        guard let found = member(name), found.objectValue != nil else { throw fail(name, "an object") }
        return CatalogueReader(value: found, pointer: pointer + "/" + name, limits: limits)
    }

    func optionalObject(_ name: String) throws(CatalogueError) -> CatalogueReader? {
        has(name) ? try object(name) : nil
    }

    func list<Element>(
        _ name: String,
        _ read: (CatalogueReader) throws(CatalogueError) -> Element
    ) throws(CatalogueError) -> [Element] {
        guard let found = member(name) else { return [] }
        guard let elements = found.arrayValue else { throw fail(name, "a list") }
        guard elements.count <= limits.elementsMax else {
            throw fail(name, "a list of at most \(limits.elementsMax)")
        }
        var result: [Element] = []
        for (index, element) in elements.enumerated() {
            let place = "\(pointer)/\(name)/\(index)"
            result.append(try read(CatalogueReader(value: element, pointer: place, limits: limits)))
        }
        return result
    }

    func texts(_ name: String) throws(CatalogueError) -> [String] {
        try list(name) { reader throws(CatalogueError) in
            guard let text = reader.value.stringValue, text.utf8.count <= limits.textBytesMax else {
                throw reader.fail("", "text")
            }
            return text
        }
    }

    func word<Word: RawRepresentable & CaseIterable>(
        _ name: String,
        _: Word.Type,
        default fallback: Word? = nil
    ) throws(CatalogueError) -> Word where Word.RawValue == String {
        guard let found = member(name) else {
            guard let fallback else {
                throw fail(name, "one of \(Word.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return fallback
        }
        guard let word = found.stringValue.flatMap(Word.init(rawValue:)) else {
            throw fail(name, "one of \(Word.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return word
    }
}
