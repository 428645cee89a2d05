import OrderedJSON
import PluginKit
import Testing

private enum Kind: String, Codable, CaseIterable { case paybill, till }
private enum Colour: String, Codable { case red }

private struct Item: Codable, Equatable {
    var name: String
    var count: UInt8
}

private struct Order: Codable, Equatable {
    var id: Int
    var kind: Kind
    var items: [Item]
    var labels: [String: Double]
    var note: String?
    var details: JSON?
}

private let order: JSON = [
    "id": 7, "kind": "till", "items": [["name": "a", "count": 1], ["name": "b", "count": 255]],
    "labels": ["x": 1, "y": 0.5], "details": ["any": [1, "2", 0.25]],
]

/// What reading fails with.
private func failure<Value: Decodable>(_ json: JSON, as type: Value.Type) -> String? {
    do throws(CodingFailure) {
        _ = try json.decoded(as: type)
        return nil
    } catch {
        return error.description
    }
}

struct `Reading a Swift type` {
    @Test func `reads nested objects, lists, dictionaries, enumerations and values of any form`() throws {
        let read = try order.decoded(as: Order.self)

        #expect(read.id == 7 && read.kind == .till && read.note == nil)
        #expect(read.items == [Item(name: "a", count: 1), Item(name: "b", count: 255)])
        #expect(read.labels == ["x": 1, "y": 0.5] && read.details == ["any": [1, "2", 0.25]])
    }

    static let wrong: [(String, JSON, String)] = [
        ("/id", "7", "id: expected a whole number, found a string."),
        ("/id", 10.9, "id: expected a whole number, found a number with a fraction."),
        ("/id", .null, "id: expected a whole number, found null."),
        ("/kind", "bank", #"kind: expected one of "paybill", "till"."#),
        ("/kind", 1, "kind: expected a string, found a whole number."),
        ("/items", [:], "items: expected a list, found an object."),
        ("/items/1", true, "items/1: expected an object, found a truth value."),
        ("/items/1/name", [], "items/1/name: expected a string, found a list."),
        (
            "/items/0/count", 256,
            "items/0/count: expected a whole number from 0 to 255, written without fraction and exponent."
        ),
        ("/labels/y", "1", "labels/y: expected a number, found a string."),
        ("/note", 1, "note: expected a string, found a whole number."),
    ]

    @Test(arguments: wrong)
    func `names the place and what was expected, never the value`(place: String, value: JSON, says: String) throws {
        var changed = order
        changed.set(value, at: try JSONPointer(parsing: place))

        #expect(failure(changed, as: Order.self) == says)
    }

    @Test func `names what is missing`() {
        var object = order.objectValue
        object?["kind"] = nil

        #expect(
            failure(.object(object ?? [:]), as: Order.self)
                == #"kind: expected one of "paybill", "till", but it is missing."#
        )
        #expect(failure(["name": "a"], as: Item.self) == "count: expected a whole number, but it is missing.")
        #expect(failure([], as: Order.self) == "the value: expected an object, found a list.")
    }

    @Test func `tells an optional that is missing or null from one that is wrong`() throws {
        #expect(try JSON.object(["note": .null]).decoded(as: [String: String?].self).count == 1)
        var changed = order
        changed.set(.null, at: try JSONPointer(parsing: "/note"))
        #expect(try changed.decoded(as: Order.self).note == nil)
        changed.set("n", at: try JSONPointer(parsing: "/note"))
        #expect(try changed.decoded(as: Order.self).note == "n")
    }

    @Test func `lets a type tell missing from null`() throws {
        struct Patch: Decodable {
            enum CodingKeys: CodingKey { case note }
            let says: String
            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: CodingKeys.self)
                guard container.contains(.note) else { says = "keep"; return }
                says = try container.decodeNil(forKey: .note) ? "clear" : "set"
            }
        }

        #expect(try JSON.object([:]).decoded(as: Patch.self).says == "keep")
        #expect(try JSON.object(["note": .null]).decoded(as: Patch.self).says == "clear")
        #expect(try JSON.object(["note": "x"]).decoded(as: Patch.self).says == "set")
    }

    @Test func `gives an enumeration that does not list its values the name of its type`() {
        #expect(failure("blue", as: Colour.self) == "the value: expected a value of Colour.")
    }

    @Test func `keeps a type's own words, and the place it names`() {
        struct Even: Decodable {
            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                guard try container.decode(Int.self).isMultiple(of: 2) else {
                    throw DecodingError.dataCorruptedError(in: container, debugDescription: "expected an even number")
                }
            }
        }

        struct Code: RawRepresentable, Decodable {
            let rawValue: String
            init?(rawValue: String) { self.rawValue = rawValue }
            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                rawValue = try container.decode(String.self)
                guard rawValue.count == 3 else {
                    throw DecodingError.dataCorruptedError(in: container, debugDescription: "expected three letters")
                }
            }
        }

        #expect(failure(["a": [2, 3]], as: [String: [Even]].self) == "a/1: expected an even number.")
        #expect(failure(["a": "KE"], as: [String: Code].self) == "a: expected three letters.")
    }

    @Test func `reads what the standard library writes as lists and keyed cases`() throws {
        enum Answer: Codable, Equatable { case yes, no(because: String) }

        #expect(try JSON.object(["no": ["because": "x"]]).decoded(as: Answer.self) == .no(because: "x"))
        #expect(try JSON.array([1, 5]).decoded(as: ClosedRange<Int>.self) == 1...5)
        #expect(try JSON.object(["1": "a"]).decoded(as: [Int: String].self) == [1: "a"])
        #expect(try JSON.array([1, .null]).decoded(as: [Int?].self) == [1, nil])
        #expect(failure([1], as: ClosedRange<Int>.self) == "1: expected a whole number, but the list ends before it.")
    }
}

struct `Reading numbers` {
    @Test(arguments: [("0", 0), ("-0.0", 0), ("5.0", 5), ("5e2", 500), ("9007199254740993.0", 9_007_199_254_740_993)])
    func `takes every way of writing a whole number`(text: String, number: Int) throws {
        #expect(try JSON(parsing: Array(text.utf8)).decoded(as: Int.self) == number)
    }

    @Test(arguments: [
        "9223372036854775808", "-9223372036854775809", "1e30", "1.0000000000000000001", "0.1", "-10.9", "1e-3",
    ])
    func `takes nothing for a whole number that is none, or that is not known exactly`(text: String) throws {
        let json = try JSON(parsing: Array(text.utf8))

        #expect(failure(json, as: Int.self)?.hasPrefix("the value: expected a whole number") == true)
        #expect(throws: Never.self) { try json.decoded(as: Double.self) }
    }

    @Test func `reads every width to its ends, and not past them`() throws {
        func check<Integer: FixedWidthInteger & Codable & Sendable>(_: Integer.Type) throws {
            for end in [Int64(clamping: Integer.min), Int64(clamping: Integer.max)] {
                #expect(try JSON.integer(end).decoded(as: Integer.self) == Integer(end))
                #expect(try JSON(encoding: Integer(end)) == .integer(end))
            }
            guard Integer.bitWidth < 64 else { return }
            #expect(failure(.integer(Int64(Integer.max) + 1), as: Integer.self) != nil)
            #expect(failure(.integer(Int64(Integer.min) - 1), as: Integer.self) != nil)
        }

        try check(Int.self)
        try check(Int8.self)
        try check(Int16.self)
        try check(Int32.self)
        try check(Int64.self)
        try check(Int128.self)
        try check(UInt.self)
        try check(UInt8.self)
        try check(UInt16.self)
        try check(UInt32.self)
        try check(UInt64.self)
        try check(UInt128.self)
        #expect(failure(-1, as: UInt.self) != nil)
    }

    @Test func `reads a member of every width`() throws {
        struct Wide: Codable, Equatable {
            var a: Int8, b: UInt16, c: Int32, d: UInt64, e: Int128, f: UInt128, g: Float, h: Double, i: Bool
            var j: Int128?, k: UInt128?, l: [Int128?]
        }
        let json: JSON = [
            "a": -1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 0.1, "h": 0.1, "i": true, "j": 7, "k": 8,
            "l": [9, .null],
        ]
        let wide = try json.decoded(as: Wide.self)

        #expect(wide == Wide(a: -1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 0.1, h: 0.1, i: true, j: 7, k: 8, l: [9, nil]))
        #expect(try JSON(encoding: wide).text == json.text)
    }

    @Test func `takes no number for a Float that is beyond it`() {
        #expect(failure(1e300, as: Float.self) == "the value: expected a number that a Float can hold, found a number.")
    }
}
