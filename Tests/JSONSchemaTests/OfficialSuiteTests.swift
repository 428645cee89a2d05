import Foundation
import OrderedJSON
import Testing

@testable import JSONSchema

/// The official suite for draft 2020-12: every required test.
///
/// `make setup-tests` fetches it.
struct `The official suite` {
    static let folder = URL(filePath: #filePath).appending(path: "../../../.build-fixtures/json-schema-suite")
        .standardized

    static let files: [String] = {
        let folder = Self.folder.appending(path: "tests/draft2020-12")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".json") }.sorted()
    }()

    @Test func `is there`() {
        #expect(Self.files.count > 40, "The suite is missing. Run make setup-tests.")
    }

    @Test(arguments: files)
    func `passes whole`(file: String) throws {
        let remotes = try Self.remotes()
        let document = try JSON(parsing: Self.read("tests/draft2020-12/" + file))
        var limits = SchemaLimits()
        limits.assertsFormat = false
        for group in document.arrayValue ?? [] {
            let name = group["description"]?.stringValue ?? ""
            let schema = try JSONSchema(compiling: #require(group["schema"]), limits: limits, remotes: remotes)
            for test in group["tests"]?.arrayValue ?? [] {
                let isValid = try schema.accepts(#require(test["data"]))
                let told = try schema.violations(in: #require(test["data"]))
                #expect(isValid == test["valid"]?.boolValue, "\(name): \(test["description"]?.stringValue ?? "")")
                #expect(told.isEmpty == isValid)
            }
        }
    }

    static func read(_ path: String) throws -> [UInt8] {
        try Array(Data(contentsOf: folder.appending(path: path)))
    }

    static func remotes() throws -> [String: JSON] {
        var remotes: [String: JSON] = [:]
        let root = folder.appending(path: "remotes")
        for case let path as String in FileManager.default.enumerator(atPath: root.path) ?? .init()
        where path.hasSuffix(".json") {
            remotes["http://localhost:1234/" + path] = try? JSON(parsing: read("remotes/" + path))
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "metaschemas").path) {
            let schema = try JSON(parsing: read("metaschemas/" + name))
            if let id = schema["$id"]?.stringValue { remotes[id] = schema }
        }
        return remotes
    }
}
