import Foundation
import Testing
import Threads

struct `A named thread` {
    /// The name that the system shows of a thread that has just begun.
    private func shown(of name: String) async -> String {
        await withCheckedContinuation { continuation in
            NamedThread.start(name) {
                let text = try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
                continuation.resume(returning: text?.trimmingCharacters(in: .newlines) ?? "")
            }
        }
    }

    @Test func `is shown by its name, however soon it runs`() async {
        for number in 0..<500 { #expect(await shown(of: "worker-\(number)") == "worker-\(number)") }
    }

    @Test func `has as much of a long name as fits`() async {
        #expect(await shown(of: "a-name-that-is-too-long") == "a-name-that-is-")
    }
}
