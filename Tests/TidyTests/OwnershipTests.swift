import Foundation
import Testing

/// Swift runs `deinit` of an object whose initializer throws once all of it is set: what the initializer has freed by
/// then is freed twice.
struct `A class that frees in its deinit` {
    /// Files whose class may throw all the same, and why.
    static let exceptions = ["WorkerLibrary.swift": "its deinit ends links, and it has none before its last throw"]

    @Test func `has no initializer that throws`() {
        let files = `The house`.files(in: ["Sources", "Plugins"], ending: [".swift"])
            .filter { $0.lines.contains { $0.contains("deinit {") } }

        #expect(files.count > 5)
        for file in files {
            let name = file.path.split(separator: "/").last.map(String.init) ?? ""
            let isKnown = Self.exceptions[name] != nil
            #expect(Self.hasThrowingInitializer(file.lines.joined(separator: "\n")) == isKnown, "\(file.path)")
        }
        #expect(Self.hasThrowingInitializer("init(\n    a: Int,\n    b: () -> Int\n) throws(E) {"))
        #expect(!Self.hasThrowingInitializer("init?(a: Int) {\n func b() throws {"))
    }

    static func hasThrowingInitializer(_ source: String) -> Bool {
        source.contains(/\binit[?]?\([^{]*\)\s*(async\s+)?throws/)
    }
}
