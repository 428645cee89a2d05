import Gateway

/// What a connection has prepared: names that are never used twice, so that none means another statement after one that
/// could not be prepared.
struct PostgresStatements {
    private var names: [String: String] = [:]
    /// Those that run with every call, by their numbers.
    private var numbered: [String?] = []
    private var made = 0
    private let countMax = 300

    var isFull: Bool { names.count >= countMax }

    func name(of sql: String) -> String? { names[sql] }

    func name(of statement: SQLStatement) -> String? {
        statement.number < numbered.count ? numbered[statement.number] : nil
    }

    mutating func newName() -> String {
        made += 1
        return "s\(made)"
    }

    mutating func keep(_ sql: String, as name: String) { names[sql] = name }

    mutating func keep(_ statement: SQLStatement, as name: String) {
        while numbered.count <= statement.number { numbered.append(nil) }
        numbered[statement.number] = name
    }

    /// Forgets one whose preparing failed.
    mutating func forget(_ name: String) {
        names = names.filter { $0.value != name }
        for index in numbered.indices where numbered[index] == name { numbered[index] = nil }
    }

    mutating func removeAll() {
        names.removeAll()
        numbered.removeAll()
    }
}

/// A statement's values where libpq reads them, in one buffer that is used again: texts and numbers end with a zero byte.
struct PostgresParameters {
    private var bytes: [UInt8] = []
    /// Where each value begins; less than 0 for null.
    private var offsets: [Int] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    mutating func fill(_ values: [SQLValue]) throws {
        begin()
        for value in values {
            switch value {
            case .null: appendNull()
            case .integer(let integer): append(integer)
            case .text(let text): try append(text.utf8)
            case .bytes(let raw): append(raw: raw)
            }
        }
    }

    mutating func fill(_ row: SQLRowBuffer) throws {
        begin()
        for field in row.fields {
            switch field {
            case .null: appendNull()
            case .integer(let integer): append(integer)
            case .text(let range): try append(row.bytes[range])
            case .bytes(let range): append(raw: row.bytes[range])
            }
        }
    }

    /// Calls libpq with count, values, lengths and formats.
    func with(
        _ call: (Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Int32
    ) -> Int32 {
        bytes.withUnsafeBytes { raw in
            withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: offsets.count) { pointers in
                let base = raw.bindMemory(to: CChar.self).baseAddress
                for (index, offset) in offsets.enumerated() {
                    pointers.initializeElement(at: index, to: offset < 0 ? nil : base?.advanced(by: offset))
                }
                return call(Int32(offsets.count), pointers.baseAddress.map { UnsafePointer($0) }, lengths, formats)
            }
        }
    }

    private mutating func begin() {
        bytes.removeAll(keepingCapacity: true)
        offsets.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        formats.removeAll(keepingCapacity: true)
    }

    private mutating func appendNull() { note(at: -1, length: 0, isBinary: false) }

    private mutating func append(_ integer: Int64) {
        let start = bytes.count
        bytes.append(contentsOf: String(integer).utf8)
        note(at: start, length: bytes.count - start, isBinary: false)
        bytes.append(0)
    }

    private mutating func append(_ utf8: some Collection<UInt8>) throws {
        // It would end the text there, for the server.
        if utf8.contains(0) { throw SQLError.nullCharacter }
        let start = bytes.count
        bytes.append(contentsOf: utf8)
        note(at: start, length: bytes.count - start, isBinary: false)
        bytes.append(0)
    }

    private mutating func append(raw: some Collection<UInt8>) {
        let start = bytes.count
        bytes.append(contentsOf: raw)
        note(at: start, length: bytes.count - start, isBinary: true)
        bytes.append(0)
    }

    private mutating func note(at offset: Int, length: Int, isBinary: Bool) {
        offsets.append(offset)
        lengths.append(Int32(length))
        formats.append(isBinary ? 1 : 0)
    }
}
