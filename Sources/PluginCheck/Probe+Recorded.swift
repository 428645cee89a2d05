import Gateway
import OrderedJSON
import PluginAPI

extension Probe {
    /// What M-Pesa was seen to send, as it was and otherwise.
    static let recorded: [Probe] = [
        Probe(
            name: "operation.recorded",
            rule: "P2",
            claim: "what was recorded of M-Pesa proves what the plugin says that it does"
        ) { context in
            let (plugin, catalogue) = try context.ready()
            let recordings = try Recording.all(plugin, catalogue)
            if recordings.isEmpty { context.hadNothing(Recording.none) }
            for recording in recordings { try recording.check(plugin) }
        },
        Probe(
            name: "operation.mutated",
            rule: "P2",
            claim: "a recorded message that is cut or has lost its proof is evidence, and proves no payment"
        ) { context in
            let (plugin, catalogue) = try context.ready()
            let recordings = try Recording.all(plugin, catalogue)
            if recordings.isEmpty { context.hadNothing(Recording.none) }
            for recording in recordings {
                let proof = try recording.foundProof(plugin)
                for mutation in Mutation.all(of: recording, proof: proof) where !context.hasTriedEnough {
                    try recording.check(plugin, mutation)
                }
                for _ in 0..<100 where !context.hasTriedEnough {
                    let bytes = Samples.flipped(recording.body, &context.random)
                    try recording.check(plugin, Mutation(bytes: bytes, how: ", with odd bytes", losesProof: false))
                }
            }
        },
    ]
}

extension Recording {
    fileprivate static let none = "none of its operation kinds has x-examples: messages that M-Pesa was seen to send"

    /// Without what a success is none: what its author names, or what is found to be so.
    fileprivate func foundProof(_ plugin: ProbedPlugin) throws -> [JSONPointer] {
        guard isSuccess else { return [] }
        guard let document else { throw Probe.Failure("\(call.title): a success that is not JSON has no proof") }
        if let proof { return proof }
        let found = Mutation.places(in: document)
            .filter { place in
                !Recording.succeeds(call(with: Mutation.without(place, in: document).bytes, "").run(plugin))
            }
        guard !found.isEmpty else {
            throw Probe.Failure("\(call.title): succeeded whatever is left out of it, so it rests on nothing")
        }
        return found
    }

    fileprivate func check(_ plugin: ProbedPlugin, _ mutation: Mutation) throws {
        let call = call(with: mutation.bytes, mutation.how)
        try call.checkForm(plugin)
        guard mutation.losesProof, Recording.succeeds(call.run(plugin)) else { return }
        throw Probe.Failure("\(call.title): succeeded")
    }

    private static func succeeds(_ answer: ProbedPlugin.Answer) -> Bool {
        guard let said = try? JSON(parsing: answer.output) else { return false }
        return said["evidence"]?["verdict"]?.stringValue == "succeeded"
    }
}

extension Samples {
    /// Some of the bytes others.
    fileprivate static func flipped(_ body: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        var bytes = body
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        return bytes
    }
}
