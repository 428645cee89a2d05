import Foundation
import Gateway
import OrderedJSON

/// One thing that is tried with a plugin: a process of its own, a rule, and a sentence.
struct Probe: Sendable {
    /// Why a plugin fails a probe.
    struct Failure: Error {
        let message: String

        init(_ message: String) { self.message = message }
    }

    /// For `--only`, reports and the child's command line: `operation.pure`.
    let name: String
    /// The rule of docs/abi.md that it tries.
    let rule: String
    /// What holds when it passes.
    let claim: String
    /// Tries it, in the child's process.
    let run: @Sendable (inout ProbeContext) throws -> Void

    /// Every probe, in the order in which a plugin's life goes.
    static let all = stages.flatMap(\.probes)

    /// The same in stages, each with the probe without which nothing after it means anything.
    static let stages: [(probes: [Probe], gate: String?)] = [
        (file, "file.opens"), (entry, "entry.tables"),
        (interfaces + catalogue + operations + functions + services + context + strangers, nil),
    ]
}

/// What a probe works with: the library's path and a source of chance that can be replayed.
struct ProbeContext {
    let library: String
    let bytes: [UInt8]
    var random: SplitMix
    /// The catalogue that the probe has worked with.
    private var seen: Catalogue?

    init(library: String, seed: UInt64) throws {
        self.library = library
        guard let data = FileManager.default.contents(atPath: library) else {
            throw Probe.Failure("the file \(library) cannot be read")
        }
        bytes = Array(data)
        random = SplitMix(state: seed)
    }

    /// Opens the library, as a host would.
    func open() throws -> ProbedPlugin { try ProbedPlugin(library) }

    /// The catalogue, read with everything a host may be able to do.
    mutating func catalogue(of plugin: ProbedPlugin) throws -> Catalogue {
        let described = try plugin.describe()
        let transforms = CatalogueAbilities.transforms(named: described)
        let features = CatalogueAbilities.features(named: described)
        do {
            let catalogue = try Catalogue(
                parsing: described,
                abilities: Catalogue.HostAbilities(features: features, transforms: transforms)
            )
            seen = catalogue
            return catalogue
        } catch { throw Probe.Failure(error.description) }
    }

    /// A configured plugin, ready for calls.
    mutating func ready() throws -> (ProbedPlugin, Catalogue) {
        let plugin = try open()
        let catalogue = try catalogue(of: plugin)
        _ = plugin.configure(Array("{}".utf8))
        return (plugin, catalogue)
    }

    /// Why a probe that found nothing wrong had nothing to try; nil when it had.
    func nothing(for probe: Probe) -> String? {
        guard let seen else { return nil }
        let (pure, functions) = (Samples.calls(seen), Samples.invocations(seen))
        switch probe.name.prefix(while: { $0 != "." }) {
        case "operation": return pure.isEmpty ? "it has no operation tool" : nil
        case "function", "services": return functions.isEmpty ? "it has no function tool with an example" : nil
        case "timer": return seen.needs.services.contains("timers") ? nil : "it needs no timers"
        case "context": return seen.prompts.isEmpty && seen.resources.isEmpty ? "it has no prompt or resource" : nil
        case "memory", "worker": return pure.isEmpty && functions.isEmpty ? "it has no tool with an example" : nil
        default: return nil
        }
    }
}

/// Which host it will meet is not known here, so whatever it asks for by a well-formed name is taken for possible.
private enum CatalogueAbilities {
    static func transforms(named catalogue: [UInt8]) -> Set<String> {
        let document = try? JSON(parsing: catalogue)
        return Set((document?["needs"]?["secrets"]?.arrayValue ?? []).compactMap(\.stringValue))
    }

    static func features(named catalogue: [UInt8]) -> Set<String> {
        let tools = (try? JSON(parsing: catalogue))?["tools"]?.arrayValue ?? []
        return Set(tools.flatMap { $0["requires"]?["features"]?.arrayValue ?? [] }.compactMap(\.stringValue))
    }
}

/// A small generator that begins the same way for the same seed.
struct SplitMix: RandomNumberGenerator, Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
