import Foundation
import OrderedJSON

/// A recorded message with something about it changed.
struct Mutation {
    /// What is sent instead.
    let bytes: [UInt8]
    /// For a report: ", cut after 17 bytes".
    let how: String
    /// Whether the proof has gone with the change, so that it can prove no payment.
    let losesProof: Bool

    /// How many places a message is cut at, and how many of its members are changed.
    private static let cutsMax = 300
    private static let membersMax = 120

    /// Everything that is tried with a recording; of one that says what its proof is, it is known what loses it.
    static func all(of recording: Recording, proof: [JSONPointer]? = nil) -> [Mutation] {
        let proof = proof ?? recording.proof ?? []
        guard let document = recording.document else { return cuts(recording.body, losesProof: false) }
        return cuts(recording.body, losesProof: true)
            + places(in: document).prefix(membersMax)
            .flatMap { place -> [Mutation] in
                // What is within the proof, and what it is within, is proof.
                let isProof = proof.contains { $0.tokens.starts(with: place.tokens) }
                return changes(of: document, at: place, isProof: isProof)
            } + additions(recording.body)
    }

    // MARK: Bytes

    private static func cuts(_ body: [UInt8], losesProof: Bool) -> [Mutation] {
        let step = max(1, body.count / cutsMax)
        var places = Set(stride(from: 0, to: body.count, by: step))
        places.formUnion(max(0, body.count - 20)..<body.count)
        return places.sorted()
            .map { place in
                // White space at the end is no part of it.
                let isWhole = body[place...].allSatisfy { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
                return Mutation(
                    bytes: Array(body.prefix(place)),
                    how: ", cut after \(place) bytes",
                    losesProof: losesProof && !isWhole
                )
            }
    }

    private static func additions(_ body: [UInt8]) -> [Mutation] {
        [
            Mutation(bytes: body + body, how: ", twice", losesProof: true),
            Mutation(bytes: body + Array("x".utf8), how: ", with a letter behind it", losesProof: true),
            Mutation(bytes: Array("<!-- ".utf8) + body + Array(" -->".utf8), how: ", in a comment", losesProof: true),
            Mutation(bytes: Array("[".utf8) + body + Array("]".utf8), how: ", in a list", losesProof: false),
            // As in a list, it is whole, and a plugin may read it where it names the payment.
            Mutation(
                bytes: JSON.string(String(decoding: body, as: UTF8.self)).bytes,
                how: ", as a text",
                losesProof: false
            ),
            Mutation(bytes: [UInt8](repeating: 0x5B, count: 100_000) + body, how: ", very deep", losesProof: true),
        ]
    }

    // MARK: Members

    /// Every member and element, outer ones first.
    static func places(in document: JSON) -> [JSONPointer] {
        var found: [[String]] = []
        var waiting: [[String]] = [[]]
        while let tokens = waiting.popLast() {
            guard let value = document.value(at: JSONPointer(tokens: tokens)) else { continue }
            if !tokens.isEmpty { found.append(tokens) }
            waiting += (value.objectValue?.keys ?? []).map { tokens + [$0] }
            waiting += (value.arrayValue ?? []).indices.map { tokens + [String($0)] }
        }
        return found.sorted { $0.count < $1.count }.map { JSONPointer(tokens: $0) }
    }

    /// The message without a member.
    static func without(_ place: JSONPointer, in document: JSON) -> Mutation {
        Mutation(
            bytes: Array(text(document, place.tokens[...]) { _, _ in nil }.utf8),
            how: " without \(place)",
            losesProof: true
        )
    }

    private static let long = JSON.string(String(repeating: "9", count: 30_000))
    private static let deep = String(repeating: "[", count: 50) + String(repeating: "]", count: 50)
    private static let tooDeep = String(repeating: "[", count: 20_000) + String(repeating: "]", count: 20_000)

    private static func changes(of document: JSON, at place: JSONPointer, isProof: Bool) -> [Mutation] {
        /// Texts that stand in a value's place, and whether the proof is gone with it.
        let other: [(text: String, losesProof: Bool)] = [
            ("null", true), ("{}", true), ("[]", true), ("\"\"", true), (deep, true), (tooDeep, true), ("tru", true),
            ("[{\"a\":[1]}]", true), ("false", true), ("\"\\ud800\"", true), ("\"\\u0000\"", true), (text(long), true),
            ("1e999", false), ("-1", false), ("0", false), (String(repeating: "9", count: 400), false),
            ("0.30000000000000004", false), ("-0", false), ("9223372036854775808", false),
        ]
        var made = [without(place, in: document)].map { Mutation(bytes: $0.bytes, how: $0.how, losesProof: isProof) }
        for (text, losesProof) in other {
            let changed = self.text(document, place.tokens[...]) { name, _ in name.map { "\($0):\(text)" } ?? text }
            made.append(
                Mutation(
                    bytes: Array(changed.utf8),
                    how: " with \(text.prefix(20)) at \(place)",
                    losesProof: isProof && losesProof
                )
            )
        }
        for second in ["null", "\"x\""] {
            for isFirst in [true, false] {
                let changed = self.text(document, place.tokens[...]) { name, value in
                    guard let name else { return value }
                    return isFirst ? "\(name):\(second),\(name):\(value)" : "\(name):\(value),\(name):\(second)"
                }
                let how = " with \(second) \(isFirst ? "before" : "behind") another \(place)"
                // Of one name twice the last counts, as most readers have it.
                let isTwice = place.tokens.last.map { Int($0) == nil } ?? false
                made.append(
                    Mutation(
                        bytes: Array(changed.utf8),
                        how: how,
                        losesProof: isProof && isTwice && !isFirst && second == "null"
                    )
                )
            }
        }
        return made
    }

    private static func text(_ value: JSON) -> String { String(decoding: value.bytes, as: UTF8.self) }

    /// The document's text with what `change` makes of one member, named, or element; nil leaves it out.
    private static func text(
        _ value: JSON,
        _ place: ArraySlice<String>,
        _ change: (_ name: String?, _ value: String) -> String?
    ) -> String {
        guard let token = place.first else { return text(value) }
        let isLast = place.count == 1
        if let object = value.objectValue {
            let members = object.compactMap { name, member -> String? in
                let name = (key: name, text: text(.string(name)))
                guard name.key == token else { return "\(name.text):\(text(member))" }
                return isLast
                    ? change(name.text, text(member)) : "\(name.text):\(text(member, place.dropFirst(), change))"
            }
            return "{" + members.joined(separator: ",") + "}"
        }
        let elements = (value.arrayValue ?? []).enumerated()
            .compactMap { index, element -> String? in
                guard String(index) == token else { return text(element) }
                return isLast ? change(nil, text(element)) : text(element, place.dropFirst(), change)
            }
        return "[" + elements.joined(separator: ",") + "]"
    }
}
