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
    /// Whether it is run in two processes, of which the second compares its answers with the first's.
    var isComparedAmongProcesses = false
    /// Tries it, in the child's process.
    let run: @Sendable (inout ProbeContext) throws -> Void

    /// Every probe, in the order in which a plugin's life goes.
    static let all = stages.flatMap(\.probes)

    /// The same in stages, each with the probe without which nothing after it means anything.
    static let stages: [(probes: [Probe], gate: String?)] = [
        (file, "file.opens"), (entry, "entry.tables"),
        (
            interfaces + catalogue + operations + madeOperations + recorded + functions + madeFunctions + services
                + context + asking + clocks + elsewhere + strangers + interleaved, nil
        ),
    ]
}

/// What a probe works with: the library's path and a source of chance that can be replayed.
struct ProbeContext {
    let library: String
    let bytes: [UInt8]
    var random: SplitMix
    /// The catalogue that the probe has worked with.
    private var seen: Catalogue?
    /// What the probe opened.
    private var plugins: [ProbedPlugin] = []
    /// Why there was nothing to try, where the probe itself found that out.
    private var reason: String?
    /// When the probe has tried enough: before whoever started it takes it for one that does not end.
    ///
    /// By its own work, and later by the clock, so that on a busy machine no less is tried.
    private let enough = (processor: 5.0, clock: ContinuousClock.now + .seconds(10))
    /// What it was answered, where another process is asked the same.
    private(set) var answers: [PureAnswer] = []

    init(library: String, seed: UInt64) throws {
        self.library = library
        guard let data = FileManager.default.contents(atPath: library) else {
            throw Probe.Failure("the file \(library) cannot be read")
        }
        bytes = Array(data)
        random = SplitMix(state: seed)
    }

    /// Opens the library, as a host would.
    mutating func open(lending: Lending.End = .overwritten) throws -> ProbedPlugin {
        try open(library, lending: lending)
    }

    private mutating func open(_ path: String, lending: Lending.End = .overwritten) throws -> ProbedPlugin {
        let plugin = try ProbedPlugin(path, lending: lending)
        plugins.append(plugin)
        return plugin
    }

    /// Opens the library once more, as another generation: with globals of its own.
    ///
    /// The linker knows a file again, so this is another one with the same bytes, made beforehand: a confined process
    /// makes none.
    mutating func openAnother() throws -> ProbedPlugin { try open(ProbeFolder.another(library)) }

    /// Says that there was nothing to try, and why.
    mutating func hadNothing(_ reason: String) { self.reason = reason }

    /// Whether the probe has taken as long as it may.
    var hasTriedEnough: Bool { Samples.processSeconds > enough.processor || ContinuousClock.now > enough.clock }

    /// Compares answers with those of another process that was asked before, or leaves them for one that will be.
    mutating func compare(_ answers: [PureAnswer], of probe: String) throws {
        self.answers = answers
        guard let before = ProbeFolder.answers(to: probe, of: library) else { return }
        for (answer, other) in zip(answers, before) where answer.digest != other {
            throw Probe.Failure("\(answer.title) was answered differently by another process")
        }
    }

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
    mutating func ready(lending: Lending.End = .overwritten) throws -> (ProbedPlugin, Catalogue) {
        let plugin = try open(lending: lending)
        let catalogue = try catalogue(of: plugin)
        _ = plugin.configure(Array("{}".utf8))
        return (plugin, catalogue)
    }

    /// Why a probe that found nothing wrong had nothing to try; nil when it had.
    ///
    /// Told by what was called: a probe that called nothing of its kind has shown nothing.
    func nothing(for probe: Probe) -> String? {
        if let reason { return reason }
        let called = plugins.reduce(into: 0 as UInt8) { $0 |= $1.called.load(ordering: .relaxed) }
        let (operations, functions) = (ProbedPlugin.Called.operations, ProbedPlugin.Called.functions)
        let (wanted, reason): (UInt8, String) =
            switch probe.name.prefix(while: { $0 != "." }) {
            case "operation": (operations, "it has no operation tool")
            case "function" where probe.name == "function.tasks": (functions, "no tool of it may go on after its reply")
            case "function", "services":
                (functions, "it has no function tool that it can be called by: by examples, or by its schema")
            case "timer": (ProbedPlugin.Called.timers, "it needs no timers")
            case "context": (ProbedPlugin.Called.context, "it has no prompt or resource")
            case "asking": (ProbedPlugin.Called.asking, "it has no prompt that may ask, and no template")
            case "completion": (ProbedPlugin.Called.completion, "it completes no argument")
            case "memory", "worker": (operations | functions, "it has no tool with an example")
            case "selftest": (ProbedPlugin.Called.selfTest, "it has no self-test")
            default: (0, "")
            }
        return wanted != 0 && called & wanted == 0 ? reason : nil
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
        let named = tools.flatMap { $0["requires"]?["features"]?.arrayValue ?? [] }
        return Catalogue.HostAbilities.own.union(named.compactMap(\.stringValue))
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
