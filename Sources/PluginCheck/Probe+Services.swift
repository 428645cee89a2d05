import Foundation
import Gateway
import OrderedJSON
import PluginAPI

extension Probe {
    /// What a plugin asks of its host, and what comes back.
    static let services: [Probe] = [
        Probe(
            name: "services.failing",
            rule: "F1",
            claim: "whatever a host service answers, each call is completed once"
        ) {
            let (plugin, catalogue) = try $0.ready()
            var number: UInt64 = 0
            // The last is a status that nobody has heard of.
            for status in [10, 12, 13, 14, 15, 18, 21, 22, 23, 99] as [Int32] {
                plugin.host.behave(.failing(status))
                for call in Samples.anyInvocations(catalogue) {
                    number += 1
                    do { try call.check(plugin, number: number) } catch let failure as Failure {
                        throw Failure("\(failure.message), when services answer status \(status)")
                    }
                }
            }
        },
        Probe(
            name: "services.later",
            rule: "T4, F1",
            claim: "a service that answers later, on another thread, is heard"
        ) {
            let (plugin, catalogue) = try $0.ready()
            plugin.host.behave(.later)
            for (number, call) in Samples.anyInvocations(catalogue).enumerated() {
                try call.check(plugin, number: UInt64(number + 1))
            }
        },
        Probe(name: "timer.fire", rule: "F1", claim: "a timer is completed once, or not taken") {
            let (plugin, _) = try $0.ready()
            guard plugin.tables.timer != nil else { return }
            for (number, name) in ["a", "nobody's", ""].enumerated() {
                let document: JSON = [
                    "id": "019ab3c4-0000-7000-8000-000000000001", "name": .string(name), "data": .null,
                    "due_ms": 1_790_000_000_000, "attempt": 1,
                ]
                let identifier = UInt64(number + 1)
                plugin.host.begin(identifier)
                guard plugin.fire(identifier, document.bytes) == GATEWAY_OK else { continue }
                guard plugin.host.completions(of: identifier, within: 5).first != nil else {
                    throw Failure("the timer \"\(name)\" was taken, and not completed within 5 s")
                }
                usleep(20_000)
                let count = plugin.host.completionsNow(of: identifier).count
                guard count == 1 else { throw Failure("the timer \"\(name)\" was completed \(count) times") }
            }
        },
    ]

    /// Prompts and resources.
    static let context: [Probe] = [
        Probe(name: "context.form", rule: "P2", claim: "every prompt has messages, and every text is UTF-8") {
            let (plugin, catalogue) = try $0.ready()
            for (index, prompt) in catalogue.prompts.enumerated() {
                let answer = plugin.prompt(index, Samples.arguments(of: prompt))
                guard answer.status == GATEWAY_OK, let document = try? JSON(parsing: answer.output),
                    let messages = document["messages"]?.arrayValue, !messages.isEmpty,
                    messages.allSatisfy({ $0["role"]?.stringValue != nil && $0["content"] != nil })
                else { throw Failure("the prompt \(prompt.name): status \(answer.status), or no messages") }
            }
            for (index, resource) in catalogue.resources.enumerated() {
                let answer = plugin.resource(index)
                guard answer.status == GATEWAY_OK else { throw Failure("\(resource.uri): status \(answer.status)") }
                guard !resource.isText || String(validating: answer.output, as: UTF8.self) != nil else {
                    throw Failure("\(resource.uri) is \(resource.mediaType), and not UTF-8")
                }
            }
        },
        Probe(name: "context.pure", rule: "P1", claim: "prompts and resources are the same each time, without the host")
        {
            let (plugin, catalogue) = try $0.ready()
            let before = plugin.host.callCount
            for (index, prompt) in catalogue.prompts.enumerated() {
                let arguments = Samples.arguments(of: prompt)
                let answers = (0..<3).map { _ in plugin.prompt(index, arguments) }
                guard answers.allSatisfy({ $0 == answers[0] }) else {
                    throw Failure("the prompt \(prompt.name) differs")
                }
            }
            for (index, resource) in catalogue.resources.enumerated() {
                let answers = (0..<3).map { _ in plugin.resource(index) }
                guard answers.allSatisfy({ $0 == answers[0] }) else { throw Failure("\(resource.uri) differs") }
            }
            guard plugin.host.callCount == before else { throw Failure("a host function was called") }
        },
        Probe(name: "context.index", rule: "P2", claim: "a prompt or resource that it does not have is refused") {
            let (plugin, catalogue) = try $0.ready()
            let prompt = plugin.prompt(catalogue.prompts.count + 7, Array("{}".utf8))
            let resource = plugin.resource(catalogue.resources.count + 7)
            guard prompt.status != GATEWAY_OK, resource.status != GATEWAY_OK else {
                throw Failure("it answered as if it had it")
            }
        },
    ]
}

extension Samples {
    /// Some text for each of a prompt's arguments.
    static func arguments(of prompt: PromptDescriptor, _ text: String = "a text") -> [UInt8] {
        var members = JSONObject()
        for argument in prompt.arguments { members[argument.name] = .string(text) }
        return JSON.object(members).bytes
    }
}
