import Gateway

@testable import Store

extension Bureau {
    /// How many calls of anybody were counted.
    func usage() async throws -> Int {
        try await store.append([], usage: [])
        let counts = try await store.read { sql in
            try sql.query("SELECT succeeded + failed FROM usage", []) { $0.integer(0) ?? 0 }
        }
        return Int(counts.reduce(0, +))
    }
}
