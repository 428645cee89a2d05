/// Whether this host alone serves its store.
///
/// Implemented by `Store`. Two hosts on one store would each take the other's payments for what a crash left.
package protocol HostLease: Sendable {
    /// For how long nobody else can be serving the store; nil for as long as the process lives.
    ///
    /// Zero or less when somebody may. Asked before requests are prepared, every few milliseconds, and once right before
    /// each leaves; costs two looks at files at most.
    var timeLeft: Duration? { get }
}

extension HostLease {
    /// Whether nobody else can be serving the store now.
    ///
    /// A host that cannot renew its lease is told so before the lease ends.
    package var isHeld: Bool { timeLeft.map { $0 > .zero } ?? true }
}
