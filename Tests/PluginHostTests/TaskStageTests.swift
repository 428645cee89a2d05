import Gateway
import OrderedJSON
import Testing

@testable import PluginHost

/// What a plugin in C is told of going on after its reply, in the host, in a worker and in a sandbox.
struct `A function tool that may go on after its reply` {
    private func invoke(
        _ how: String,
        _ stage: LoadedPlugin.TaskStage?,
        in isolation: Bench.Isolation
    ) async throws -> (ending: FunctionCompletion.Ending?, code: GatewayError.Code?) {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let plugin = try bench.load(["-DFIXTURE_SENSITIVE=\"[],\\\"x-task\\\":{\\\"deadline_ms\\\":60000}\""])
        let tool = plugin.tools[1]
        #expect(tool.task == TaskTerms(deadline: .seconds(60), mayBeginAgain: false))
        let arguments = Array("{\"how\":\"\(how)\"}".utf8)
        let completion = try #require(await plugin.asynchronous.invoke?(1, arguments, .ofATest(task: stage)))
        do throws(GatewayError) {
            return (try FunctionCompletion.read(completion, tool: tool, mayBecomeTask: stage == .offered), nil)
        } catch { return (nil, error.code) }
    }

    @Test(arguments: Bench.Isolation.allCases)
    func `asks for it where it is offered, and ends where it goes on`(isolation: Bench.Isolation) async throws {
        guard case .task("It takes long.") = try await invoke("long", .offered, in: isolation).ending else {
            Issue.record("it did not ask to go on")
            return
        }
        let id = Identifier(high: 7, low: 7)
        guard case .output(let output, nil) = try await invoke("long", .goesOn(id), in: isolation).ending else {
            Issue.record("it did not end")
            return
        }
        #expect(String(decoding: output, as: UTF8.self) == "{\"echo\":\"task\"}")
    }

    @Test(arguments: Bench.Isolation.allCases)
    func `breaks its form where it asks for it unasked`(isolation: Bench.Isolation) async throws {
        #expect(try await invoke("long unasked", nil, in: isolation).code == .pluginFailed)
    }
}
