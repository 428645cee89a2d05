import Cryptography
import Foundation
import Gateway
import PluginHost

/// Findings about what plugins.json declares, in the form of the probes'.
package enum DeclarationCheck {
    /// Every entry of plugins.json.
    package static func findings(of text: [UInt8], in folder: String, by declarations: PluginDeclarations)
        -> [PluginChecker.Finding]
    {
        let configurations: [PluginConfiguration]
        do { configurations = try PluginConfiguration.list(parsing: text) } catch {
            return [finding("declared.file", "plugins.json can be read", error.description)]
        }
        return declarations.tried(configurations, in: folder).map { loading("declared.\($0.id)", $0) }
    }

    /// One library and its own entry, beside the entries of the others.
    package static func findings(
        of library: [UInt8],
        declaredBy text: [UInt8],
        in folder: String,
        by declarations: PluginDeclarations
    ) -> [PluginChecker.Finding] {
        let configurations: [PluginConfiguration]
        do { configurations = try PluginConfiguration.list(parsing: text) } catch {
            return [finding("declared.entry", "plugins.json has an entry of its id", error.description)]
        }
        let id: String
        do { id = try PluginFile.inspect(library).id } catch {
            return [finding("declared.entry", "plugins.json has an entry of its id", error.description)]
        }
        let all = declarations.tried(configurations, in: folder)
        guard let own = all.first(where: { $0.id == id }) else {
            let known = configurations.map(\.id).joined(separator: ", ")
            let problem = "there is none of the id \(id); there are \(known.isEmpty ? "none" : known)"
            return [finding("declared.entry", "plugins.json has an entry of its id", problem)]
        }
        return [
            finding("declared.entry", "plugins.json has an entry of its id", nil), source(library, own),
            loading("declared.load", own),
        ]
    }

    private static func source(_ library: [UInt8], _ own: DeclaredPlugin) -> PluginChecker.Finding {
        let declared = FileManager.default.contents(atPath: own.path).map { SHA256.digest(Array($0)).hexadecimal }
        let given = SHA256.digest(library).hexadecimal
        let problem: String? =
            switch declared {
            case nil: "the file \(own.path) cannot be read"
            case given?: nil
            case let other?: "\(own.path) is another file (SHA-256 \(other)) than the one that was given (\(given))"
            }
        return finding("declared.source", "the entry's source is this library", problem)
    }

    private static func loading(_ name: String, _ own: DeclaredPlugin) -> PluginChecker.Finding {
        var found = finding(name, "a gateway loads it as its entry says", own.refusal?.description)
        found.notes = [own.loaded].compactMap { $0 } + own.notes
        return found
    }

    private static func finding(_ name: String, _ claim: String, _ problem: String?) -> PluginChecker.Finding {
        PluginChecker.Finding(
            probe: name,
            rule: PluginChecker.Finding.declaration,
            claim: claim,
            problem: problem,
            seconds: 0
        )
    }
}
