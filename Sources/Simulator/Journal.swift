import Foundation
import OrderedJSON
import Synchronization

/// Prompts, payouts and reversals as lines of JSON, the newest of each winning, so that a killed simulator still knows who
/// was charged and who was paid.
struct Journal: Sendable {
    let path: String
    /// How many entries of a kind are remembered.
    let entriesMax: Int

    /// Puts what was kept into a state.
    func load(into state: borrowing Mutex<SimulatorState>) {
        let text = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
        state.withLock { state in
            for line in text.split(separator: "\n") {
                // A line that was cut off by a kill is the last one, and is not counted.
                guard let json = try? JSON(parsing: String(line)) else { continue }
                if let prompt = Prompt(json) {
                    state.keep(prompt)
                } else if let movement = Movement(json) {
                    state.movements.keep(movement, most: entriesMax)
                }
            }
            state.charges = state.prompts.values.filter { $0.resultCode == 0 }
                .sorted { $0.createdMilliseconds < $1.createdMilliseconds }.map(Charge.init)
        }
    }

    func append(_ entry: JSON) {
        let line = entry.bytes + [UInt8(ascii: "\n")]
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        _ = line.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    }
}
