extension Office {
    /// An office in which what happens is told to whoever listens.
    static func withNews(_ body: (Office) async throws -> Void) async throws {
        try await Office.with { office in
            let news = office.gateway.news
            try await news.begin()
            let running = Task { await news.run() }
            defer { running.cancel() }
            try await body(office)
        }
    }
}
