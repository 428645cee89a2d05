import Gateway

/// PostgreSQL's connection that writes, reopened when it was lost.
final class PostgresWriter: WriteEngine {
    private let address: String
    private let settings: StoreSettings
    private var pipeline: PostgresPipeline?
    /// What ran on connections before this one.
    private var changesBefore: Int64 = 0

    init(address: String, settings: StoreSettings) {
        self.address = address
        self.settings = settings
    }

    var session: any SQLSession { pipeline ?? NoSession() as any SQLSession }
    var isReady: Bool { pipeline?.connection.isAlive == true }
    var misjudged: Misjudged { pipeline?.misjudged ?? Misjudged() }
    var changesSoFar: Int64 { changesBefore + (pipeline?.changesSoFar ?? 0) }
    var mayPresume = true {
        didSet { pipeline?.mayPresume = mayPresume }
    }

    func begin(_ beginning: Beginning) throws {
        if !isReady { close() }
        let pipeline = try pipeline ?? PostgresPipeline(PostgresConnection.open(address, settings: settings))
        self.pipeline = pipeline
        pipeline.mayPresume = mayPresume
        try pipeline.begin(beginning)
    }

    func mark(_ member: Int) { pipeline?.mark(member) }
    func settle() throws { try pipeline?.settle() }
    func savepoint() throws { try pipeline?.savepoint() }
    func release(undone: Bool) throws { try pipeline?.release(undone: undone) }
    func check() throws { try pipeline?.check() }
    func commit() throws { try pipeline?.commit() }

    func undo() {
        guard let pipeline, isReady else {
            // The server rolls back what it finds abandoned.
            return close()
        }
        pipeline.connection.deadline = max(pipeline.connection.deadline, .now + .seconds(1))
        do { try pipeline.undo() } catch { close() }
    }

    func end() { close() }

    private func close() {
        changesBefore = changesSoFar
        pipeline = nil
    }
}

/// What runs statements where there is no connection.
private final class NoSession: SQLSession {
    private let error = SQLError(message: "there is no connection to PostgreSQL", isAway: true)

    func execute(_ sql: String, _ values: [SQLValue]) throws -> Int { throw error }

    func query<Element>(_ sql: String, _ values: [SQLValue], _ read: (any SQLRow) throws -> Element) throws
        -> [Element]
    {
        throw error
    }
}
