extension Office {
    /// An office in which what happens is told to whoever listens.
    static func withNews(_ body: (Office) async throws -> Void) async throws {
        try await Office.with { office in
            try await office.withNews { try await body(office) }
        }
    }

    /// Tells whoever listens what happens, for as long as a test runs.
    func withNews(_ body: () async throws -> Void) async throws {
        let news = gateway.news
        try await news.begin()
        let running = Task { await news.run() }
        defer { running.cancel() }
        try await body()
    }
}
