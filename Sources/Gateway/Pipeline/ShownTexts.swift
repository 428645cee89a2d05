import Synchronization

/// Texts that are made of what a caller sees (lists of tools, the OpenAPI document), kept for all who see the same.
///
/// Their keys change with what they are made of, so nothing here grows old. Bounded by bytes: past that all are made
/// anew, once each.
package final class ShownTexts: Sendable {
    /// What a text is made of, and in which form.
    package struct Key: Hashable, Sendable {
        let tools: Int
        let actions: Int
        let form: Int

        /// Of views, by their ids; 0 for none.
        package init(tools: ToolView?, actions: ActionView?, form: Int = 0) {
            self.tools = tools?.id ?? 0
            self.actions = actions?.id ?? 0
            self.form = form
        }
    }

    /// A text, and what the next page of it goes by, if there is one.
    package struct Text: Sendable {
        /// The bytes.
        package let bytes: [UInt8]
        /// The next page.
        package let next: String?

        /// States a text.
        package init(_ bytes: [UInt8], next: String? = nil) {
            self.bytes = bytes
            self.next = next
        }
    }

    private let bytesMax: Int
    private let known = Mutex<(bytes: Int, texts: [Key: Text])>((0, [:]))
    private let made = Atomic(0)

    /// How many texts were made: what tests count.
    package var madeCount: Int { made.load(ordering: .relaxed) }

    /// Keeps at most so many bytes: default 8 MiB.
    package init(bytesMax: Int = 8 << 20) { self.bytesMax = bytesMax }

    /// The text, made where nobody has asked for it yet.
    package func text<Failure: Error>(_ key: Key, _ make: () throws(Failure) -> Text) throws(Failure) -> Text {
        if let text = known.withLock({ $0.texts[key] }) { return text }
        let text = try make()
        made.add(1, ordering: .relaxed)
        known.withLock { known in
            if known.bytes + text.bytes.count > bytesMax { known = (0, [:]) }
            known.bytes += text.bytes.count - (known.texts[key]?.bytes.count ?? 0)
            known.texts[key] = text
        }
        return text
    }
}
