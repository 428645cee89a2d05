import Foundation
import Gateway
import Store

// Measures the store alone: no HTTP, no plugin. Scripts/bench-store builds and starts it.
//
// Usage: StoreBench payments URL COUNT CALLERS   payments/s and CPU of whole payments, four commits each
//        StoreBench fill URL COUNT               as many payments, spread over the last 365 days
//        StoreBench lists URL                    how long lists over them take
//        StoreBench reports URL                  how fast they are summed up, a month's report and a CSV of all of them
//        StoreBench feed URL COUNT CALLERS       what the feed costs each payment, and what its reader costs

let arguments = CommandLine.arguments
guard arguments.count >= 3 else { fatalError("see the first lines of main.swift") }
let store = try await Store.open(DatabaseURL(arguments[2]))
let bench = StoreBench(store: store)
switch (arguments[1], arguments.dropFirst(3).compactMap { Int($0) }) {
case ("payments", let numbers) where numbers.count == 2: try await bench.pay(numbers[0], callers: numbers[1])
case ("fill", let numbers) where numbers.count == 1: try await bench.fill(numbers[0])
case ("lists", _): try await bench.list()
case ("reports", _): try await bench.report()
case ("feed", let numbers) where numbers.count == 2: try await bench.feed(numbers[0], callers: numbers[1])
default: fatalError("see the first lines of main.swift")
}
store.shutdown()
