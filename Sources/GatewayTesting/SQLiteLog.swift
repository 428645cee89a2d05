import Foundation

/// What SQLite's log has of a store: pages, and the commits that brought them.
package struct SQLiteLog: Equatable {
    /// Pages that were written.
    package var pages = 0
    /// Commits that brought them.
    package var commits = 0

    /// Reads the file beside a database: 32 bytes, then a header of 24 bytes before each page, whose second number is not 0
    /// where a commit ends (sqlite.org/fileformat.html, "WAL File Format").
    package init(beside database: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: database + "-wal")))
        func number(at place: Int) -> Int { bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) } }
        let (page, salt) = (number(at: 8), bytes[16..<24])
        var place = 32
        // What an earlier round of the log left behind has another salt.
        while place + 24 + page <= bytes.count, bytes[place + 8..<place + 16].elementsEqual(salt) {
            (pages, commits) = (pages + 1, commits + (number(at: place + 4) == 0 ? 0 : 1))
            place += 24 + page
        }
    }
}
