import Foundation
import Gateway
import PluginAPI
import Testing

@testable import PluginHost

struct `The statuses that the host knows` {
    @Test func `are the header's`() {
        let header: [Int32] = [
            GATEWAY_OK, GATEWAY_ACCEPTED, GATEWAY_INPUT_REQUIRED, GATEWAY_INVALID_ARGUMENT,
            GATEWAY_UNAUTHENTICATED_UPSTREAM, GATEWAY_PERMISSION_DENIED, GATEWAY_NOT_FOUND, GATEWAY_CONFLICT,
            GATEWAY_RATE_LIMITED, GATEWAY_UPSTREAM_REJECTED, GATEWAY_UPSTREAM_UNAVAILABLE, GATEWAY_OUTCOME_UNKNOWN,
            GATEWAY_CANCELLED, GATEWAY_DEADLINE, GATEWAY_NOT_SUPPORTED, GATEWAY_INTERNAL, GATEWAY_TOO_LARGE,
            GATEWAY_ALREADY_COMPLETED, GATEWAY_UNKNOWN_INVOCATION,
        ]
        #expect(AnswerStatus.allCases.map(\.rawValue) == header)
    }
}

/// Binaries of released plugins, never built again: what they were built against must go on being served.
struct `A plugin that was built when level 1 was frozen` {
    static let kept = ["operation": "fixture", "services": "desk", "hello": "hello"]
    static let folder = Bench.root + "/Tests/Compatibility/level-1-x86_64"

    @Test(arguments: kept.keys.sorted(), Bench.Isolation.allCases)
    func `is loaded and called by this host`(name: String, isolation: Bench.Isolation) async throws {
        let bench = try Bench(isolation)
        defer { bench.remove() }
        let id = try #require(Self.kept[name])
        let needs = Catalogue.Needs(
            upstreams: ["daraja": ["/collect"]],
            secrets: ["stk_password"],
            collections: ["notes"],
            services: ["transactions", "timers", "exports"]
        )
        let configuration = PluginConfiguration(
            id: id,
            source: "\(Self.folder)/\(name).so",
            sha256: nil,
            isEnabled: true,
            isolation: isolation.rawValue,
            grants: needs,
            settings: [:]
        )
        let plugin = try bench.host.load(configuration, relativeTo: "/")
        let tool = try #require(plugin.tools.first { $0.kind == .function })
        let example = try #require(tool.examples.first)
        let completion = try #require(
            await plugin.asynchronous.invoke?(tool.index, example.arguments.bytes, .ofATest())
        )

        #expect(completion.status == GATEWAY_OK || completion.status == GATEWAY_NOT_SUPPORTED)
        if !plugin.prompts.isEmpty {
            #expect(try await !plugin.context.prompt(0, Array(#"{"day":"1"}"#.utf8)).isEmpty)
            #expect(try await plugin.context.resource(1) == [0, 1, 2, 255])
        }
        if let operations = plugin.operationFunctions {
            #expect(try await !operations.prepare(0, Array("{}".utf8)).isEmpty)
        }
    }

    @Test func `is here`() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder)
        #expect(Set(files) == Set(Self.kept.keys.map { $0 + ".so" }))
    }
}

/// The layout as Swift sees it; `layout.c` asserts it for C, `gateway.rs` for Rust.
struct `The protocol's structs` {
    @Test func `have the sizes that were published`() {
        func size<Value>(_: Value.Type, _ expected: Int) { #expect(MemoryLayout<Value>.size == expected) }
        size(gateway_bytes_t.self, 16)
        size(gateway_sink_t.self, 16)
        size(gateway_manifest_t.self, 184)
        size(gateway_negotiation_t.self, 104)
        size(gateway_lifecycle_t.self, 16)
        size(gateway_selftest_t.self, 8)
        size(gateway_drain_t.self, 16)
        size(gateway_operation_t.self, 32)
        size(gateway_invoke_t.self, 8)
        size(gateway_cancel_t.self, 8)
        size(gateway_timer_t.self, 8)
        size(gateway_prompt_t.self, 8)
        size(gateway_resource_t.self, 8)
        size(gateway_prompt_2_t.self, 8)
        size(gateway_resource_2_t.self, 8)
        size(gateway_argument_completion_t.self, 8)
        size(gateway_complete_t.self, 8)
        size(gateway_progress_t.self, 16)
        size(gateway_log_t.self, 8)
        size(gateway_clock_t.self, 16)
        size(gateway_call_t.self, 8)
        size(gateway_thread_check_t.self, 8)
    }

    @Test func `have their fields where they were published`() {
        #expect(MemoryLayout<gateway_bytes_t>.offset(of: \.length) == 8)
        #expect(MemoryLayout<gateway_sink_t>.offset(of: \.write) == 8)
        #expect(MemoryLayout<gateway_manifest_t>.offset(of: \.revision) == 8)
        #expect(MemoryLayout<gateway_manifest_t>.offset(of: \.level_max) == 16)
        #expect(MemoryLayout<gateway_manifest_t>.offset(of: \.id) == 24)
        #expect(MemoryLayout<gateway_manifest_t>.offset(of: \.runtime) == 120)
        #expect(MemoryLayout<gateway_negotiation_t>.offset(of: \.isolation) == 8)
        #expect(MemoryLayout<gateway_negotiation_t>.offset(of: \.host_interface) == 56)
        #expect(MemoryLayout<gateway_negotiation_t>.offset(of: \.level) == 64)
        #expect(MemoryLayout<gateway_negotiation_t>.offset(of: \.plugin_interface) == 96)
        #expect(MemoryLayout<gateway_operation_t>.offset(of: \.render) == 24)
        #expect(MemoryLayout<gateway_progress_t>.offset(of: \.is_cancelled) == 8)
    }
}
