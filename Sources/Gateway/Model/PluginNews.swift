/// What a change of a plugin makes true, for whoever runs the gateway.
package struct PluginNews: Sendable, Equatable {
    /// What happened.
    package enum Change: Sendable {
        /// A version serves from now on.
        case promoted
        /// A version was taken back: a canary, or the one that served.
        case rolledBack
        /// It serves no longer.
        case withdrawn
    }

    /// The plugin's id.
    package let plugin: String
    /// What happened.
    package let change: Change
    /// When.
    package let at: Timestamp
    /// Who did it: `operator`, or `host` where nobody did.
    package let by: String
    /// The version that serves now; nil where none does.
    package var version: String?
    /// That one's generation.
    package var generation: Int?
    /// SHA-256 of its library, in hexadecimal.
    package var digest: String?
    /// The version that served before, or that was taken back.
    package var was: String?
    /// Why, where there is more to say.
    package var why: String?

    /// States what happened.
    package init(_ change: Change, of plugin: String, by: String, at: Timestamp) {
        self.plugin = plugin
        self.change = change
        self.at = at
        self.by = by
    }
}
