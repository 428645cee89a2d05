import Gateway

/// The one truth: every repository of the house over one database.
///
/// `Store.swift` opens it; `Store+….swift` hold the SQL, a file for each repository.
package final class Store: Sendable {
    let database: any Database

    private init(database: any Database) { self.database = database }

    /// Opens the database, bringing its schema up to date.
    ///
    /// - Throws: `unavailable` with a sentence for the operator.
    package static func open(
        _ url: DatabaseURL,
        settings: StoreSettings = StoreSettings()
    ) async throws(GatewayError) -> Store {
        do {
            let database = try engine(url, settings: settings)
            try await Migrations.run(on: database)
            return Store(database: database)
        } catch {
            throw Store.unavailable(error)
        }
    }

    /// The engine behind a URL, its schema as it stands.
    static func engine(_ url: DatabaseURL, settings: StoreSettings) throws -> any Database {
        switch url {
        case .sqlite(let path): try SQLiteDatabase(path: path, settings: settings)
        case .postgres(let address): try PostgresDatabase(address: address.reveal(), settings: settings)
        }
    }

    /// Writes what is queued and closes the database.
    package func shutdown() { database.shutdown() }

    @discardableResult
    func write<Result: Sendable>(
        _ job: @escaping @Sendable (WriteSession) throws -> Result
    ) async throws(GatewayError) -> Result {
        do { return try await database.write(job) } catch { throw Store.unavailable(error) }
    }

    func read<Result: Sendable>(
        _ job: @escaping @Sendable (any SQLSession) throws -> Result
    ) async throws(GatewayError) -> Result {
        do { return try await database.read(job) } catch { throw Store.unavailable(error) }
    }

    static func unavailable(_ error: any Error) -> GatewayError {
        if let error = error as? GatewayError { return error }
        let reason = (error as? SQLError)?.message ?? "\(error)"
        return GatewayError(
            .unavailable,
            "The gateway's store is not available now. Nothing was decided; try again in a moment.",
            detail: reason,
            retryAfter: .seconds(1)
        )
    }
}

/// Where the data is: `sqlite:PATH` or `postgres://…`.
package enum DatabaseURL: Sendable {
    /// A file of the embedded engine.
    case sqlite(path: String)
    /// A server, as libpq writes addresses; it may hold a password.
    case postgres(Secret<String>)

    /// Reads the text of the setting.
    ///
    /// - Throws: `invalidArgument`, which never repeats the text: it may hold a password.
    package init(_ text: String) throws(GatewayError) {
        if text.hasPrefix("sqlite:"), text.utf8.count > 7 {
            self = .sqlite(path: String(text.dropFirst(7)))
        } else if text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") {
            self = .postgres(Secret(text))
        } else {
            throw GatewayError(.invalidArgument, "GATEWAY_DATABASE_URL must be sqlite:PATH or postgres://….")
        }
    }
}
