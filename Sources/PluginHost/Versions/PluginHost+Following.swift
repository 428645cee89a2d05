import Cryptography
import Foundation
import Gateway
import Logging

/// Following plugins.json: at the start, and while the host runs.
extension PluginHost {
    /// Loads what was installed and what plugins.json declares; where they differ, whoever spoke last is right.
    ///
    /// What was good when the host ran last is kept in the store, libraries too. So a file that cannot be used, or an
    /// entry that cannot, is no reason not to start: the host goes on as a running one would, and says so.
    ///
    /// - Throws: `notConfigured` or `invalidArgument` when the file, or a plugin that it declares, cannot be used and
    ///   there is nothing to go on with.
    package func start(pluginsFile path: String, folder: String) async throws(GatewayError) {
        var plugins = PluginsFile(path: path, folder: folder)
        let declared = plugins.read().plugins
        file.withLock { [plugins] in $0 = plugins }
        let installed = try await repository.installedPlugins()
        let problem: GatewayError?
        if let declared {
            problem = await start(declared, installed, folder)
        } else {
            problem = GatewayError(.notConfigured, plugins.problem ?? "The plugins file \(path) cannot be used.")
            for plugin in installed { await restore(plugin, declaredBy: nil) }
            tellFile(plugins)
        }
        await journal.flush()
        guard let problem else {
            await forgetCopies(besides: declared ?? [], in: folder)
            return
        }
        let serves = slots.withLock { $0.values.contains { $0.live != nil } }
        guard !installed.isEmpty, serves else {
            // A first start that fails leaves nothing that the next could take for good.
            let known = Set(installed.map(\.id))
            for id in slots.withLock({ $0.keys.filter { !known.contains($0) } }) {
                try await forget(id)
            }
            throw problem
        }
    }

    private func start(
        _ configurations: [PluginConfiguration],
        _ installed: [InstalledPlugin],
        _ folder: String
    ) async -> GatewayError? {
        for plugin in installed where !configurations.contains(where: { $0.id == plugin.id }) {
            if plugin.declared == nil {
                await restore(plugin, declaredBy: nil)
            } else {
                await leave(plugin)
            }
        }
        var problem: GatewayError?
        for configuration in configurations {
            let declaration = PluginsFile.declaration(configuration, in: folder)
            let known = installed.first { $0.id == configuration.id }
            if let known, configuration.isEnabled { await restore(known, declaredBy: configuration) }
            let slot = slots.withLock { $0[configuration.id] }
            let isAsInstalled = slot?.live?.isInstalledByHand ?? known?.isInstalledByHand ?? false
            if known?.declared == declaration, configuration.isEnabled, slot?.live != nil || isAsInstalled { continue }
            if known != nil, !configuration.isEnabled { try? await forget(configuration.id) }
            guard let fault = await follow(configuration, declaration, folder, isStart: true) else { continue }
            problem = fault
            forgo(configuration)
        }
        return problem
    }

    /// What came with plugins.json and has left with it is forgotten, but not while records of it are open: a host that
    /// runs would not let it go either.
    private func leave(_ plugin: InstalledPlugin) async {
        let open = try? await repository.openRecords(of: plugin.id)
        guard let open, open.isEmpty else {
            await restore(plugin, declaredBy: nil)
            let count = open?.values.reduce(0, +) ?? 0
            change(plugin.id) {
                $0.trouble =
                    "plugins.json names it no longer, but \(count) records of it are open. Remove it when they have ended"
            }
            return
        }
        try? await forget(plugin.id)
    }

    /// Forgets what was kept of a plugin that does not serve.
    private func forget(_ plugin: String) async throws(GatewayError) {
        let news = PluginNews(
            .withdrawn,
            of: plugin,
            by: PluginJournal.Actor.host.rawValue,
            at: entropy.now()
        )
        try await repository.removeInstalledPlugin(plugin, telling: news)
    }

    /// The last good version serves only under what plugins.json says today: a hash that it names is the only one.
    private func forgo(_ configuration: PluginConfiguration) {
        guard var slot = slots.withLock({ $0[configuration.id] }), let live = slot.live, !live.isInstalledByHand,
            let wanted = configuration.sha256, wanted.lowercased() != live.plugin.digest
        else { return }
        let gone = slot.generations
        slot.refusal =
            (slot.refusal ?? "")
            + " What was good before is not the library that its sha256 names, so that does not serve either."
        (slot.live, slot.standby, slot.candidate) = (nil, nil, nil)
        registry.withdraw(slot.id)
        put(slot)
        drain(gone)
    }

    // MARK: While the host runs

    /// Follows a change of plugins.json; a file that cannot be used changes nothing, and is told.
    func followFile() async {
        guard var known = file.withLock({ $0 }) else { return }
        let before = known
        let (isNew, declared) = known.read()
        file.withLock { [known] in $0 = known }
        if known.problem != before.problem { tellFile(known) }
        guard isNew, let declared else { return await lookForLibraries(known.folder) }
        for configuration in declared {
            let declaration = PluginsFile.declaration(configuration, in: known.folder)
            let slot = slots.withLock { $0[configuration.id] }
            if slot?.declared != declaration {
                _ = await follow(configuration, declaration, known.folder, isStart: false)
            } else if slot?.configuration == nil {
                change(configuration.id) { ($0.configuration, $0.trouble) = (configuration, nil) }
            }
        }
        let gone = slots.withLock { $0.values.filter { $0.declared != nil } }
            .filter { slot in !declared.contains { $0.id == slot.id } }
        for slot in gone { await withdrawOrSay(slot) }
        await lookForLibraries(known.folder)
    }

    /// Tells what is wrong with plugins.json, or that nothing is any more.
    private func tellFile(_ file: PluginsFile) {
        guard let problem = file.problem else {
            health.clear(PluginHost.fileReason)
            return logger.notice("plugins.json can be used again")
        }
        health.report(
            PluginHost.fileReason,
            .degraded,
            "\(problem) What was good before goes on, also after a restart."
        )
        logger.error("plugins.json cannot be used", metadata: ["reason": "\(problem)"])
        journal.note(.fileRefused, "", by: .host, outcome: .failed, ["reason": .string(problem)])
    }

    /// A library that has gone would be missed at the next start, and one that is there again is wanted now.
    private func lookForLibraries(_ folder: String) async {
        for slot in slots.withLock({ Array($0.values) }) {
            guard let configuration = slot.configuration, configuration.isEnabled else { continue }
            let path = PluginsFile.path(of: configuration, in: folder)
            let isGone = !FileManager.default.fileExists(atPath: path)
            guard isGone != slot.isLibraryGone else { continue }
            if isGone { tellGone(path, of: slot) } else { await takeBack(configuration, slot, folder) }
        }
    }

    private func tellGone(_ path: String, of slot: PluginSlot) {
        let trouble =
            "the library \(path), which plugins.json names, is gone: what is loaded goes on, also after a restart"
        change(slot.id) { ($0.isLibraryGone, $0.trouble) = (true, trouble) }
        logger.error("a plugin's library is gone", metadata: ["plugin": "\(slot.id)", "path": "\(path)"])
        journal.note(.refused, slot.id, by: .host, outcome: .failed, ["reason": .string(trouble)])
    }

    /// Follows a library that is there again, unless it is what serves.
    private func takeBack(_ configuration: PluginConfiguration, _ slot: PluginSlot, _ folder: String) async {
        let declaration = PluginsFile.declaration(configuration, in: folder)
        let path = PluginsFile.path(of: configuration, in: folder)
        let digest = FileManager.default.contents(atPath: path).map { SHA256.digest(Array($0)).hexadecimal }
        if let live = slot.live, live.plugin.digest == digest, live.configuration.entry == configuration.entry {
            return change(slot.id) { slot in
                (slot.isLibraryGone, slot.trouble, slot.refusal, slot.declared) = (false, nil, nil, declaration)
            }
        }
        change(slot.id) { ($0.isLibraryGone, $0.trouble) = (false, nil) }
        guard slot.declared != declaration else { return }
        _ = await follow(configuration, declaration, folder, isStart: false)
    }

    /// Makes live what an entry of plugins.json declares; a refusal leaves the version that serves.
    ///
    /// At the start callers of the version before are not asked for: whoever stopped the host has chosen the moment.
    ///
    /// - Returns: Why it was refused.
    private func follow(
        _ configuration: PluginConfiguration,
        _ declaration: String,
        _ folder: String,
        isStart: Bool
    ) async -> GatewayError? {
        do throws(GatewayError) {
            try await changing { () async throws(GatewayError) in
                let slot = slots.withLock { $0[configuration.id] } ?? PluginSlot(id: configuration.id)
                do throws(GatewayError) {
                    if configuration.isEnabled {
                        try await load(configuration, declaration, folder, instead: slot, isStart: isStart)
                    } else {
                        try await disable(configuration, declaration, slot)
                    }
                } catch {
                    let path = PluginsFile.path(of: configuration, in: folder)
                    refuse(
                        slot,
                        configuration,
                        declaration,
                        isGone: !FileManager.default.fileExists(atPath: path),
                        error
                    )
                    throw error
                }
            }
            return nil
        } catch { return error }
    }

    private func disable(
        _ configuration: PluginConfiguration,
        _ declaration: String,
        _ slot: PluginSlot
    ) async throws(GatewayError) {
        if slot.live != nil { try await withdraw(slot, by: .host) }
        var next = PluginSlot(id: configuration.id)
        next.configuration = configuration
        next.declared = declaration
        put(next)
        if slot.live != nil { journal.note(.disabled, slot.id, by: .host) }
    }

    private func load(
        _ configuration: PluginConfiguration,
        _ declaration: String,
        _ folder: String,
        instead slot: PluginSlot,
        isStart: Bool
    ) async throws(GatewayError) {
        var next = slot
        next.configuration = configuration
        next.declared = declaration
        next.lastGeneration += 1
        let generation = try await open(configuration, number: next.lastGeneration, folder)
        do throws(GatewayError) {
            try await check(generation, against: slot, allowsBreaking: isStart)
            next.refusal = nil
            next.trouble = nil
            next.isLibraryGone = false
            next.promote(generation, at: entropy.now())
            // What is told of a version that serves no longer is no news of this one.
            next.note =
                slot.live == nil
                ? nil : "version \(generation.plugin.version) was declared by plugins.json" + kept(next, slot)
            try await commit(next, instead: slot, telling: promoted(generation, slot, by: .host))
        } catch {
            generation.library.retire()
            throw error
        }
        journal.note(.declared, generation, by: .host, next.note)
        logger.info("plugin live", metadata: ["plugin": "\(next.id)", "version": "\(generation.plugin.version)"])
    }

    private func refuse(
        _ slot: PluginSlot,
        _ configuration: PluginConfiguration,
        _ declaration: String,
        isGone: Bool,
        _ error: GatewayError
    ) {
        logger.error("plugin refused", metadata: ["plugin": "\(slot.id)", "reason": "\(error.message)"])
        var slot = slot
        slot.configuration = configuration
        slot.declared = declaration
        slot.refusal = error.message
        slot.isLibraryGone = isGone
        put(slot)
        journal.note(.refused, slot.id, by: .host, outcome: .failed, ["reason": .string(error.message)])
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
            try await changing { () async throws(GatewayError) in try await withdraw(slot, by: .host) }
            journal.note(.removed, slot.id, by: .host)
        } catch {
            logger.error(
                "a plugin cannot be removed",
                metadata: ["plugin": "\(slot.id)", "reason": "\(error.message)"]
            )
            // It is nobody's entry now: an operator may remove it when that can be done.
            change(slot.id) { ($0.configuration, $0.trouble) = (nil, error.message) }
        }
    }
}
