/// A revision of the protocol that is served.
///
/// It picks how a message is read, what is checked of it, and the form of what it is answered with.
package enum Revision: String, Sendable, CaseIterable, Comparable {
    /// The first.
    case november2024 = "2024-11-05"
    /// Batches; annotations of tools.
    case march2025 = "2025-03-26"
    /// Outputs with a schema, titles, a header that names the revision.
    case june2025 = "2025-06-18"
    /// The last that begins with a handshake.
    case november2025 = "2025-11-25"
    /// Every request is complete in itself.
    case july2026 = "2026-07-28"

    /// Newer ones are greater.
    package static func < (left: Revision, right: Revision) -> Bool { left.rawValue < right.rawValue }

    /// The newest.
    package static let newest = Revision.july2026
    /// What is spoken where a client does not say: the transport's own rule.
    static let unstated = Revision.march2025
    /// All that are served, the newest first.
    package static let served = allCases.reversed().map(\.rawValue)

    /// Whether a client begins with `initialize`, and its requests do not say all that they are about.
    package var hasHandshake: Bool { self < .july2026 }
    /// Whether several messages may come as one.
    var takesBatches: Bool { self == .march2025 }
    /// Whether tools say what they do, progress has words, and content may be sound.
    var hasAnnotations: Bool { self >= .march2025 }
    /// Whether tools have output schemas and structured outputs, names have titles, and content may be a link.
    var hasStructure: Bool { self >= .june2025 }

    /// The revision that a handshake ends with: the one that is asked for, or else the newest that has one.
    static func negotiated(_ wanted: String?) -> Revision {
        guard let wanted, let revision = Revision(rawValue: wanted), revision.hasHandshake else { return .november2025 }
        return revision
    }
}
