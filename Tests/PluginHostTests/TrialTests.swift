import Foundation
import Gateway
import Synchronization
import Testing

@testable import PluginHost

struct `What is tried of a library before it is installed` {
    @Test func `refuses it, with the rules and what to do, and leaves everything as it was`() async throws {
        let broken = ["a (rule P1): one", "b (rule M6): two", "c (rule F1): three", "d (rule T1): four"]
        let trials = Mutex([PluginTrial]())
        let bench = try Bench(.worker) { settings in
            settings.trial = { trial in
                trials.withLock { $0.append(trial) }
                return broken
            }
        }
        defer { bench.remove() }

        let error = await #expect(throws: GatewayError.self) { try await bench.install("1.0.0") }

        let message = try #require(error?.message)
        #expect(
            message.contains(
                "refused by plugin check: a (rule P1): one; b (rule M6): two; c (rule F1): three; and 1 more"
            )
        )
        #expect(message.contains("--unchecked"))
        #expect(bench.host.statuses.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: bench.folder + "/plugins"))
        #expect(await bench.audit.told("reason").count == 1)
        #expect(trials.withLock { $0.count } == 1)
        #expect(trials.withLock { $0.first?.memoryMiB } == 512)
    }

    @Test func `is nothing where somebody says so, which the audit shows`() async throws {
        let bench = try Bench(.worker) { $0.trial = { _ in ["never asked"] } }
        defer { bench.remove() }

        try await bench.install("1.0.0") { $0.isUnchecked = true }

        #expect(
            await bench.audit.told("version") == ["operator PLUGIN_UNCHECKED 1.0.0", "operator PLUGIN_PROMOTED 1.0.0"]
        )
        #expect(bench.host.status(of: "fixture")?.note == "version 1.0.0 was installed unchecked and promoted")
    }

    @Test func `comes after the hash and the signature`() async throws {
        let bench = try Bench(.worker, allowsUnsigned: false) { settings in
            settings.trial = { _ in
                Issue.record("A stranger's library was run.")
                return []
            }
        }
        defer { bench.remove() }

        let error = await #expect(throws: GatewayError.self) { try await bench.install("1.0.0") }

        #expect(error?.message.contains("plugin install takes --sha256") == true)
    }

    @Test func `is waited for by no rollback`() async throws {
        let (isTrying, mayEnd) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let tried = Mutex(0)
        let bench = try Bench(.worker) { settings in
            settings.trial = { _ in
                guard
                    tried.withLock({
                        $0 += 1; return $0
                    }) == 3
                else { return [] }
                isTrying.signal()
                mayEnd.wait()
                return []
            }
        }
        defer { bench.remove() }
        try await bench.install("1.0.0")
        try await bench.install("1.1.0") { $0.promotes = true }
        let third = Task { try await bench.install("1.2.0") }
        await onThread { isTrying.wait() }

        let status = try await bench.host.rollBack("fixture")

        #expect(status.generations.first { $0.role == "live" }?.version == "1.0.0")
        mayEnd.signal()
        _ = try await third.value
        #expect(bench.host.status(of: "fixture")?.generations.contains { $0.version == "1.2.0" } == true)
    }

    /// Waits where waiting holds nobody up.
    private func onThread(_ work: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                work()
                continuation.resume()
            }
        }
    }
}
