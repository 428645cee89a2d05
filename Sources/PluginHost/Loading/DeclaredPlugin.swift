import Foundation
import Gateway
import Logging
import OrderedJSON

/// What a host would make of an entry of plugins.json.
package struct DeclaredPlugin: Sendable {
    /// The entry's id.
    package let id: String
    /// Where its library is looked for.
    package let path: String
    /// Why a host would refuse it; nil where it loads, or is switched off.
    package var refusal: PluginRefusal?
    /// What it is, in a few words, where it loads.
    package var loaded: String?
    /// What is no mistake, and perhaps not meant.
    package var notes: [String] = []
}

/// Tries what plugins.json declares by what a host does with it at its start: hash, signature, names, isolation,
/// catalogue, grants, settings, self-test, and the names of the others' tools.
package struct PluginDeclarations {
    private let settings: PluginHost.Settings
    private let opener: PluginOpener
    private let registry = ToolRegistry()

    /// Makes it of what a host is made of; `stateFolder` is one that no host uses.
    package init(settings: PluginHost.Settings, entropy: Entropy, logger: Logger) {
        self.settings = settings
        opener = PluginOpener(settings: settings, entropy: entropy, logger: logger)
    }

    /// Tries every entry in turn; a relative `source` is looked for in `folder`.
    ///
    /// Blocks.
    package func tried(_ configurations: [PluginConfiguration], in folder: String) -> [DeclaredPlugin] {
        var generations: [PluginGeneration] = []
        defer { for generation in generations { generation.library.retire() } }
        return configurations.map { configuration in
            var found = DeclaredPlugin(
                id: configuration.id,
                path: PluginsFile.path(of: configuration, in: folder)
            )
            guard configuration.isEnabled else {
                found.notes.append("it is switched off (enabled), and was not tried")
                return found
            }
            do throws(PluginRefusal) {
                let generation = try open(configuration, found.path)
                generations.append(generation)
                let plugin = generation.plugin
                try registry.publish(plugin)
                let tools = plugin.tools.map(\.name).joined(separator: ", ")
                found.loaded =
                    "version \(plugin.version), \(configuration.isolation): \(tools.isEmpty ? "no tools" : tools)"
                found.notes = notes(configuration, generation)
            } catch { found.refusal = error }
            return found
        }
    }

    /// Opens a library as the host does, but never in this process: what crashes is a finding, and not the end.
    private func open(_ configuration: PluginConfiguration, _ path: String) throws(PluginRefusal) -> PluginGeneration {
        var tried = configuration
        if tried.isolation == "in-process" { tried.isolation = "worker" }
        let file = try PluginFile(path: path, configuration: tried, policy: settings.trust)
        return try opener.open(file, number: 1, for: .declaration)
    }

    private func notes(_ configuration: PluginConfiguration, _ generation: PluginGeneration) -> [String] {
        var notes = generation.warnings
        let unasked = configuration.grants.excess(over: generation.needs)
        if !unasked.isEmpty { notes.append("granted, and never asked for: \(unasked.joined(separator: ", "))") }
        if generation.trust == .unsigned {
            notes.append("neither sha256 nor a signature vouches for it: `dev` loads it, `serve` does not")
        }
        if configuration.isolation == "in-process" {
            notes.append("in-process it does what the gateway may do, and ends it where it crashes")
        }
        return notes
    }
}

extension ToolRegistry {
    /// Publishes a plugin; a clash with another's tools is told as a host tells it.
    fileprivate func publish(_ plugin: LoadedPlugin) throws(PluginRefusal) {
        do { try arrange(plugin.id, Arrangement(live: plugin)) } catch { throw PluginRefusal(error) }
    }
}

extension PluginRefusal {
    /// Why a plugin's tools cannot stand beside the others'.
    init(_ clash: ToolRegistry.Clash) {
        switch clash {
        case .toolName(let name, let other): self = .clash("the tool \(name) is \(other)'s")
        case .route(let route, let tool): self = .clash("the route \(route) is \(tool)'s")
        case .uris(let prefix, let other): self = .clash("URIs that begin with \(prefix) are \(other)'s")
        case .prompt(let name, let other): self = .clash("the prompt \(name) is \(other)'s")
        }
    }
}
