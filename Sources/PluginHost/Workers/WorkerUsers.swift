import Glibc
import Synchronization

/// A user for each plugin that is sandboxed, where the host is root and may give them out.
///
/// So no plugin's process counts as another's: the kernel then keeps them apart too, beside the filter of system calls.
final class WorkerUsers: Sendable {
    private let users: Range<UInt32>
    private let folder: String
    private let given = Mutex<[String: UInt32]>([:])

    /// Gives out `users`; where it starts looking depends on the folder, so that two hosts seldom give out the same.
    init(_ users: Range<UInt32>, stateFolder: String) {
        self.users = users
        folder = stateFolder
    }

    /// The plugin's user, the same as long as this host runs; nil when all are given out.
    func user(of plugin: String) -> UInt32? {
        given.withLock { given in
            if let user = given[plugin] { return user }
            guard given.count < users.count else { return nil }
            let taken = Set(given.values)
            var offset = WorkerUsers.hash(folder + "\0" + plugin) % UInt64(users.count)
            while taken.contains(users.lowerBound + UInt32(offset)) { offset = (offset + 1) % UInt64(users.count) }
            let user = users.lowerBound + UInt32(offset)
            given[plugin] = user
            return user
        }
    }

    /// FNV-1a: spreads, and is the same at every start, so that an operator sees a plugin under one number.
    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}
