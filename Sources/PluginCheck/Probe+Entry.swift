import Foundation
import Gateway
import PluginAPI
import PluginHost
import PluginLoader

extension Probe {
    /// Before the negotiation.
    static let file: [Probe] = [
        Probe(
            name: "file.form",
            rule: "E1, E2, E3",
            claim: "it exports gateway_plugin_v1 alone and carries one manifest, which this host can serve"
        ) {
            do { try PluginFile.inspect($0.bytes).checkServed() } catch { throw Failure("\(error)") }
        },
        Probe(name: "file.imports", rule: "T6", claim: "it asks for no function that changes its process or leaves it")
        {
            let forbidden = PluginFile.forbiddenImports(of: $0.bytes)
            guard forbidden.isEmpty else { throw Failure("it asks for \(forbidden.joined(separator: ", "))") }
        },
        Probe(name: "file.opens", rule: "L1", claim: "it opens with everything bound at once") {
            _ = try ProbedPlugin.entry(of: $0.library)
        },
    ]

    /// At the negotiation.
    static let entry: [Probe] = [
        Probe(name: "entry.null", rule: "E4", claim: "a null negotiation is an invalid argument") {
            let status = try ProbedPlugin.entry(of: $0.library)(nil)
            guard status == GATEWAY_INVALID_ARGUMENT else { throw Failure("it answered status \(status)") }
        },
        Probe(name: "entry.future", rule: "E4", claim: "a host of a far later level is refused, not guessed at") {
            var negotiation = gateway_negotiation_t()
            let host = ProbeHost()
            negotiation.host_level_min = 900
            negotiation.host_level_max = 901
            negotiation.host = host.pointer
            negotiation.host_interface = ProbeHost.interface
            let status = try ProbedPlugin.entry(of: $0.library)(&negotiation)
            let isRefused = status != GATEWAY_OK || negotiation.refused != 0
            guard isRefused || (900...901).contains(negotiation.level) else {
                throw Failure("it chose level \(negotiation.level), which the host does not speak")
            }
        },
        Probe(
            name: "entry.tables",
            rule: "E4, E5",
            claim: "it takes this host's level, and every offered table is whole"
        ) {
            _ = try $0.open()
        },
    ]

    /// What was found there, and whether it stays.
    static let interfaces: [Probe] = [
        Probe(
            name: "interface.unknown",
            rule: "E4",
            claim: "an interface that nobody has heard of is answered with null"
        ) {
            let plugin = try $0.open()
            let long = [UInt8](repeating: 0x61, count: 4096)
            // A later revision beside today's is how the protocol grows: an id counts as one where its name is known.
            for id in [
                [], Array("no-such-thing/9".utf8), Array("operation/".utf8), Array("operation/1x".utf8),
                Array("lifecycle".utf8), [0xFF, 0], long,
            ]
            where plugin.interface(id) != nil {
                throw Failure("it offers \(String(decoding: id.prefix(40), as: UTF8.self).debugDescription)")
            }
        },
        Probe(name: "interface.stable", rule: "M4", claim: "tables stay where they are") {
            let plugin = try $0.open()
            for id in [GATEWAY_LIFECYCLE, GATEWAY_OPERATION, GATEWAY_INVOKE, GATEWAY_SELFTEST] {
                let name = Array(id.utf8)
                guard plugin.interface(name) == plugin.interface(name) else { throw Failure("\(id) has moved") }
            }
        },
        Probe(name: "entry.twice", rule: "L3", claim: "two generations live side by side") { context in
            let first = try context.open()
            let second = try context.openAnother()
            guard try first.describe() == second.describe() else {
                throw Failure("they describe themselves differently")
            }
        },
    ]

    /// Describing and configuring.
    static let catalogue: [Probe] = [
        Probe(
            name: "catalogue.form",
            rule: "C1, C2, C4, C5",
            claim: "the catalogue is one, its schemas compile, its examples are valid"
        ) {
            let plugin = try $0.open()
            _ = try $0.catalogue(of: plugin)
        },
        Probe(
            name: "catalogue.derived",
            rule: "C6",
            claim: "what it says of its tools is what the host derives: which of them move money"
        ) {
            let plugin = try $0.open()
            let found = try $0.catalogue(of: plugin).contradictions
            guard found.isEmpty else { throw Failure(found.map(\.description).joined(separator: "; ")) }
        },
        Probe(name: "catalogue.manifest", rule: "E2", claim: "catalogue and manifest agree") {
            let plugin = try $0.open()
            let catalogue = try $0.catalogue(of: plugin)
            let manifest: PluginFile.Manifest
            do { manifest = try PluginFile.inspect($0.bytes) } catch { throw Failure("\(error)") }
            guard manifest.id == catalogue.id, manifest.version == catalogue.version else {
                throw Failure(
                    "the manifest says \(manifest.id) \(manifest.version), the catalogue \(catalogue.id) \(catalogue.version)"
                )
            }
        },
        Probe(name: "catalogue.stable", rule: "C1", claim: "describe writes the same bytes whenever it is asked") {
            let plugin = try $0.open()
            let first = try plugin.describe()
            for _ in 0..<3 {
                guard try plugin.describe() == first else { throw Failure("it described itself differently") }
            }
        },
        Probe(name: "catalogue.needs", rule: "C3", claim: "what its kinds use is among its needs") {
            let plugin = try $0.open()
            let catalogue = try $0.catalogue(of: plugin)
            do { try PluginGrants.check(catalogue, against: catalogue.needs) } catch { throw Failure("\(error)") }
        },
        Probe(name: "configure.rubbish", rule: "M3", claim: "settings that are none are refused or ignored, not fatal")
        {
            for settings in ["", "{", "[]", "null", "{\"a\":{\"b\":[1,2,{}]}}", "\u{FFFD}"] {
                _ = try $0.open().configure(Array(settings.utf8))
            }
            _ = try $0.open().configure([0xFF, 0xFE, 0x00])
        },
        Probe(name: "selftest.passes", rule: "L1", claim: "its self-test passes") {
            let (plugin, _) = try $0.ready()
            guard let answer = plugin.selfTest(), answer.status != GATEWAY_OK else { return }
            throw Failure("\(String(decoding: answer.output, as: UTF8.self)) (status \(answer.status))")
        },
    ]
}
