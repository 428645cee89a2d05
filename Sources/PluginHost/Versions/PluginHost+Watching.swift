import Gateway
import Logging

/// What happens without anybody asking: draining, taking back what fails, and telling what plugins did.
extension PluginHost {
    /// Watches until its task is cancelled.
    package func watch() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.watchVersions() }
            // Whether callers may go on must not wait for a version that is looked at.
            group.addTask { await self.watchCallers() }
        }
    }

    private func watchVersions() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: settings.watchInterval) } catch { return }
            observe(at: .now)
            retireDrained()
            await takeBackWhatFails()
            await followFile()
            await journal.flush()
        }
    }

    private func watchCallers() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: settings.watchInterval) } catch { return }
            await endWhatMayNotGoOn(after: LoadedPlugin.askedEvery)
        }
    }

    /// Ends calls whose callers may go on no longer: the host answers them, whatever their plugins still do.
    func endWhatMayNotGoOn(after age: Duration) async {
        let loaded = slots.withLock { $0.values.flatMap(\.generations) } + draining.withLock { $0.map(\.generation) }
        for generation in loaded {
            for (number, isOver) in generation.invocations.toAskAbout(age) where await isOver() {
                generation.end(number, telling: opener.threads)
            }
        }
    }

    /// Counts, and tells the audit, what the loaded generations did since the last look.
    func observe(at now: ContinuousClock.Instant) {
        let loaded = slots.withLock { $0.values.flatMap(\.generations) }
        journal.observe(loaded + draining.withLock { $0.map(\.generation) }, at: now)
    }

    // MARK: Draining

    /// Lets generations finish their calls; they go when the last has ended.
    func drain(_ generations: [PluginGeneration]) {
        for generation in generations { generation.plugin.calls.close() }
        draining.withLock { $0 += generations.map { ($0, ContinuousClock.now) } }
    }

    func retireDrained() {
        let now = ContinuousClock.now
        let done = draining.withLock { draining in
            let done = draining.filter { $0.generation.plugin.calls.count == 0 || now - $0.since > settings.drainMax }
            draining.removeAll { one in done.contains { $0.generation === one.generation } }
            return done.map(\.generation)
        }
        for generation in done {
            let left = generation.plugin.calls.count
            if left > 0 {
                logger.warning(
                    "a generation was retired while calls were under way",
                    metadata: ["plugin": "\(generation.plugin.id)", "calls": "\(left)"]
                )
            }
            generation.library.drain()
            generation.library.retire()
        }
    }

    // MARK: Taking back

    func takeBackWhatFails() async {
        for slot in slots.withLock({ Array($0.values) }) {
            guard let (generation, reason) = fault(in: slot) else { continue }
            logger.error(
                "a plugin's version is taken back",
                metadata: [
                    "plugin": "\(slot.id)", "generation": "\(generation.plugin.generation)", "reason": "\(reason)",
                ]
            )
            try? await changing { () async throws(GatewayError) in
                // What it was judged by may have been replaced while this waited.
                guard let now = slots.withLock({ $0[slot.id] }), fault(in: now)?.generation === generation else {
                    return
                }
                try await rollBackNow(now, generation, by: .host, because: reason)
                journal.note(.takenBack, generation, by: .host, slots.withLock { $0[slot.id]?.note })
            }
        }
    }

    private func fault(in slot: PluginSlot) -> (generation: PluginGeneration, reason: String)? {
        if let candidate = slot.candidate, candidate.isCanary {
            let generation = candidate.generation
            let policy = generation.configuration.rollback
            if let reason = fault(of: generation, since: .init(), policy) { return (generation, reason) }
        }
        guard let live = slot.live, slot.standby != nil, let probation = slot.probation,
            probation.isUnderWay(entropy.now(), live.configuration.rollback),
            let reason = fault(of: live, since: probation.before, live.configuration.rollback)
        else { return nil }
        return (live, reason)
    }

    private func fault(
        of generation: PluginGeneration,
        since before: PluginGeneration.Record,
        _ policy: PluginConfiguration.RollbackPolicy
    ) -> String? {
        let (record, silence) = (generation.record, generation.silence(at: .now))
        return record.fault(since: before, policy: policy)
            ?? record.silence(of: silence.calls, for: silence.for, since: before, policy: policy)
    }
}
