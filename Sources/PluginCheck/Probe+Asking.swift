import Foundation
import Gateway
import OrderedJSON
import PluginAPI

extension Probe {
    /// Prompts and resources that may ask, and completions: drafts, which are invocations as function tools' are.
    static let asking: [Probe] = [
        Probe(
            name: "asking.form",
            rule: "F1, P2",
            claim: "what may ask is completed once, in the agreed shape, whatever a person says or a service answers"
        ) { context in
            let (plugin, catalogue) = try context.ready()
            var number: UInt64 = 0
            for services in [ProbeHost.Services.empty, .failing(13), .failing(22), .later] {
                plugin.host.behave(services)
                for call in AskedCall.all(catalogue) where call.isRead && !context.hasTriedEnough {
                    for meta in call.metas {
                        number += 1
                        try call.check(plugin, number: number, meta)
                    }
                }
            }
        },
        Probe(name: "asking.returns", rule: "T2", claim: "what starts such a call returns within 50 ms") { context in
            let (plugin, catalogue) = try context.ready()
            var number: UInt64 = 0
            for call in AskedCall.all(catalogue) where !context.hasTriedEnough {
                try Samples.checkReturns(call.title) {
                    number += 1
                    _ = call.begin(plugin, number: number, ProbedPlugin.usualMeta)
                }
            }
        },
        Probe(name: "asking.index", rule: "F1", claim: "a prompt or template that it does not have is refused") {
            let (plugin, catalogue) = try $0.ready()
            let strange: [(LoadedPlugin.ContextWork, Bool)] = [
                (.prompt(catalogue.askingPrompts.count + 7), plugin.tables.prompt_2 != nil),
                (.resource(catalogue.templates.count + 7), plugin.tables.resource_2 != nil),
            ]
            for (number, (work, isOffered)) in strange.enumerated() where isOffered {
                let number = UInt64(number + 1)
                plugin.host.begin(number)
                let status = plugin.start(number, work, Array("{}".utf8))
                let end = status == GATEWAY_OK ? plugin.host.completions(of: number, within: 5).first?.status : status
                guard end != nil, end != GATEWAY_OK else { throw Failure("it answered as if it had it") }
            }
        },
        Probe(
            name: "completion.form",
            rule: "F1, P2",
            claim: "a completion is at most 100 values, each one line in which everything is seen, and asks nobody"
        ) { context in
            let (plugin, catalogue) = try context.ready()
            let calls = AskedCall.all(catalogue).filter { !$0.isRead }
            for (number, call) in calls.enumerated() where !context.hasTriedEnough {
                try call.check(plugin, number: UInt64(number + 1), ProbedPlugin.usualMeta)
            }
        },
    ]
}

/// One call of what is read and may ask, or of a completion.
struct AskedCall {
    let work: LoadedPlugin.ContextWork
    let title: String
    let document: [UInt8]
    /// Whether it may ask.
    let asks: Bool
    /// What is wrong with what it was completed with.
    let read: (JSON) throws -> Void

    /// Whether it is a prompt or a resource.
    var isRead: Bool { work != .completion }

    /// What stands beside it: as it is asked for, and with a person's answers where it may ask.
    var metas: [JSONObject] {
        guard asks else { return [ProbedPlugin.usualMeta] }
        let answers: [JSON] = [
            ["action": "accept", "content": ["a": "a text", "sure": true]], ["action": "accept", "content": [:]],
            ["action": "decline", "content": [:]], ["action": "cancel", "content": [:]],
        ]
        return [ProbedPlugin.usualMeta]
            + answers.map { answer in
                var meta = ProbedPlugin.usualMeta
                (meta["input"], meta["state"]) = (answer, .null)
                return meta
            }
    }

    /// Starts it; answers what the function answered.
    func begin(_ plugin: ProbedPlugin, number: UInt64, _ meta: JSONObject) -> Int32 {
        ProbeReport.trying(title)
        plugin.host.begin(number)
        return plugin.start(number, work, document, meta: meta)
    }

    /// Makes the call, and waits in case it is completed once more; one that is not taken is over.
    func check(_ plugin: ProbedPlugin, number: UInt64, _ meta: JSONObject) throws {
        guard begin(plugin, number: number, meta) == GATEWAY_OK else { return }
        guard let first = plugin.host.completions(of: number, within: 5).first else {
            throw Probe.Failure("\(title): not completed within 5 s")
        }
        usleep(5_000)
        let count = plugin.host.completionsNow(of: number).count
        guard count == 1 else { throw Probe.Failure("\(title): completed \(count) times") }
        // Statuses that carry nothing but a message are its own business.
        guard (GATEWAY_OK...GATEWAY_INPUT_REQUIRED).contains(first.status) else { return }
        let completion = LoadedPlugin.Completion(status: first.status, payload: first.payload)
        do {
            if case .answer(let said) = try FunctionCompletion.read(completion, of: title, asks: asks) {
                try read(said)
            }
        } catch let error as GatewayError { throw Probe.Failure(error.message) }
    }

    /// Every prompt and template with a few texts, and every argument that is completed.
    static func all(_ catalogue: Catalogue) -> [AskedCall] {
        let texts = ["a text", "x", "😀\"\\", String(repeating: "y", count: 400)]
        func filled(_ arguments: [PromptDescriptor.Argument], _ text: String) -> JSONObject {
            JSONObject(arguments.map { ($0.name, .string(text)) })
        }
        var calls: [AskedCall] = []
        for (index, prompt) in catalogue.askingPrompts.enumerated() {
            for text in texts {
                calls.append(
                    AskedCall(
                        work: .prompt(index),
                        title: "the prompt \(prompt.name)",
                        document: JSON.object(filled(prompt.arguments, text)).bytes,
                        asks: prompt.asks
                    ) { _ = try ContextAnswers.prompt($0, of: "the prompt \(prompt.name)") }
                )
            }
        }
        for (index, template) in catalogue.templates.enumerated() {
            for text in texts {
                calls.append(
                    AskedCall(
                        work: .resource(index),
                        title: "the template \(template.name)",
                        document: JSON.object(filled(template.arguments, text)).bytes,
                        asks: template.asks
                    ) { _ = try ContextAnswers.bytes($0, of: template) }
                )
            }
        }
        let subjects =
            (catalogue.prompts + catalogue.askingPrompts).map { ("prompt", $0.name, $0.arguments) }
            + catalogue.templates.map { ("template", $0.name, $0.arguments) }
        for (kind, name, arguments) in subjects {
            for argument in arguments where argument.isCompleted {
                for begun in ["", "a", "zz", "😀"] {
                    let document: JSON = [
                        kind: .string(name), "argument": .string(argument.name), "value": .string(begun),
                        "arguments": [:],
                    ]
                    let title = "the completion of \(argument.name) of \(name)"
                    calls.append(
                        AskedCall(work: .completion, title: title, document: document.bytes, asks: false) {
                            _ = try Completions.read($0, of: title)
                        }
                    )
                }
            }
        }
        return calls
    }
}
