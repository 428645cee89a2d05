import Cryptography
import OrderedJSON

/// A part of a list, and where the next one begins.
struct Page<Item> {
    let items: ArraySlice<Item>
    /// What a client sends for the next part; nil for the last.
    let next: String?

    /// Cuts the part that a cursor asks for out of a list that is sorted by name.
    ///
    /// A cursor holds the name that its page begins after: lists change between two pages, and what neither came nor
    /// went is shown once. Of which list it is stands in it too.
    /// - Throws: -32602 for what was never given out for this list.
    init(
        of items: [Item],
        _ list: String,
        after cursor: JSON?,
        itemsMax: Int,
        name: (Item) -> String
    ) throws(MCPError) {
        var start = items.startIndex
        if let cursor, !cursor.isNull {
            guard let text = cursor.stringValue, let last = Page.name(in: text, list) else {
                throw .invalidParams("cursor: expected nextCursor of \(list), as it came")
            }
            start = items.firstIndex { name($0) > last } ?? items.endIndex
        }
        self.items = items[start...].prefix(max(1, itemsMax))
        next = self.items.endIndex < items.endIndex ? self.items.last.map { Page.cursor(after: name($0), list) } : nil
    }

    private static func cursor(after name: String, _ list: String) -> String {
        Base64.encode(Array("\(list)\n\(name)".utf8))
    }

    private static func name(in cursor: String, _ list: String) -> String? {
        guard cursor.utf8.count <= 2048, let bytes = Base64.decode(cursor),
            let text = String(validating: bytes, as: UTF8.self), text.utf8.starts(with: "\(list)\n".utf8)
        else { return nil }
        return String(text.dropFirst(list.count + 1))
    }
}
