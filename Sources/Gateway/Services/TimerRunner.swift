import Logging
import OrderedJSON

/// Calls plugins when their timers come due, and forgets exports that have expired.
///
/// A timer is taken for a while before the plugin is called: when the process dies in between, it comes due again. So a
/// plugin is called at least once for each, never surely once. It acts as whoever set it, with what that key or user may
/// do now; once they may do nothing any more, it does not run.
package struct TimerRunner: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How often it looks.
        package var every: Duration = .milliseconds(500)
        /// How soon it looks again for more when some had to stay behind and a place is free.
        ///
        /// Default 50 ms.
        package var again: Duration = .milliseconds(50)
        /// How many timers it reads at a time.
        ///
        /// Default 50.
        package var batchMax = 50
        /// How many run at once.
        ///
        /// Default 50.
        package var placesMax = 50
        /// How many of one plugin, whoever set them.
        ///
        /// Default 25; so a plugin that hangs leaves places for the others.
        package var pluginPlacesMax = 25
        /// How many of one organization's plugin in one environment.
        ///
        /// Default 10.
        package var ownerPlacesMax = 10
        /// How long a plugin may take for one.
        package var timeout: Duration = .seconds(30)
        /// How long a timer that was taken is not taken by anybody else; more than `timeout`.
        package var lease: Duration = .seconds(60)
        /// How long after a first failure it comes due again; doubled each time.
        package var backoff: Duration = .seconds(1)
        /// The longest such wait.
        package var backoffMax: Duration = .seconds(3600)
        /// How long a timer waits whose plugin is not loaded; that counts as no failure.
        package var absence: Duration = .seconds(60)
        /// After so many failures it is dropped.
        package var attemptsMax = 10
        /// How often expired exports are looked for.
        package var exportsEvery: Duration = .seconds(60)

        /// The defaults.
        package init() {}
    }

    private let data: any PluginDataRepository
    private let registry: ToolRegistry
    private let authority: Authority
    private let entropy: Entropy
    private let logger: Logger
    private let settings: Settings

    /// Makes it of its parts.
    init(
        data: any PluginDataRepository,
        registry: ToolRegistry,
        authority: Authority,
        entropy: Entropy,
        logger: Logger,
        settings: Settings = Settings()
    ) {
        self.data = data
        self.registry = registry
        self.authority = authority
        self.entropy = entropy
        self.logger = logger
        self.settings = settings
    }

    /// Runs until cancelled; timers that run are finished.
    ///
    /// Nothing waits for a whole batch: whoever is done makes room for the next.
    package func run() async {
        let places = TimerPlaces(settings: settings)
        let (signals, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        await withDiscardingTaskGroup { group in
            group.addTask {
                await entropy.sleep.repeating(every: settings.every) { signal.yield() }
                signal.finish()
            }
            group.addTask { await forgetExpired() }
            for await _ in signals {
                for timer in await take(places) {
                    group.addTask {
                        await fire(timer)
                        places.leave(timer)
                        if places.hasLeftSome { signal.yield() }
                    }
                }
                // Reading must not be all that is done, when there is much to read.
                if places.hasLeftSome { try? await entropy.sleep(for: settings.again) }
            }
        }
    }

    private func forgetExpired() async {
        await entropy.sleep.repeating(every: settings.exportsEvery, pausesFirst: true) {
            guard !Task.isCancelled else { return }
            do throws(GatewayError) {
                try await data.removeExpiredExports(at: entropy.now())
                try await data.removeExpiredAnswers(at: entropy.now())
            } catch { tell(error) }
        }
    }

    /// Calls the plugins of all timers that are due now, each once, and waits until all have answered.
    package func fireDue() async {
        let places = TimerPlaces(settings: settings)
        await withTaskGroup(of: Void.self) { group in
            repeat {
                for timer in await take(places) {
                    group.addTask {
                        await fire(timer)
                        places.leave(timer)
                    }
                }
            } while await group.next() != nil
        }
    }

    /// Takes what is due, as far as there are places.
    private func take(_ places: TimerPlaces) async -> [PluginTimer] {
        var all: [PluginTimer] = []
        places.begin()
        do throws(GatewayError) {
            while let busy = places.busy {
                let now = entropy.now()
                let due = try await data.dueTimers(at: now, limit: settings.batchMax, except: busy)
                let entered = places.enter(due)
                let taken: [PluginTimer]
                do throws(GatewayError) {
                    taken = try await data.take(entered, until: now + settings.lease)
                } catch {
                    for timer in entered { places.leave(timer) }
                    throw error
                }
                for timer in entered where !taken.contains(timer) { places.leave(timer) }
                all += taken
                guard due.count == settings.batchMax, !taken.isEmpty else { return all }
            }
        } catch {
            tell(error)
        }
        return all
    }

    private func tell(_ error: GatewayError) {
        logger.error("timers cannot be looked after", metadata: ["reason": "\(error.detail ?? error.message)"])
    }

    private func fire(_ timer: PluginTimer) async {
        do throws(GatewayError) {
            guard let plugin = registry.snapshot.live(timer.owner.plugin), plugin.asynchronous.fire != nil else {
                // It may be installed again: what it planned is kept.
                let due = entropy.now() + settings.absence
                return try await data.postpone(timer, to: due, attempts: timer.attempt - 1)
            }
            let allowed: Principal?
            do throws(GatewayError) { allowed = try await authority.principal(timer.scheduledBy) } catch {
                guard error.endsWork else { throw error }
                tell("a timer waits: its organization may make no calls", timer)
                let due = entropy.now() + settings.absence
                return try await data.postpone(timer, to: due, attempts: timer.attempt - 1)
            }
            guard let principal = allowed else {
                tell("a timer was dropped: whoever set it may not act any more", timer)
                return try await data.removeTimer(timer.id, of: timer.owner)
            }
            guard let reason = await failure(of: timer, plugin, as: principal) else {
                return try await data.removeTimer(timer.id, of: timer.owner)
            }
            var metadata: Logger.Metadata = [
                "plugin": "\(timer.owner.plugin)", "timer": "\(timer.name)", "attempt": "\(timer.attempt)",
                "organization": "\(timer.owner.organization)", "reason": "\(reason)",
            ]
            guard timer.attempt < settings.attemptsMax else {
                logger.error("a timer was dropped", metadata: metadata)
                return try await data.removeTimer(timer.id, of: timer.owner)
            }
            let wait = min(settings.backoffMax, settings.backoff * (1 << min(20, timer.attempt - 1)))
            metadata["again_in"] = "\(wait)"
            logger.warning("a timer failed", metadata: metadata)
            try await data.postpone(timer, to: entropy.now() + wait, attempts: timer.attempt)
        } catch {
            tell(error)
        }
    }

    /// Whether whoever set a timer may act no longer.
    private func isOver(_ principal: Principal) async -> Bool {
        do throws(GatewayError) { return try await authority.principal(principal) == nil } catch {
            return error.endsWork
        }
    }

    private func tell(_ what: Logger.Message, _ timer: PluginTimer) {
        logger.warning(
            what,
            metadata: [
                "plugin": "\(timer.owner.plugin)", "timer": "\(timer.name)",
                "organization": "\(timer.owner.organization)", "subject": "\(timer.scheduledBy.subjectText)",
            ]
        )
    }

    /// Why the plugin did not do it; nil when it did.
    private func failure(
        of timer: PluginTimer,
        _ plugin: LoadedPlugin,
        as principal: Principal
    ) async -> String? {
        guard let fire = plugin.asynchronous.fire, plugin.calls.begin() else { return "its plugin is being replaced" }
        let document: JSON = [
            "id": .string(timer.id.description), "name": .string(timer.name), "data": timer.data,
            "due_ms": .integer(timer.dueAt.milliseconds), "attempt": .integer(Int64(timer.attempt)),
        ]
        let invocation = LoadedPlugin.Invocation(
            principal: principal,
            call: CallID(entropy.identifier()),
            door: "timer",
            timeout: settings.timeout,
            attempt: timer.attempt,
            isOver: { await isOver(principal) }
        )
        let completion = await fire(document.bytes, invocation)
        plugin.calls.end(hasFailed: completion.status != 0)
        return completion.status == 0 ? nil : "status \(completion.status)"
    }
}
