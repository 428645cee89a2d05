import Cryptography
import Gateway
import Logging
import OrderedJSON

/// After a restart: the versions that were good when the host ran last.
extension PluginHost {
    /// Loads the versions that are kept, each in its role.
    ///
    /// A live version whose probation goes on is counted anew; one that cannot even be loaded any more gives way at once.
    /// Each is verified as if it were new: its bytes against their hash, its signature against today's keys, its needs
    /// against what plugins.json grants today, where plugins.json can be read.
    func restore(_ plugin: InstalledPlugin, declaredBy configuration: PluginConfiguration?) async {
        var slot = PluginSlot(id: plugin.id)
        slot.configuration = configuration
        slot.declared = plugin.declared
        slot.lastGeneration = plugin.lastGeneration
        slot.note = plugin.note
        for version in plugin.versions {
            do throws(GatewayError) {
                slot.take(try await restored(version, of: plugin.id, declaredBy: configuration), as: version)
            } catch {
                slot.refusal = error.message
                logger.error("plugin refused", metadata: ["plugin": "\(plugin.id)", "reason": "\(error.message)"])
                journal.note(.refused, plugin.id, by: .host, outcome: .failed, ["reason": .string(error.message)])
            }
        }
        do { try arrange(slot) } catch { slot.refusal = error.description }
        put(slot)
        if let live = slot.live { journal.note(.restored, live, by: .host, slot.note) }
        guard let lost = plugin.versions.first(where: { $0.role == .live }), slot.live == nil,
            let reason = slot.refusal,
            let since = lost.promotedAt, let standby = slot.standby,
            PluginSlot.Probation(since: since).isUnderWay(entropy.now(), standby.configuration.rollback)
        else { return }
        do throws(GatewayError) {
            try await rollBackNow(slot, slot.live, by: .host, because: reason)
            journal.note(.takenBack, standby, by: .host, slots.withLock { $0[slot.id]?.note })
        } catch {
            logger.error("a plugin cannot be rolled back", metadata: ["plugin": "\(slot.id)", "reason": "\(error)"])
        }
    }

    private func restored(
        _ version: InstalledVersion,
        of id: String,
        declaredBy declared: PluginConfiguration?
    ) async throws(GatewayError) -> PluginGeneration {
        guard let bytes = try await repository.pluginBinary(version.digest) else {
            throw GatewayError(.notFound, "The library \(version.digest) of \(id) is not in the store.")
        }
        let (opener, policy) = (opener, settings.trust)
        do throws(PluginRefusal) {
            guard SHA256.digest(bytes).hexadecimal == version.digest else {
                throw PluginRefusal.unreadable("\(version.digest) in the store", "it has other bytes by now")
            }
            let configuration = try PluginHost.configuration(of: version, declaredBy: declared)
            return try await LoadingThread.run { () throws(PluginRefusal) in
                let file = try PluginFile(bytes: bytes, configuration: configuration, policy: policy)
                return try opener.open(file, number: version.generation, for: .restart)
            }
        } catch { throw refused(id, error) }
    }

    /// The entry that the version was loaded with, and of today's what says how far it is trusted: what was granted,
    /// and where it runs.
    ///
    /// What an operator has installed by hand keeps its own: that was said after plugins.json, and beside it.
    private static func configuration(
        of version: InstalledVersion,
        declaredBy declared: PluginConfiguration?
    ) throws(PluginRefusal) -> PluginConfiguration {
        var object = version.entry.objectValue ?? JSONObject()
        if let today = declared?.entry, !version.isInstalledByHand {
            for name in ["grants", "isolation"] { object[name] = today[name] }
        }
        do { return try PluginConfiguration(reading: .object(object), at: "/entry") } catch {
            throw PluginRefusal.configuration(error.description)
        }
    }
}

extension InstalledVersion {
    /// Whether an operator installed it, and not plugins.json.
    var isInstalledByHand: Bool { entry["source"]?.stringValue == PluginHost.installedSource }
}

extension InstalledPlugin {
    /// Whether an operator installed what serves.
    var isInstalledByHand: Bool { versions.contains { $0.role == .live && $0.isInstalledByHand } }
}

extension PluginGeneration {
    /// Whether an operator installed it, and not plugins.json.
    var isInstalledByHand: Bool { configuration.source == PluginHost.installedSource }
}
