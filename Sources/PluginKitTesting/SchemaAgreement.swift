import JSONSchema
import OrderedJSON
import PluginKit

/// Says whether a JSON Schema and the Swift code behind it mean the same.
///
/// Values that the schema allows are made, read, and what was read of them is compared with the schema: properties that
/// nobody reads, members that the schema does not have or does not require, other types, other values of enumerations.
/// Each disagreement is a sentence that begins with the property's place.
public enum SchemaAgreement {
    /// Compares a schema with a type that arguments are read as.
    ///
    /// - Parameter examples: Valid arguments, for what cannot be made up: texts of a pattern, for one.
    public static func arguments<Value: Decodable>(
        _ type: Value.Type,
        schema: JSON,
        examples: [JSON] = []
    ) -> [String] {
        check(schema, examples) { samples, values in
            let reading = Reading(type, values)
            return reading.compare(samples, .arguments)
        }
    }

    /// Compares a schema with a type that is written as output.
    ///
    /// The same as for arguments, and besides: all that is written is valid, and all that is required is written. A type
    /// that agrees has exactly the schema's properties; how long texts and how large numbers become is not looked at.
    public static func output<Value: Codable>(
        _ type: Value.Type,
        schema: JSON,
        examples: [JSON] = []
    ) -> [String] {
        check(schema, examples) { samples, values in
            let reading = Reading(type, values)
            return reading.compare(samples, .output) + reading.compareWritten(samples)
        }
    }

    /// Compares a schema with values that were written: all are valid, and every property is written in one of them.
    public static func written(_ values: [JSON], schema: JSON) -> [String] {
        withSamples(of: schema) { samples in
            Writing(values).compare(samples, subject: "the tool").map(\.text)
        }
    }

    /// Compares a schema with what reads its values member by member, keeping account in a log.
    ///
    /// - Parameter read: Reads one value; answers whether it got through, so that what it had not read it never will.
    static func reading(
        schema: JSON,
        examples: [JSON],
        read: (JSON, ReadLog) -> Bool
    ) -> [String] {
        check(schema, examples) { samples, values in
            let log = ReadLog()
            var present: Set<[String]> = []
            for value in values where read(value, log) { present.formUnion(value.kinds().keys) }
            let refusal =
                present.isEmpty ? "the tool took none of the \(values.count) values that the schema allows" : nil
            let comparison = SchemaComparison(
                samples,
                log.reads,
                made: values.places,
                present: present,
                subject: "the tool",
                .arguments
            )
            return (refusal.map { [.init(place: [], sentence: $0)] } ?? []) + comparison.disagreements
        }
    }

    private static func check(
        _ schema: JSON,
        _ examples: [JSON],
        _ compare: (SchemaSamples, [JSON]) -> [SchemaComparison.Disagreement]
    ) -> [String] {
        withSamples(of: schema) { samples in
            let wrong = examples.filter { !samples.violations(in: $0).isEmpty }
                .map { "an example is not valid: \($0.text)" }
            let values = samples.values(examples: examples)
            guard !values.isEmpty else {
                return wrong + ["the whole: no value could be made: add `examples` to the schema."]
            }
            var said: Set<String> = []
            return (wrong + compare(samples, values).map(\.text)).filter { said.insert($0).inserted }
        }
    }

    private static func withSamples(of schema: JSON, _ compare: (SchemaSamples) -> [String]) -> [String] {
        do throws(SchemaError) { return compare(try SchemaSamples(schema)) } catch {
            return ["the schema cannot be used: \(error.description)"]
        }
    }
}

extension SchemaComparison.Disagreement {
    var text: String {
        let pointer = JSONPointer(tokens: place).description.dropFirst()
        return (pointer.isEmpty ? "the whole" : String(pointer)) + ": " + sentence + "."
    }
}
