/// What somebody who asks for a change adds to audit and usage, for the commit that makes it.
package struct ChangeLines: Sendable {
    /// That it begins: what follows says what became of it.
    package let audit: AuditRecord
    /// Nil for nothing.
    package let usage: UsageRecord?
}
