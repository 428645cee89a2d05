import Foundation
import Synchronization

/// Starts processes one after the other, with an environment that was read once.
///
/// Foundation reads descriptors and environment as they stand when it starts a process, and tests run side by side.
enum Starting {
    private static let turn = Mutex<Void>(())
    private static let environment = ProcessInfo.processInfo.environment

    static func start(_ process: Process) throws {
        process.environment = environment
        try turn.withLock { _ in try process.run() }
    }
}
