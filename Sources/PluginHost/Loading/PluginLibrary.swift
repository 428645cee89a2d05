import Gateway
import PluginLoader

/// One loaded generation of a plugin, wherever it runs: what `PluginHost` needs to introduce and end it.
protocol PluginLibrary: AnyObject, Sendable {
    /// Which of the optional interfaces it has.
    var offers: PluginOffers { get }
    /// The catalogue's bytes. Blocks.
    func describe() throws(PluginRefusal) -> [UInt8]
    /// Hands over its settings. Blocks.
    func configure(_ settings: [UInt8]) throws(PluginRefusal)
    /// Runs its self-test, if it has one. Blocks.
    func runSelfTest() throws(PluginRefusal)
    /// The operation functions; nil without them.
    func operationFunctions() -> LoadedPlugin.OperationFunctions?
    /// Prompts and resources.
    func contextFunctions() -> LoadedPlugin.ContextFunctions
    /// Starts a call; a status other than GATEWAY_OK says that it was not taken.
    func start(_ number: UInt64, _ work: PluginWork, meta: [UInt8], deadline: Duration) -> Int32
    /// Whether `start` only hands the call on, so that it may be called from a thread that must not wait.
    var startsAtOnce: Bool { get }
    /// Tells it that nobody waits for a call any more.
    func cancel(_ number: UInt64)
    /// Asks it to start nothing new.
    func drain()
    /// Ends it: no call will come. A library in this process stays mapped (rule L2).
    func retire()
    /// How it fares, for operators.
    var health: PluginHealth { get }
}

/// What an invocation is of.
enum PluginWork: Sendable {
    /// A function tool, by its index, and its arguments.
    case tool(Int, [UInt8])
    /// A timer's document.
    case timer([UInt8])
    /// What is read and may ask, and its document.
    case context(LoadedPlugin.ContextWork, [UInt8])

    /// The tool's index, where it is one.
    var tool: Int? { if case .tool(let index, _) = self { index } else { nil } }
}

/// The optional interfaces of a plugin, by the bits of PluginFrames.h.
struct PluginOffers: OptionSet, Sendable {
    let rawValue: UInt32

    static let operations = PluginOffers(rawValue: GATEWAY_OFFERS_OPERATION)
    static let functions = PluginOffers(rawValue: GATEWAY_OFFERS_INVOKE)
    static let timers = PluginOffers(rawValue: GATEWAY_OFFERS_TIMER)
    static let prompts = PluginOffers(rawValue: GATEWAY_OFFERS_PROMPT)
    static let resources = PluginOffers(rawValue: GATEWAY_OFFERS_RESOURCE)
    static let askingPrompts = PluginOffers(rawValue: GATEWAY_OFFERS_PROMPT_2)
    static let templates = PluginOffers(rawValue: GATEWAY_OFFERS_RESOURCE_2)
    static let completions = PluginOffers(rawValue: GATEWAY_OFFERS_COMPLETION)
}

/// How a generation fares where it runs.
package struct PluginHealth: Sendable, Equatable {
    /// `in-process`, `worker` or `sandbox`.
    package var isolation: String
    /// Resident bytes of its workers; nil in this process, where nobody can tell whose memory is whose.
    package var memoryBytes: Int?
    /// Its workers' process ids.
    package var processes: [Int] = []
    /// How often a worker of it ended by itself.
    package var crashes = 0
    /// How often one was started in the place of one that had.
    package var restarts = 0
    /// What the last crash was.
    package var lastCrash: String?
    /// Whether it crashed so often that it is not started again for a while.
    package var isBroken = false
    /// What its sandbox lacks because this system does not give it; it holds without.
    package var missing: [String] = []

    /// States where it runs.
    package init(isolation: String) { self.isolation = isolation }
}
