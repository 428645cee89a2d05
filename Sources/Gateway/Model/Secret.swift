/// A value that must not be seen: it prints as dots, in interpolation, in logs and in a debugger's dump.
package struct Secret<Value: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let value: Value

    /// Hides a value.
    package init(_ value: Value) { self.value = value }

    /// The value itself.
    ///
    /// Each use is a place to review.
    package func reveal() -> Value { value }

    /// Dots.
    package var description: String { "•••" }
    /// Dots.
    package var debugDescription: String { "•••" }
    /// Nothing to look into.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
