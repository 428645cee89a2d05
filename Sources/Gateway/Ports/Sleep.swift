/// Waiting, handed in like the clocks, so that a simulation's time passes as fast as it is computed.
package struct Sleep: Sendable {
    private let cancellable: @Sendable (Duration) async throws -> Void
    private let whole: @Sendable (Duration) async -> Void

    /// Hands in two ways to wait: one that ends with its task's cancellation by throwing, and one that no cancellation
    /// ends.
    package init(
        cancellable: @escaping @Sendable (Duration) async throws -> Void,
        whole: @escaping @Sendable (Duration) async -> Void
    ) {
        self.cancellable = cancellable
        self.whole = whole
    }

    /// The machine's own.
    package static let real = Sleep(
        cancellable: { try await Task.sleep(for: $0) },
        // A task of its own is not cancelled with the caller, so its sleep has no reason to end early.
        whole: { duration in await Task { try? await Task.sleep(for: duration) }.value }
    )

    /// Waits, or ends early by throwing when the task is cancelled.
    package func callAsFunction(for duration: Duration) async throws { try await cancellable(duration) }

    /// Does something again and again, with a pause after each time, until the task is cancelled: what is in hand is
    /// finished.
    ///
    /// - Parameter pausesFirst: Whether the pause comes before; then it is done once more when the task is cancelled.
    package func repeating(
        every pause: Duration,
        pausesFirst: Bool = false,
        _ work: () async -> Void
    ) async {
        while !Task.isCancelled {
            // Only cancellation ends a pause early, and the loop's condition sees it.
            if pausesFirst { try? await cancellable(pause) }
            await work()
            if !pausesFirst { try? await cancellable(pause) }
        }
    }

    /// Waits for all of it, also in a task that is cancelled.
    package func whole(for duration: Duration) async { await whole(duration) }
}
