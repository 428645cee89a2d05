import JSONSchema
import OrderedJSON
import PluginKit

/// What a Swift type does with values that its schema allows.
struct Reading<Value: Decodable> {
    typealias Disagreement = SchemaComparison.Disagreement

    private let log = ReadLog()
    private let values: [JSON]
    private var taken: [(json: JSON, value: Value)] = []
    private var failures: [(json: JSON, failure: CodingFailure)] = []

    init(_ type: Value.Type, _ values: [JSON]) {
        self.values = values
        for json in values {
            do throws(CodingFailure) { taken.append((json, try json.decoded(as: type, log: log))) } catch {
                failures.append((json, error))
            }
        }
    }

    private var subject: String { String(describing: Value.self) }

    /// What was read, and what was refused, beside the schema.
    func compare(_ samples: SchemaSamples, _ side: SchemaComparison.Side) -> [Disagreement] {
        let comparison = SchemaComparison(
            samples,
            log.reads,
            made: values.places,
            present: taken.map(\.json).places,
            subject: subject,
            side
        )
        // A property that has the wrong type is refused too; once is enough.
        var said = Set(comparison.disagreements.map(\.place))
        return comparison.disagreements
            + failures.compactMap { json, failure in
                let place = failure.pointer.tokens.map { Int($0) == nil ? $0 : "*" }
                guard said.insert(place).inserted else { return nil }
                return Disagreement(place: place, sentence: sentence(json, failure))
            }
    }

    private func sentence(_ json: JSON, _ failure: CodingFailure) -> String {
        if failure.isMissing { return "\(subject) needs it, and the schema does not require it" }
        let sample = json.value(at: failure.pointer)?.text ?? "a value without it"
        let shown = sample.count > 60 ? sample.prefix(60) + "…" : sample
        return "the schema allows \(shown), and \(subject) does not: \(failure.reason)"
    }
}

extension Reading where Value: Encodable {
    /// What was written of the values that were read, beside the schema.
    func compareWritten(_ samples: SchemaSamples) -> [Disagreement] {
        var writing = Writing([])
        for (json, value) in taken {
            do throws(CodingFailure) { writing.add(try JSON(encoding: value), of: json) } catch {
                return [
                    Disagreement(place: error.pointer.tokens, sentence: "\(subject) cannot be written: \(error.reason)")
                ]
            }
        }
        return writing.compare(samples, subject: subject) + leftOut(samples)
    }

    /// What the schema requires and the type may leave out.
    private func leftOut(_ samples: SchemaSamples) -> [Disagreement] {
        var said: Set<[String]> = []
        return values.flatMap { json in
            SchemaSamples.requiredMembers(samples, of: json)
                .compactMap { pointer -> Disagreement? in
                    let place = pointer.tokens.map { Int($0) == nil ? $0 : "*" }
                    guard !said.contains(place), let without = json.removing(pointer.tokens[...]),
                        let value = try? without.decoded(as: Value.self), let written = try? JSON(encoding: value),
                        written.value(at: pointer) == nil
                    else { return nil }
                    said.insert(place)
                    return Disagreement(
                        place: place,
                        sentence: "the schema requires it, and \(subject) may leave it out"
                    )
                }
        }
    }
}

/// Output, as it was written.
struct Writing {
    private var written: [JSON]
    /// What there was to write; nil where nobody knows.
    private var present: Set<[String]>?

    init(_ values: [JSON]) { written = values.map(\.withoutContent) }

    mutating func add(_ json: JSON, of source: JSON) {
        written.append(json.withoutContent)
        present = (present ?? []).union(source.withoutContent.kinds().keys)
    }

    func compare(_ samples: SchemaSamples, subject: String) -> [SchemaComparison.Disagreement] {
        var places: SchemaComparison.Places = [:]
        for json in written { places.merge(json.kinds()) { $0.union($1) } }
        let comparison = SchemaComparison(
            samples,
            places,
            made: nil,
            present: present,
            subject: subject,
            .written
        )
        var said = Set(comparison.disagreements.map(\.place))
        let invalid = written.flatMap { json in
            samples.violations(in: json)
                .compactMap { violation -> SchemaComparison.Disagreement? in
                    let tokens = (try? JSONPointer(parsing: violation.instancePath))?.tokens ?? []
                    guard said.insert(tokens.map { Int($0) == nil ? $0 : "*" }).inserted else { return nil }
                    return .init(
                        place: tokens,
                        sentence: "\(subject) writes what the schema refuses: \(violation.message)"
                    )
                }
        }
        return comparison.disagreements + invalid
    }
}

extension SchemaSamples {
    /// The places in a value of members that its schema requires.
    static func requiredMembers(_ samples: SchemaSamples, of json: JSON) -> [JSONPointer] {
        func walk(_ json: JSON, _ schema: JSON, _ place: [String]) -> [JSONPointer] {
            samples.alternatives(schema)
                .flatMap { schema -> [JSONPointer] in
                    let required = schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? []
                    let here = required.filter { json[$0] != nil }.map { JSONPointer(tokens: place + [$0]) }
                    let members = (schema["properties"]?.objectValue ?? [:])
                        .flatMap { name, property in json[name].map { walk($0, property, place + [name]) } ?? [] }
                    let elements = (json.arrayValue ?? []).enumerated()
                        .flatMap { walk($1, schema["items"] ?? true, place + [String($0)]) }
                    return here + members + elements
                }
        }
        return walk(json, samples.document, [])
    }
}

extension JSON {
    /// The value without the member at a place; nil where there is none.
    fileprivate func removing(_ tokens: ArraySlice<String>) -> JSON? {
        guard let token = tokens.first else { return nil }
        if var object = objectValue, let member = object[token] {
            if tokens.count > 1 {
                guard let changed = member.removing(tokens.dropFirst()) else { return nil }
                object[token] = changed
            } else {
                object[token] = nil
            }
            return .object(object)
        }
        guard var elements = arrayValue, let index = Int(token), elements.indices.contains(index),
            let changed = elements[index].removing(tokens.dropFirst())
        else { return nil }
        elements[index] = changed
        return .array(elements)
    }

    /// Output without its content blocks, which stand beside the schema: docs/abi.md, section 8.
    fileprivate var withoutContent: JSON {
        guard var object = objectValue else { return self }
        object["$content"] = nil
        return .object(object)
    }
}
