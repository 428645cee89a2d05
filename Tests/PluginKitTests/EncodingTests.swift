import Foundation
import OrderedJSON
import PluginKit
import Testing

private func failure(_ value: some Encodable) -> String? {
    do throws(CodingFailure) {
        _ = try JSON(encoding: value)
        return nil
    } catch {
        return error.description
    }
}

struct `Writing a Swift type` {
    @Test func `writes members in the order of the type, and leaves out what is nil`() throws {
        struct Inner: Codable { var z: [Int?], a: [String: Bool] }
        struct Outer: Codable { var b: String, a: Inner, none: Int?, any: JSON }
        let outer = Outer(b: "x", a: Inner(z: [1, nil], a: ["k": true]), none: nil, any: ["n": .null, "d": 1.5])

        #expect(
            try JSON(encoding: outer).text == #"{"b":"x","a":{"z":[1,null],"a":{"k":true}},"any":{"n":null,"d":1.5}}"#
        )
    }

    @Test func `writes dictionaries in the order of their keys, which is the same in every process`() throws {
        let names = (0..<40).map { "k\($0 * 7 % 40)" }
        let texts = Dictionary(uniqueKeysWithValues: names.map { ($0, ["b": 1, "a": 2]) })
        let numbers = Dictionary(uniqueKeysWithValues: (0..<40).map { ($0, true) })

        #expect(try JSON(encoding: texts).objectValue?.keys == names.sorted())
        #expect(try JSON(encoding: texts)["k1"]?.text == #"{"a":2,"b":1}"#)
        #expect(try JSON(encoding: numbers).objectValue?.keys == (0..<40).map { String($0) }.sorted())
        #expect(try JSON(encoding: JSON.object(["b": 1, "a": 2])).text == #"{"b":1,"a":2}"#)
    }

    @Test func `writes empty objects and lists as such`() throws {
        struct Empty: Codable {}

        #expect(try JSON(encoding: Empty()).text == "{}")
        #expect(try JSON(encoding: [Int]()).text == "[]")
        #expect(try JSON(encoding: [Empty()]).text == "[{}]")
    }

    @Test func `writes containers that are filled later in the place where they were opened`() throws {
        struct Nested: Encodable {
            enum Keys: CodingKey { case first, list, last, owner }
            func encode(to encoder: any Encoder) throws {
                var outer = encoder.container(keyedBy: Keys.self)
                var inner = outer.nestedContainer(keyedBy: Keys.self, forKey: .first)
                var list = outer.nestedUnkeyedContainer(forKey: .list)
                try outer.encodeNil(forKey: .last)
                try inner.encode(1, forKey: .first)
                try list.encode("a")
                var deeper = list.nestedContainer(keyedBy: Keys.self)
                try list.encode(2.5)
                try deeper.encode(true, forKey: .last)
                try "me".encode(to: outer.superEncoder(forKey: .owner))
            }
        }

        let text = #"{"first":{"first":1},"list":["a",{"last":true},2.5],"last":null,"owner":"me"}"#
        #expect(try JSON(encoding: Nested()).text == text)
    }

    @Test func `writes what a superclass writes under super, and reads it back`() throws {
        class Base: Codable {
            var id = 1
        }
        final class Derived: Base {
            enum Keys: CodingKey { case name }
            override func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: Keys.self)
                try container.encode("n", forKey: .name)
                try super.encode(to: container.superEncoder())
            }
        }

        let json = try JSON(encoding: Derived())
        #expect(json == ["name": "n", "super": ["id": 1]])
        #expect(try json.decoded(as: [String: JSON].self)["super"]?.decoded(as: Base.self).id == 1)
    }

    @Test func `refuses numbers that JSON has no form for, with their place`() {
        #expect(failure(["a": [1, Double.nan]])?.hasPrefix("a/1: expected a number") == true)
        #expect(failure(Float.infinity)?.hasPrefix("the value: expected a number") == true)
        #expect(failure(["a": UInt64.max]) == "a: expected a whole number of 64 bits.")
    }

    @Test func `refuses a value that writes nothing`() {
        struct Silent: Encodable { func encode(to encoder: any Encoder) throws {} }

        #expect(failure(["a": Silent()]) == "a: expected a value that writes something.")
    }

    @Test func `reads back what it wrote, chosen by chance`() throws {
        struct Tree: Codable, Equatable {
            var number: Int64, fraction: Double, text: String, flag: Bool?
            var children: [Tree], named: [String: Tree]
        }
        let seed = UInt64.random(in: .min ... .max)
        var chance = Chance(state: seed)
        func tree(_ depth: Int) -> Tree {
            Tree(
                number: .random(in: .min ... .max, using: &chance),
                fraction: .random(in: -1e9...1e9, using: &chance),
                text: String(
                    (0..<5).map { _ in ["a", "é", "\u{1}", "\"", "😀"].randomElement(using: &chance) ?? "" }.joined()
                ),
                flag: [true, false, nil].randomElement(using: &chance) ?? nil,
                children: depth == 0 ? [] : (0..<2).map { _ in tree(depth - 1) },
                named: depth == 0 ? [:] : ["k": tree(depth - 1)]
            )
        }

        for _ in 0..<20 {
            let value = tree(3)
            let parsed = try JSON(parsing: try JSON(encoding: value).bytes)
            #expect(try parsed.decoded(as: Tree.self) == value, "seed \(seed)")
        }
    }

    private struct Chance: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }
}

struct `A value of any form in a Swift type` {
    @Test(arguments: [
        "null", "true", "-7", "0.25", #""é""#, "[]", "{}", #"[1,[null,"a"],{"b":{}}]"#,
        #"{"z":1,"a":[0.5,false],"n":null}"#,
    ])
    func `goes through other coders too`(text: String) throws {
        let json = try JSON(parsing: Array(text.utf8))
        let data = try JSONEncoder().encode(["it": json])

        #expect(try JSONDecoder().decode([String: JSON].self, from: data) == ["it": json])
        #expect(try JSON(parsing: Array(data))["it"] == json)
    }
}
