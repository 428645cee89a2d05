/// Whether this host alone serves its store.
///
/// Implemented by `Store`. Two hosts on one store would each take the other's payments for what a crash left.
package protocol HostLease: Sendable {
    /// Whether nobody else can be serving the store now.
    ///
    /// Asked right before a request leaves; costs nothing. A host that cannot renew its lease is told so before the
    /// lease ends.
    var isHeld: Bool { get }
}
