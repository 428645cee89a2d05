import Synchronization

/// How far the walk has come that brings ended records forward after the clock was set back.
///
/// A process begins with one: the last may not have finished its own. Where nothing is left, the first slice says so.
final class EndedWalk: Sendable {
    private struct State {
        var isUnderWay = true
        var place: RecordPlace?
    }

    private let state = Mutex(State())

    var isUnderWay: Bool { state.withLock { $0.isUnderWay } }
    /// Where the last slice ended; nil before the first.
    var place: RecordPlace? { state.withLock { $0.place } }

    /// Begins, or begins again.
    func begin() { state.withLock { $0 = State() } }

    /// Goes on there, or is done.
    func go(to next: RecordPlace?) { state.withLock { $0 = State(isUnderWay: next != nil, place: next) } }
}
