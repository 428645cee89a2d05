import Foundation
import Gateway
import Logging
import OrderedJSON
import PluginHost
import Store

// Measures the plugin platform alone: no HTTP, no pipeline. Scripts/bench builds and starts it.
//
// Usage: PluginBench WORKER_PROGRAM FIXTURE_1.0.0.so FIXTURE_1.1.0.so DESK.so HELLO_SWIFT.so

let arguments = CommandLine.arguments
guard arguments.count == 6 else { fatalError("see the first lines of main.swift") }
let bench = try await PluginBench(worker: arguments[1])
defer { bench.remove() }
print("| what | measured |\n|---|---|")
try await bench.boundary(desk: arguments[4], swift: arguments[5])
try await bench.kit()
try await bench.functionTool(swift: arguments[5])
for isolation in ["worker", "sandbox"] { try await bench.worker(arguments[2], isolation) }
try await bench.crash(arguments[2])
try await bench.upgrades([arguments[2], arguments[3]], count: 1_000)
