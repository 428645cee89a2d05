import Foundation
import Gateway
import Logging
import OrderedJSON

extension PluginHost {
    /// Installs a version: beside the live one, as a canary, or in its place; the first of its name serves at once.
    ///
    /// - Throws: `invalidArgument` with the rule that it breaks, `conflict` when it would break callers or records.
    package func install(_ bytes: [UInt8], _ request: InstallRequest) async throws(GatewayError) -> PluginStatus {
        try await tryOut(bytes, request)
        return try await changing { () async throws(GatewayError) -> PluginStatus in
            let (slot, generation) = try await open(bytes, request)
            let how = request.isUnchecked ? " unchecked" : ""
            do throws(GatewayError) {
                try await check(generation, against: slot, allowsBreaking: request.allowsBreaking)
                var next = slot
                if slot.live == nil || request.promotes {
                    next.candidate = nil
                    next.promote(generation, at: entropy.now())
                    next.note =
                        "version \(generation.plugin.version) was installed\(how) and promoted" + kept(next, slot)
                } else {
                    next.candidate = PluginSlot.Candidate(
                        generation: generation,
                        share: request.share,
                        organizations: request.organizations
                    )
                    next.note = "version \(generation.plugin.version) was installed\(how)"
                }
                next.refusal = nil
                let isLive = next.live === generation
                try await commit(next, instead: slot, telling: isLive ? promoted(generation, slot, by: .operator) : nil)
                journal.note(next.live === generation ? .promoted : .installed, generation, by: .operator, next.note)
            } catch {
                generation.library.retire()
                throw noting(error, of: slot.id)
            }
            return try found(slot.id)
        }
    }

    /// Notes that an operator's library was refused.
    func noting(_ error: GatewayError, of plugin: String) -> GatewayError {
        journal.note(.refused, plugin, by: .operator, outcome: .failed, ["reason": .string(error.message)])
        return error
    }

    /// Lets the candidate serve; with a share or organizations, some calls only.
    package func promote(
        _ plugin: String,
        share: Int? = nil,
        organizations: [OrganizationID] = []
    ) async throws(GatewayError) -> PluginStatus {
        try await changing { () async throws(GatewayError) -> PluginStatus in
            let slot = try slot(plugin)
            guard let candidate = slot.candidate else {
                throw GatewayError(
                    .conflict,
                    "There is no version of \(plugin) that waits to be promoted: install one."
                )
            }
            var next = slot
            var action = PluginJournal.Action.promoted
            if share != nil || !organizations.isEmpty {
                next.candidate?.share = share ?? candidate.share
                next.candidate?.organizations = organizations
                next.note = "version \(candidate.generation.plugin.version) is a canary"
                action = .canary
            } else {
                next.promote(candidate.generation, at: entropy.now())
                next.note = "version \(candidate.generation.plugin.version) was promoted" + kept(next, slot)
            }
            let news = action == .promoted ? promoted(candidate.generation, slot, by: .operator) : nil
            try await commit(next, instead: slot, telling: news)
            journal.note(action, candidate.generation, by: .operator, next.note)
            return try found(plugin)
        }
    }

    /// Takes the candidate away, or, where there is none, calls the former live version back.
    package func rollBack(_ plugin: String, because reason: String? = nil) async throws(GatewayError) -> PluginStatus {
        try await changing { () async throws(GatewayError) -> PluginStatus in
            let slot = try slot(plugin)
            let generation = slot.candidate?.generation ?? slot.live
            try await rollBackNow(slot, generation, by: .operator, because: reason)
            if let generation {
                journal.note(.rolledBack, generation, by: .operator, slots.withLock { $0[plugin]?.note })
            }
            return try found(plugin)
        }
    }

    /// Takes a plugin away, unless records of it are open.
    package func remove(_ plugin: String) async throws(GatewayError) {
        try await changing { () async throws(GatewayError) in
            let slot = try slot(plugin)
            guard slot.configuration == nil else {
                throw GatewayError(
                    .conflict,
                    "\(plugin) stands in plugins.json. Take its entry out, or set enabled to false there."
                )
            }
            try await withdraw(slot, by: .operator)
            journal.note(.removed, plugin, by: .operator)
        }
    }

    /// Says where a rollback leads, where that is not the version that was replaced.
    func kept(_ next: PluginSlot, _ former: PluginSlot) -> String {
        guard let standby = next.standby, let replaced = former.live, standby !== replaced else { return "" }
        return "; version \(replaced.plugin.version) had not passed its probation, so a rollback returns to version "
            + standby.plugin.version
    }

    /// That a generation serves from now on, in the place of what a slot has.
    func promoted(_ generation: PluginGeneration, _ slot: PluginSlot, by actor: PluginJournal.Actor) -> PluginNews {
        var news = PluginNews(.promoted, of: slot.id, by: actor.rawValue, at: entropy.now())
        news.serves(generation)
        news.was = slot.live?.plugin.version
        return news
    }

    // MARK: Steps, inside the turnstile

    func changing<Value: Sendable>(
        _ change: () async throws(GatewayError) -> Value
    ) async throws(GatewayError) -> Value {
        await turnstile.enter()
        do throws(GatewayError) {
            let value = try await change()
            await turnstile.leave()
            await journal.flush()
            return value
        } catch {
            await turnstile.leave()
            await journal.flush()
            throw error
        }
    }

    /// Takes a generation back: the candidate, or else the live one, which the former one replaces.
    func rollBackNow(
        _ slot: PluginSlot,
        _ generation: PluginGeneration?,
        by actor: PluginJournal.Actor,
        because reason: String?
    ) async throws(GatewayError) {
        var next = slot
        var news = PluginNews(.rolledBack, of: slot.id, by: actor.rawValue, at: entropy.now())
        news.why = reason
        let since = reason.map { ": \($0)" } ?? ""
        if let candidate = slot.candidate, candidate.generation === generation {
            next.candidate = nil
            next.note = "version \(candidate.generation.plugin.version) was taken back\(since)"
            news.was = candidate.generation.plugin.version
        } else if let standby = slot.standby {
            next.rollBack()
            next.refusal = nil
            let from = slot.live.map { " from version \($0.plugin.version)" } ?? ""
            next.note = "rolled back\(from) to version \(standby.plugin.version)\(since)"
            news.was = slot.live?.plugin.version
        } else {
            throw GatewayError(.conflict, "There is no earlier version of \(slot.id) to roll back to: install it.")
        }
        if let live = next.live { news.serves(live) }
        try await commit(next, instead: slot, telling: news)
    }

    /// Withdraws all of a plugin.
    func withdraw(_ slot: PluginSlot, by actor: PluginJournal.Actor) async throws(GatewayError) {
        let open = try await repository.openRecords(of: slot.id)
        guard open.isEmpty else {
            let count = open.values.reduce(0, +)
            throw GatewayError(
                .conflict,
                "\(slot.id) has \(count) open records, which nothing else understands. Wait until they have ended."
            )
        }
        registry.withdraw(slot.id)
        var news = PluginNews(.withdrawn, of: slot.id, by: actor.rawValue, at: entropy.now())
        news.was = slot.live?.plugin.version
        try await repository.removeInstalledPlugin(slot.id, telling: news)
        slots.withLock { _ = $0.removeValue(forKey: slot.id) }
        health.clear("plugin \(slot.id)")
        drain(slot.generations)
        logger.info("plugin removed", metadata: ["plugin": "\(slot.id)"])
    }

    /// Publishes and remembers a change; what is replaced by it finishes its calls and goes.
    ///
    /// - Parameter news: What it makes true for whoever runs the gateway; nil where nothing else serves by it.
    func commit(
        _ next: PluginSlot,
        instead slot: PluginSlot,
        telling news: PluginNews?
    ) async throws(GatewayError) {
        do { try arrange(next) } catch { throw refused(next.id, error) }
        do throws(GatewayError) {
            try await repository.save(next.installed, binaries: try await newBinaries(of: next), telling: news)
        } catch {
            try? arrange(slot)
            throw error
        }
        put(next)
        let kept = next.generations
        drain(slot.generations.filter { former in !kept.contains { $0 === former } })
        logger.notice(
            "plugin changed",
            metadata: [
                "plugin": "\(next.id)", "generation": "\(next.live?.plugin.generation ?? 0)",
                "note": "\(next.note ?? "")",
            ]
        )
    }

    /// The libraries that the store does not have yet, from their private copies: also what plugins.json alone declared
    /// must be found again after it has changed there.
    private func newBinaries(of slot: PluginSlot) async throws(GatewayError) -> [String: [UInt8]] {
        let known = try await repository.pluginBinaries()
        var binaries: [String: [UInt8]] = [:]
        for generation in slot.generations where !known.contains(generation.plugin.digest) {
            let digest = generation.plugin.digest
            let path = PluginFile.copyPath(in: settings.stateFolder, digest: digest, id: slot.id)
            binaries[digest] = FileManager.default.contents(atPath: path).map(Array.init)
        }
        return binaries
    }

    private func open(
        _ bytes: [UInt8],
        _ request: InstallRequest
    ) async throws(GatewayError) -> (PluginSlot, PluginGeneration) {
        var id = "the library"
        do throws(PluginRefusal) {
            let manifest = try PluginFile.inspect(bytes)
            id = manifest.id
            var slot = slots.withLock { $0[manifest.id] } ?? PluginSlot(id: manifest.id)
            let file = try verified(bytes, request)
            slot.lastGeneration += 1
            let number = slot.lastGeneration
            let (opener, grants) = (opener, request.grantsNeeds)
            let generation = try await LoadingThread.run { () throws(PluginRefusal) in
                try opener.open(file, number: number, for: .installation, grantsNeeds: grants)
            }
            return (slot, generation)
        } catch {
            throw noting(refused(id, error), of: id)
        }
    }

    /// A library whose hash, signature and form are right; nothing of it has run.
    func verified(_ bytes: [UInt8], _ request: InstallRequest) throws(PluginRefusal) -> PluginFile {
        let id = try PluginFile.inspect(bytes).id
        let slot = slots.withLock { $0[id] } ?? PluginSlot(id: id)
        return try PluginFile(
            bytes: bytes,
            configuration: try configuration(for: slot, request),
            policy: settings.trust
        )
    }

    private func configuration(
        for slot: PluginSlot,
        _ request: InstallRequest
    ) throws(PluginRefusal) -> PluginConfiguration {
        let inForce = slot.live?.configuration.entry ?? slot.configuration?.entry
        var object = (request.entry ?? inForce)?.objectValue ?? JSONObject()
        object["id"] = .string(slot.id)
        object["source"] = .string(PluginHost.installedSource)
        object["sha256"] = request.sha256.map { .string($0) }
        object["signature"] = request.signature
        do {
            // What an operator writes now is held to its form; what was kept of an entry is taken as it was.
            return try request.entry == nil
                ? PluginConfiguration(reading: .object(object), at: "/entry")
                : PluginConfiguration(written: .object(object), at: "/entry")
        } catch { throw PluginRefusal.configuration(error.description) }
    }

    /// Whether callers and open records can live with the new version.
    func check(
        _ generation: PluginGeneration,
        against slot: PluginSlot,
        allowsBreaking: Bool
    ) async throws(GatewayError) {
        let dropped = try await repository.openRecords(of: slot.id)
            .filter { generation.plugin.operationIndex($0.key) == nil }
        guard dropped.isEmpty else {
            let names = dropped.keys.sorted().joined(separator: ", ")
            throw GatewayError(
                .conflict,
                "Version \(generation.plugin.version) of \(slot.id) does not know \(names), of which records are open. "
                    + "Wait until they have ended, or install a version that knows them."
            )
        }
        guard let live = slot.live, !allowsBreaking, !generation.configuration.allowsBreaking else { return }
        let breaks = Compatibility.breaks(from: live.plugin, to: generation.plugin)
        guard breaks.isEmpty else {
            let first = breaks.prefix(10).joined(separator: "; ")
            throw GatewayError(
                .conflict,
                "Version \(generation.plugin.version) of \(slot.id) would break callers of version "
                    + "\(live.plugin.version): \(first). If they have agreed to it, install it with allow-breaking."
            )
        }
    }

    private func slot(_ plugin: String) throws(GatewayError) -> PluginSlot {
        guard let slot = slots.withLock({ $0[plugin] }) else {
            throw GatewayError(.notFound, "There is no plugin \(plugin): plugin list shows those there are.")
        }
        return slot
    }

    private func found(_ plugin: String) throws(GatewayError) -> PluginStatus {
        guard let status = status(of: plugin) else {
            throw GatewayError(.notFound, "There is no plugin \(plugin): plugin list shows those there are.")
        }
        return status
    }

    func refused(_ plugin: String, _ refusal: PluginRefusal) -> GatewayError {
        GatewayError(.invalidArgument, "\(plugin) was refused: \(refusal.description).")
    }
}

extension PluginNews {
    /// Says which version serves now.
    mutating func serves(_ generation: PluginGeneration) {
        version = generation.plugin.version
        self.generation = generation.plugin.generation
        digest = generation.plugin.digest
    }
}
