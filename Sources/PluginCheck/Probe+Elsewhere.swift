import Gateway
import PluginAPI

/// An answer of a pure function, as one process leaves it for another.
struct PureAnswer: Sendable {
    let title: String
    /// Eight digits for the whole of it.
    let digest: String

    init(_ title: String, _ answer: ProbedPlugin.Answer) {
        self.title = title
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in answer.output { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        hash = (hash ^ UInt64(UInt32(bitPattern: answer.status))) &* 0x0000_0100_0000_01B3
        let digits = String(UInt32(truncatingIfNeeded: hash ^ (hash >> 32)), radix: 16)
        digest = String(repeating: "0", count: 8 - digits.count) + digits
    }
}

extension Probe {
    /// How many answers are compared: as many as a report has room for.
    private static let answersMax = 3_000

    /// What must not depend on the process: its number, its environment, its folder, its zone of time, where its memory is,
    /// and what it was given as chance.
    static let elsewhere: [Probe] = [
        Probe(
            name: "operation.elsewhere",
            rule: "P1",
            claim: "another process answers the same, with another environment and other places in memory",
            isComparedAmongProcesses: true
        ) { context in
            let (plugin, catalogue) = try context.ready()
            let calls = try Samples.manyCalls(plugin, catalogue).prefix(answersMax)
            try context.compare(calls.map { PureAnswer($0.title, $0.run(plugin)) }, of: "operation.elsewhere")
        },
        Probe(
            name: "context.elsewhere",
            rule: "P1",
            claim: "prompts and resources are the same in another process",
            isComparedAmongProcesses: true
        ) { context in
            let (plugin, catalogue) = try context.ready()
            let calls = Samples.contextCalls(plugin, catalogue).prefix(answersMax)
            try context.compare(calls.map { PureAnswer($0.title, $0.run()) }, of: "context.elsewhere")
        },
    ]
}

/// A prompt or resource that is read.
struct ContextCall {
    let title: String
    let run: () -> ProbedPlugin.Answer
}

extension Samples {
    /// Every prompt, with a few arguments, and every resource.
    static func contextCalls(_ plugin: ProbedPlugin, _ catalogue: Catalogue) -> [ContextCall] {
        catalogue.prompts.enumerated()
            .flatMap { index, prompt in
                ["a text", "", "😀\"\\\u{0}", String(repeating: "y", count: 5_000)]
                    .map { text in
                        ContextCall(title: "the prompt \(prompt.name)") {
                            plugin.prompt(index, arguments(of: prompt, text))
                        }
                    }
            }
            + catalogue.resources.enumerated()
            .map { index, resource in ContextCall(title: resource.uri) { plugin.resource(index) } }
    }
}
