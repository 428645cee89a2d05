import Synchronization

/// Says when a request may leave: so many at once in all, so many for each account, in turn between organizations.
///
/// It is entered before the commit that says `sending`, so that what cannot leave in time is refused with nothing
/// written and nothing sent. Whoever has a place has a connection: libcurl queues nothing, and no request's time runs
/// while it waits (docs/adr/0019). Requests and questions have a dispatcher each: a storm of one delays no other.
///
///     enter -- a place is free --------------------> place      one short lock
///           \- the account's line has room --> wait -> place, in turn, or refused after `waitMax`
///            \- it has not ---------------------> refused
package final class Dispatcher: Sendable {
    /// What bounds a dispatcher.
    package struct Settings: Sendable {
        /// How many requests may be on their way at once, in all.
        ///
        /// A quarter of them is kept for accounts that have fewer than `keptEach`, so that M-Pesa's slowness with some
        /// accounts leaves places for the others. Default 200.
        package var placesMax = 200
        /// How many of one account.
        ///
        /// Default 100.
        package var accountPlacesMax = 100
        /// How many of one account may take what is kept.
        ///
        /// Default 2.
        package var keptEach = 2
        /// How long a request waits for its place, at most.
        ///
        /// Default 5 s.
        package var waitMax: Duration = .seconds(5)
        /// How many wait in one account's line.
        ///
        /// Default 500.
        package var accountWaitingMax = 500
        /// How many wait in all lines.
        ///
        /// Default 5,000.
        package var waitingMax = 5_000

        /// The defaults for requests.
        package init() {}

        /// The defaults for questions: 96 at once, 40 of one account, 2 s of waiting.
        package static var questions: Settings {
            var settings = Settings()
            settings.placesMax = 96
            settings.accountPlacesMax = 40
            settings.waitMax = .seconds(2)
            settings.accountWaitingMax = 100
            settings.waitingMax = 1_000
            return settings
        }

        /// How many places are kept.
        var kept: Int { placesMax / 4 }
    }

    /// A request's place: given back once, when its answer is there or its holder is gone.
    package final class Place: Sendable {
        private let dispatcher: Dispatcher
        private let account: AccountID
        private let isGivenBack = Atomic(false)

        fileprivate init(_ dispatcher: Dispatcher, _ account: AccountID) {
            self.dispatcher = dispatcher
            self.account = account
        }

        deinit { leave() }

        /// Gives the place to who comes next.
        package func leave() {
            guard !isGivenBack.exchange(true, ordering: .relaxed) else { return }
            dispatcher.giveBack(account)
        }
    }

    package let settings: Settings
    private let lines: Mutex<DispatcherLines>
    private let sleep: Sleep

    /// Makes a dispatcher with all places free.
    package init(settings: Settings = Settings(), sleep: Sleep = .real) {
        self.settings = settings
        self.sleep = sleep
        lines = Mutex(DispatcherLines(settings: settings))
    }

    /// A place, as soon as there is one.
    ///
    /// Waits at most `longest`, and never more than `waitMax`; a cancelled caller stops waiting.
    /// - Throws: `upstreamUnavailable` when there is none in time, or too many wait already.
    package func enter(_ account: AccountID, atMost longest: Duration? = nil) async throws(GatewayError) -> Place {
        switch lines.withLock({ $0.enter(account) }) {
        case .taken: return Place(self, account)
        case .full: throw Dispatcher.busy("too many wait")
        case .waits(let ticket):
            guard await wait(ticket, atMost: min(longest ?? settings.waitMax, settings.waitMax)) else {
                throw Dispatcher.busy("no place in time")
            }
            return Place(self, account)
        }
    }

    /// A place, if one is free now.
    package func enterIfFree(_ account: AccountID) -> Place? {
        lines.withLock { $0.enterIfFree(account) } ? Place(self, account) : nil
    }

    /// Accounts that have some places and may take no other now; nil when nobody may.
    var full: Set<AccountID>? { lines.withLock { $0.full } }

    /// How many places are taken, and how many wait.
    package var counts: (taken: Int, waiting: Int) { lines.withLock { ($0.taken, $0.waiting) } }

    private func wait(_ ticket: UInt64, atMost longest: Duration) async -> Bool {
        await withTaskGroup(of: Void.self) { timer in
            timer.addTask {
                // A cancelled sleep means that the place is there, or that the caller has gone and said so.
                do { try await self.sleep(for: longest) } catch { return }
                self.settle(ticket)
            }
            defer { timer.cancelAll() }
            return await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let known = lines.withLock { $0.park(ticket, continuation) }
                    if let known { continuation.resume(returning: known) }
                }
            } onCancel: {
                settle(ticket)
            }
        }
    }

    /// Ends a wait without a place.
    private func settle(_ ticket: UInt64) {
        lines.withLock { $0.giveUp(ticket) }?.resume(returning: false)
    }

    private func giveBack(_ account: AccountID) {
        let next = lines.withLock { $0.leave(account) }
        for continuation in next { continuation.resume(returning: true) }
    }

    private static func busy(_ detail: String) -> GatewayError {
        GatewayError(
            .upstreamUnavailable,
            "M-Pesa answers slowly and other requests of this account are waiting, so nothing was sent. Try again soon.",
            detail: detail,
            retryAfter: .seconds(5)
        )
    }
}
