import Glibc

/// How many files and sockets the process may have open, shared out before anybody connects.
///
/// A process that has no descriptor left can neither commit nor send: connections get what the others leave, never
/// the other way round.
package struct OpenFiles: Sendable, Equatable {
    /// What is wished; `nil` for the default.
    package struct Wishes: Sendable {
        /// Connections of the main listener.
        package var connections: Int?
        /// Connections of one address; default a quarter of all.
        package var connectionsPerAddress: Int?
        /// What is kept for files, the database, M-Pesa and plugins' workers.
        package var reserved: Int?

        /// The defaults.
        package init() {}
    }

    /// Connections of the main listener, where nothing is wished and the process may have so many.
    package static let connectionsUsual = 10_000
    /// Descriptors that are kept, where nothing is wished; at most half of all.
    package static let reservedUsual = 512
    /// Connections of the management listener, at most; a sixteenth of all where there are few.
    package static let managementUsual = 64

    /// What the process may have open.
    package let limit: Int
    /// What is kept for files, the database, M-Pesa and workers.
    package let reserved: Int
    /// Connections of the management listener.
    package let management: Int
    /// Connections of the main listener.
    package let connections: Int
    /// Connections of one address.
    package let connectionsPerAddress: Int

    /// Shares out a number of descriptors.
    package init(limit: Int, _ wishes: Wishes) {
        self.limit = limit
        reserved = max(1, min(wishes.reserved ?? min(OpenFiles.reservedUsual, limit / 2), limit - 2))
        management = max(1, min(OpenFiles.managementUsual, limit / 16))
        connections = max(1, min(wishes.connections ?? OpenFiles.connectionsUsual, limit - reserved - management))
        connectionsPerAddress = max(1, min(wishes.connectionsPerAddress ?? connections / 4, connections))
    }

    /// Whether fewer connections fit than were wished.
    package func isShort(of wishes: Wishes) -> Bool {
        connections < wishes.connections ?? OpenFiles.connectionsUsual
    }

    /// Raises the process's limit as far as is needed and allowed, and shares out what it is then.
    package static func share(_ wishes: Wishes) -> OpenFiles {
        let reserved = wishes.reserved ?? reservedUsual
        let needed = (wishes.connections ?? connectionsUsual) + reserved + managementUsual
        return OpenFiles(limit: raise(to: needed), wishes)
    }

    private static func raise(to needed: Int) -> Int {
        var limits = rlimit()
        guard getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limits) == 0 else { return 1024 }
        let wanted = min(rlim_t(needed), limits.rlim_max)
        if limits.rlim_cur < wanted {
            let before = limits.rlim_cur
            limits.rlim_cur = wanted
            if setrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limits) != 0 { limits.rlim_cur = before }
        }
        return Int(clamping: limits.rlim_cur)
    }
}
