import Gateway

// What is made of a record's row of which a column is damaged.
extension RecordCoding {
    private static let versionColumn = 15
    /// The amount, and the moments.
    private static let numberColumns = [9, 12, 17, 18, 19, 20, 21]

    /// How a record stands, as far as that can be read.
    struct Words {
        /// Nil where nobody can read it: a person looks, and until one has, nothing is sent and nothing decided.
        let state: RecordState?
        let recordClass: RecordClass?
        let direction: OperationDirection?

        /// Whether all of it can be read.
        var areWhole: Bool { state != nil && recordClass != nil && direction != nil }
    }

    /// Reads how a record stands.
    ///
    /// What never left is withdrawn, whatever it is and whichever way its money was to go.
    /// - Throws: Where what it is, or which way its money went, cannot be read of one that may have left, or its version of any.
    static func words(of row: any SQLRow) throws -> Words {
        guard row.isWhole(versionColumn) else { throw damaged(versionColumn) }
        let words = Words(
            state: row.text(14).flatMap(RecordState.init(rawValue:)),
            recordClass: row.text(3).flatMap(RecordClass.init(rawValue:)),
            direction: row.text(7).flatMap(OperationDirection.init(rawValue:))
        )
        if [.draft, .released, .withdrawn].contains(words.state) { return words }
        if words.recordClass == nil { throw damaged(3) }
        if words.direction == nil { throw damaged(7) }
        return words
    }

    /// Whether what should be numbers are.
    static func hasNumbers(_ row: any SQLRow) -> Bool { numberColumns.allSatisfy(row.isWhole) }

    static func damaged(_ column: Int) -> SQLError {
        SQLError(message: "a record's row is damaged in column \(column)")
    }
}
