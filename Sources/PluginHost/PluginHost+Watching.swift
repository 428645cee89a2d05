import Cryptography
import Foundation
import Gateway
import Logging

/// What happens without anybody asking: draining, taking back what fails, and following plugins.json.
extension PluginHost {
    /// Watches until its task is cancelled.
    package func watch() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: settings.watchInterval) } catch { return }
            retireDrained()
            await takeBackWhatFails()
            await followFile()
        }
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
                try await rollBackNow(now, generation, because: reason)
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

    // MARK: plugins.json

    /// Loads what plugins.json declares and what was installed; where they differ, whoever spoke last is right.
    ///
    /// - Throws: `invalidArgument` when the file, or a plugin that it declares, cannot be used.
    package func start(pluginsFile path: String, folder: String) async throws(GatewayError) {
        let (configurations, digest) = try readFile(path)
        file.withLock { $0 = PluginsFile(path: path, folder: folder, digest: digest) }
        let installed = try await repository.installedPlugins()
        for plugin in installed where !configurations.contains(where: { $0.id == plugin.id }) {
            guard plugin.declared == nil else {
                // It came with plugins.json and has left with it.
                await forget(plugin.id)
                continue
            }
            await restore(plugin, declaredBy: nil)
        }
        var problem: GatewayError?
        for configuration in configurations {
            let declaration = PluginsFile.declaration(configuration, in: folder)
            if let known = installed.first(where: { $0.id == configuration.id }), known.declared == declaration,
                configuration.isEnabled
            {
                await restore(known, declaredBy: configuration)
            } else {
                problem = await follow(configuration, declaration, folder) ?? problem
            }
        }
        if let problem { throw problem }
    }

    private func readFile(_ path: String) throws(GatewayError) -> ([PluginConfiguration], [UInt8]) {
        guard let bytes = FileManager.default.contents(atPath: path).map(Array.init) else {
            throw GatewayError(.notConfigured, "The plugins file \(path) cannot be read.")
        }
        do { return (try PluginConfiguration.list(parsing: bytes), SHA256.digest(bytes).bytes) } catch {
            throw GatewayError(.invalidArgument, error.description)
        }
    }

    /// Follows a change of plugins.json; a file that cannot be used changes nothing.
    func followFile() async {
        guard let known = file.withLock({ $0 }),
            let bytes = FileManager.default.contents(atPath: known.path).map(Array.init),
            SHA256.digest(bytes).bytes != known.digest
        else { return }
        file.withLock { $0?.digest = SHA256.digest(bytes).bytes }
        let configurations: [PluginConfiguration]
        do { configurations = try PluginConfiguration.list(parsing: bytes) } catch {
            logger.error("plugins.json cannot be used", metadata: ["reason": "\(error.description)"])
            return
        }
        for configuration in configurations {
            let declaration = PluginsFile.declaration(configuration, in: known.folder)
            let before = slots.withLock { $0[configuration.id]?.declared }
            if before != declaration { _ = await follow(configuration, declaration, known.folder) }
        }
        let gone = slots.withLock { $0.values.filter { $0.configuration != nil } }
            .filter { slot in !configurations.contains { $0.id == slot.id } }
        for slot in gone { await withdrawOrSay(slot) }
    }

    /// Makes live what an entry of plugins.json declares; a refusal leaves the version that serves.
    ///
    /// - Returns: Why it was refused.
    private func follow(
        _ configuration: PluginConfiguration,
        _ declaration: String,
        _ folder: String
    ) async -> GatewayError? {
        await turnstile.enter()
        let slot = slots.withLock { $0[configuration.id] } ?? PluginSlot(id: configuration.id)
        var next = slot
        next.configuration = configuration
        next.declared = declaration
        do throws(GatewayError) {
            guard configuration.isEnabled else {
                if slot.live != nil { try await withdraw(slot) }
                slots.withLock { slots in
                    slots[configuration.id] = PluginSlot(id: configuration.id)
                    slots[configuration.id]?.configuration = configuration
                    slots[configuration.id]?.declared = declaration
                }
                await turnstile.leave()
                return nil
            }
            next.lastGeneration += 1
            let generation = try await open(configuration, number: next.lastGeneration, folder)
            do throws(GatewayError) {
                try await check(generation, against: slot, allowsBreaking: false)
                next.refusal = nil
                next.promote(generation, at: entropy.now())
                if slot.live == nil {
                    do { try arrange(next) } catch { throw refused(next.id, error) }
                    slots.withLock { $0[next.id] = next }
                    try await forgetIfInstalled(next)
                } else {
                    next.note = "version \(generation.plugin.version) was declared by plugins.json" + kept(next, slot)
                    try await commit(next, instead: slot)
                }
            } catch {
                generation.library.retire()
                throw error
            }
            logger.info(
                "plugin live",
                metadata: ["plugin": "\(next.id)", "version": "\(generation.plugin.version)"]
            )
        } catch {
            refuse(slot, configuration, declaration, error)
            await turnstile.leave()
            return error
        }
        await turnstile.leave()
        return nil
    }

    /// At start plugins.json has overruled what was installed: the store must not overrule it back.
    private func forgetIfInstalled(_ slot: PluginSlot) async throws(GatewayError) {
        let known = try await repository.installedPlugins().first { $0.id == slot.id }
        if known != nil { try await repository.removeInstalledPlugin(slot.id) }
    }

    private func refuse(
        _ slot: PluginSlot,
        _ configuration: PluginConfiguration,
        _ declaration: String,
        _ error: GatewayError
    ) {
        logger.error("plugin refused", metadata: ["plugin": "\(slot.id)", "reason": "\(error.message)"])
        slots.withLock { slots in
            var slot = slot
            slot.configuration = configuration
            slot.declared = declaration
            slot.refusal = error.message
            slots[slot.id] = slot
        }
    }

    private func open(
        _ configuration: PluginConfiguration,
        number: Int,
        _ folder: String
    ) async throws(GatewayError) -> PluginGeneration {
        let (opener, settings) = (opener, settings)
        do {
            return try await LoadingThread.run { () throws(PluginRefusal) in
                let file = try PluginFile(
                    path: PluginsFile.path(of: configuration, in: folder),
                    configuration: configuration,
                    policy: settings.trust
                )
                return try opener.open(file, number: number, for: .declaration)
            }
        } catch { throw refused(configuration.id, error) }
    }

    private func withdrawOrSay(_ slot: PluginSlot) async {
        do throws(GatewayError) {
            try await changing { () async throws(GatewayError) in try await withdraw(slot) }
        } catch {
            logger.error(
                "a plugin cannot be removed",
                metadata: ["plugin": "\(slot.id)", "reason": "\(error.message)"]
            )
            slots.withLock { $0[slot.id]?.note = error.message }
        }
    }

    private func forget(_ plugin: String) async {
        let open = try? await repository.openRecords(of: plugin)
        guard open?.isEmpty ?? false else { return }
        try? await repository.removeInstalledPlugin(plugin)
    }

    // MARK: After a restart

    /// Loads the versions that were installed, each in its role.
    ///
    /// A live version whose probation goes on is counted anew; one that cannot even be loaded any more gives way at once.
    private func restore(_ plugin: InstalledPlugin, declaredBy configuration: PluginConfiguration?) async {
        var slot = PluginSlot(id: plugin.id)
        slot.configuration = configuration
        slot.declared = plugin.declared
        slot.lastGeneration = plugin.lastGeneration
        slot.note = plugin.note
        for version in plugin.versions {
            do throws(GatewayError) {
                slot.take(try await restored(version, of: plugin.id), as: version)
            } catch {
                slot.refusal = error.message
                logger.error("plugin refused", metadata: ["plugin": "\(plugin.id)", "reason": "\(error.message)"])
            }
        }
        do { try arrange(slot) } catch { slot.refusal = error.description }
        slots.withLock { [slot] in $0[slot.id] = slot }
        guard let lost = plugin.versions.first(where: { $0.role == .live }), slot.live == nil,
            let reason = slot.refusal,
            let since = lost.promotedAt, let standby = slot.standby,
            PluginSlot.Probation(since: since).isUnderWay(entropy.now(), standby.configuration.rollback)
        else { return }
        do throws(GatewayError) { try await rollBackNow(slot, slot.live, because: reason) } catch {
            logger.error("a plugin cannot be rolled back", metadata: ["plugin": "\(slot.id)", "reason": "\(error)"])
        }
    }

    private func restored(_ version: InstalledVersion, of id: String) async throws(GatewayError) -> PluginGeneration {
        guard let bytes = try await repository.pluginBinary(version.digest) else {
            throw GatewayError(.notFound, "The library \(version.digest) of \(id) is not in the store.")
        }
        let (opener, policy) = (opener, settings.trust)
        do throws(PluginRefusal) {
            guard SHA256.digest(bytes).hexadecimal == version.digest else {
                throw PluginRefusal.unreadable("\(version.digest) in the store")
            }
            let configuration: PluginConfiguration
            do { configuration = try PluginConfiguration(reading: version.entry, at: "/entry") } catch {
                throw PluginRefusal.configuration(error.description)
            }
            return try await LoadingThread.run { () throws(PluginRefusal) in
                let file = try PluginFile(bytes: bytes, configuration: configuration, policy: policy)
                return try opener.open(file, number: version.generation, for: .restart)
            }
        } catch { throw refused(id, error) }
    }
}
