import Logging
import Synchronization

/// Withdraws what is held as soon as whoever asked for it may not any more, and not only when it is about to leave.
///
/// The watch says whose configuration has changed: a key that is revoked, a person who is deactivated, a tool that is out
/// of the plan or switched off. Drafts and open batches of those are looked at by the rules by which they would leave; so
/// are everybody's at the start, when tools come or go, and every minute, because a key ends by its date without anything
/// being changed. What a suspension or a stop holds up waits. Several processes
/// may look at once: each payment ends once.
package final class LapsedDrafts: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How often it asks whether something has changed, which costs no SQL where nothing has.
        ///
        /// Default 500 ms.
        package var every: Duration = .milliseconds(500)
        /// How often everybody's is looked at though nothing has changed: so late at most is it seen that a key has ended.
        ///
        /// Default 60 s.
        package var everyoneEvery: Duration = .seconds(60)
        /// How many drafts, batches and organizations it reads at a time.
        ///
        /// Default 100.
        package var pageMax = 100

        /// The defaults.
        package init() {}
    }

    /// Up to where everything was looked at.
    private struct Seen {
        let stamp: ConfigurationWatch.Stamp
        /// Of the tools.
        let revision: Int
    }

    private let due: any DueRepository
    private let items: any BatchRepository
    private let drafts: Drafts
    private let batches: Batches
    private let configuration: ConfigurationWatch
    private let logger: Logger
    private let settings: Settings
    private let seen = Mutex<Seen?>(nil)
    /// When everybody's was looked at last.
    private let lookedAtAll = Mutex<Uptime?>(nil)

    init(
        due: any DueRepository,
        items: any BatchRepository,
        drafts: Drafts,
        batches: Batches,
        configuration: ConfigurationWatch,
        logger: Logger,
        settings: Settings = Settings()
    ) {
        self.due = due
        self.items = items
        self.drafts = drafts
        self.batches = batches
        self.configuration = configuration
        self.logger = logger
        self.settings = settings
    }

    /// Looks until it is cancelled.
    package func run() async {
        await drafts.entropy.sleep.repeating(every: settings.every) { await withdraw() }
    }

    /// Withdraws what has lapsed by what was heard of since it was last asked.
    package func withdraw() async {
        let now = Seen(stamp: configuration.stamp, revision: drafts.calls.registry.snapshot.revision)
        let before = seen.withLock { $0 }
        do throws(GatewayError) {
            let uptime = drafts.entropy.uptime()
            let isRecent = lookedAtAll.withLock { $0 }.map { uptime - $0 < settings.everyoneEvery } ?? false
            if isRecent, let before, before.revision == now.revision,
                let changed = configuration.changed(since: before.stamp)
            {
                try await lookAtEach(changed)
            } else {
                try await lookAtAll()
                lookedAtAll.withLock { $0 = uptime }
            }
            seen.withLock { $0 = now }
        } catch {
            logger.warning("what is held could not be looked at", metadata: ["reason": "\(error.message)"])
        }
    }

    private func lookAtAll() async throws(GatewayError) {
        var after: OrganizationID?
        while true {
            let holding = try await due.organizationsHolding(after: after, limit: settings.pageMax)
            try await lookAtEach(holding)
            guard holding.count == settings.pageMax else { return }
            after = holding.last
        }
    }

    /// Looks at each, and tells of the last that could not be looked at: one's trouble is no other's.
    private func lookAtEach(_ organizations: some Sequence<OrganizationID>) async throws(GatewayError) {
        var fault: GatewayError?
        for organization in organizations {
            do throws(GatewayError) { try await look(at: organization) } catch { fault = error }
        }
        if let fault { throw fault }
    }

    private func look(at organization: OrganizationID) async throws(GatewayError) {
        var before: RecordID?
        while true {
            let page = try await drafts.records.drafts(
                of: organization,
                in: Environment.allCases,
                madeBy: nil,
                before: before,
                limit: settings.pageMax
            )
            for draft in page {
                guard let reason = try await drafts.calls.whyLapsed(draft) else { continue }
                try await withdraw(draft, because: reason)
            }
            guard page.count == settings.pageMax else { break }
            before = page.last?.id
        }
        try await lookAtBatches(of: organization)
    }

    private func lookAtBatches(of organization: OrganizationID) async throws(GatewayError) {
        var after: BatchID?
        while true {
            let open = try await items.openBatches(
                of: organization,
                in: Batches.stoppable,
                after: after,
                limit: settings.pageMax
            )
            for batch in open {
                var question = BatchItems(of: batch.id, organization: organization, limit: 1)
                question.states = [.draft]
                // All of a batch's items were asked for by the same, by the same tool.
                guard let item = try await items.items(question).first,
                    let reason = try await drafts.calls.whyLapsed(item)
                else { continue }
                try await batches.cancel(batch, as: .obsolete, by: "host", because: reason)
            }
            guard let last = open.last else { return }
            after = last.id
        }
    }

    private func withdraw(_ draft: Record, because reason: String) async throws(GatewayError) {
        do throws(GatewayError) {
            try await drafts.withdraw(
                draft.id,
                organization: draft.organization,
                environment: draft.environment,
                as: .obsolete,
                by: "host",
                because: reason
            )
            // It has ended meanwhile, or left, which asked the same.
        } catch  where error.code == .conflict {}
    }
}
