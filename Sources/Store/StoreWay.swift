import Gateway

/// What a simulation lets happen on a caller's way to the engine and back: time passes, the way breaks, a host ends.
///
/// A job that is stopped before has done nothing; one that is stopped after is done, and its answer is lost.
package struct StoreWay: Sendable {
    let before: @Sendable (_ isWrite: Bool) async throws(GatewayError) -> Void
    /// Not for what only reads: it has no answer that could be lost with something done.
    let after: @Sendable () async throws(GatewayError) -> Void

    /// States what happens; what throws is what the caller is told.
    package init(
        before: @escaping @Sendable (_ isWrite: Bool) async throws(GatewayError) -> Void = { _ in },
        after: @escaping @Sendable () async throws(GatewayError) -> Void = {}
    ) {
        self.before = before
        self.after = after
    }
}
