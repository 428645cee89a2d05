import Foundation
import Gateway

extension Store {
    /// What is found where the database should be.
    package enum Look: Sendable, Equatable {
        /// Nothing yet; it is made at the first start.
        case nothing
        /// A database, in which so many of so many migrations have been done.
        case found(migrations: Int, of: Int)
    }

    /// Looks at a database without changing it, and without being in its host's way; blocks its thread meanwhile.
    ///
    /// A file is only looked at: opening it would meet the lock of the host that serves it.
    /// - Throws: `unavailable` with a sentence for the operator.
    package static func look(at url: DatabaseURL, settings: StoreSettings = StoreSettings()) throws(GatewayError)
        -> Look
    {
        switch url {
        case .sqlite(let path): return try look(atFile: path)
        case .postgres(let address):
            do {
                let connection = try PostgresConnection.open(address.reveal(), settings: settings)
                let tables = try connection.query(
                    "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'migrations'",
                    []
                ) { $0.integer(0) ?? 0 }
                guard tables.first ?? 0 > 0 else { return .nothing }
                let done = try connection.query("SELECT COUNT(*) FROM migrations", []) { $0.integer(0) ?? 0 }
                return .found(migrations: Int(done.first ?? 0), of: Migrations.all.count)
            } catch {
                let reason = (error as? SQLError)?.message ?? "\(error)"
                throw GatewayError(.unavailable, "PostgreSQL does not answer: \(reason)")
            }
        }
    }

    private static func look(atFile path: String) throws(GatewayError) -> Look {
        guard FileManager.default.fileExists(atPath: path) else { return .nothing }
        guard let file = FileHandle(forReadingAtPath: path), let head = try? file.read(upToCount: 16) else {
            throw GatewayError(.unavailable, "The database file \(path) cannot be read.")
        }
        guard head.isEmpty || head == Data("SQLite format 3\0".utf8) else {
            throw GatewayError(.unavailable, "The file \(path) is no SQLite database.")
        }
        guard FileManager.default.isWritableFile(atPath: path) else {
            throw GatewayError(.unavailable, "The database file \(path) cannot be written.")
        }
        return .found(migrations: Migrations.all.count, of: Migrations.all.count)
    }
}
