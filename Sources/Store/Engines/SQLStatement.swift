import Synchronization

/// A statement that runs with every call, written once: engines keep it prepared and find it by its number, which costs
/// less than finding it by its text.
final class SQLStatement: Sendable {
    /// Placeholders are `$1`, `$2` … in order.
    let text: String
    /// 0, 1, 2 … within the process.
    let number: Int

    private static let made = Atomic<Int>(0)

    init(_ text: String) {
        self.text = text
        number = SQLStatement.made.add(1, ordering: .relaxed).oldValue
    }
}

extension [SQLValue] {
    /// Adds texts to a statement's values, and answers their places in it for a list of `IN`: always `most` of them, so that
    /// there is one statement to keep prepared.
    mutating func places(_ texts: [String], _ most: Int) -> String {
        let first = count + 1
        self += (0..<most).map { .text($0 < texts.count ? texts[$0] : "") }
        return (first..<(first + most)).map { "$\($0)" }.joined(separator: ", ")
    }
}
