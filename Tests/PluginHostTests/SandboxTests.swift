import Foundation
import Gateway
import PluginAPI
import Testing

@testable import PluginHost

struct `A hostile plugin in a sandbox` {
    /// Every deed of hostile.c that a plugin has no need to do.
    static let deeds = [
        "chmod", "fchmodat", "fchmodat2", "chown", "utime", "utimensat", "truncate", "unlink", "rename", "link",
        "setxattr", "read_file", "open_write", "open_truncate", "open_create", "open_nameless", "open_by_ioctl_only",
        "openat2", "creat", "watch", "lock", "limit", "limit_read", "signal", "signal_all", "signal_thread", "tkill",
        "signal_queue", "signal_by_owner", "pidfd", "ptrace", "read_memory", "memory_file", "schedule", "affinity",
        "nice", "ioprio", "socket", "unix_socket", "socketpair", "replace_link", "close_link", "close_all", "fork",
        "vfork", "clone_into_namespaces", "execute", "shm_open", "shmget", "memfd", "mount", "unshare", "io_uring",
        "userfaultfd", "bpf", "keyctl", "perf", "outlive", "unfilter", "type_for_others", "unknown",
    ]

    @Test(arguments: Standing.available) func `gets nothing done, whoever the host is`(standing: Standing) async throws
    {
        let hostile = try HostileBench(.sandbox, as: standing)
        defer { hostile.remove() }
        var done: [String: String] = [:]
        for deed in Self.deeds {
            let got = try await hostile.trying(deed)
            if !["EPERM", "ENOSYS", "EACCES"].contains(got) { done[deed] = got }
        }

        #expect(done == [:])
        #expect(try String(contentsOfFile: hostile.file, encoding: .utf8) == "money")
        #expect(runs(hostile.victim.processIdentifier))
        #expect(try hostile.health.lastCrash == nil)
    }

    @Test(arguments: Standing.available)
    func `says what this system does not give it`(standing: Standing) async throws {
        let hostile = try HostileBench(.sandbox, as: standing)
        defer { hostile.remove() }
        let missing = try hostile.health.missing.filter { !$0.hasPrefix("landlock") }

        switch standing {
        case .own: #expect(missing.contains("a user of its own") == (geteuid() != 0))
        case .ordinary, .limited: #expect(missing == ["a user of its own"])
        case .withoutNamespaces:
            #expect(missing == ["a network namespace of its own", "a user of its own", "a limit on threads"])
        }
    }

    @Test(.enabled(if: geteuid() == 0)) func `holds where this user has tighter limits than it would be given`()
        async throws
    {
        let hostile = try HostileBench(.sandbox, as: .limited)
        defer { hostile.remove() }

        #expect(try await hostile.trying("own_limits") == "EPERM")
        #expect(try hostile.health.lastCrash == nil)
    }

    @Test(arguments: Standing.available) func `finds every call closed that is not on the list`(standing: Standing)
        async throws
    {
        let hostile = try HostileBench(.sandbox, as: standing)
        defer { hostile.remove() }

        let every = try await hostile.trying("every_call")
        #expect(every == "refused", "\(every)")
        #expect(try await hostile.trying("own_limits") == "EPERM")
        #expect(try hostile.health.lastCrash == nil)
    }

    @Test func `finds the other numbers of system calls closed`() async throws {
        let hostile = try HostileBench(.sandbox)
        defer { hostile.remove() }

        #if arch(x86_64)
        #expect(try await hostile.trying("x32") == "ENOSYS")
        #expect(try await hostile.trying("foreign") == "status \(LoadedPlugin.Completion.lost)")
        #expect(try await hostile.reasonOfEnd() == "signal 31")
        #else
        #expect(try await hostile.trying("x32") == "nothing")
        #endif
    }

    @Test(arguments: Standing.available.prefix(2))
    func `has so many threads and no more`(standing: Standing) async throws {
        let hostile = try HostileBench(.sandbox, as: standing)
        defer { hostile.remove() }
        let started = try #require(Int(try await hostile.trying("threads")))

        #expect((100..<256).contains(started) || (geteuid() != 0 && started <= 2_000))
    }

    @Test func `leaves no file with its host, however many it passes over its link`() async throws {
        let hostile = try HostileBench(.sandbox)
        defer { hostile.remove() }

        #expect(try await hostile.trying("pass_files") == "passed")

        // Nothing else of this process has that file open.
        let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
            .filter {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + $0))
                    == "/etc/ld.so.cache"
            }
        #expect(open == [])
        #expect(try await hostile.trying("who") != "")
        #expect(try hostile.health.lastCrash == nil)
    }

    @Test(.enabled(if: geteuid() == 0)) func `is a user of its own, where the host is root`() async throws {
        let hostile = try HostileBench(.sandbox)
        defer { hostile.remove() }
        let user = try #require(UInt32(try await hostile.trying("who").split(separator: " ")[0]))

        #expect((1_900_000_000..<1_900_065_536).contains(user))
    }
}

struct `A hostile plugin in a plain worker` {
    @Test(arguments: ["chmod", "truncate", "limit", "signal"])
    func `gets done what a sandbox refuses`(deed: String) async throws {
        let hostile = try HostileBench(.worker)
        defer { hostile.remove() }

        #expect(try await hostile.trying(deed) == "done")
    }

    @Test func `cannot take back that it ends with its host`() async throws {
        let hostile = try HostileBench(.worker)
        defer { hostile.remove() }

        #expect(try await hostile.trying("outlive") == "EPERM")
    }

    @Test func `takes what it started with it`() async throws {
        let hostile = try HostileBench(.worker)
        defer { hostile.remove() }
        let child = try #require(pid_t(try await hostile.trying("child")))
        for process in try hostile.health.processes { kill(pid_t(process), SIGKILL) }
        _ = try await hostile.reasonOfEnd()

        let end = ContinuousClock.now + .seconds(30)
        while runs(child) {
            try #require(ContinuousClock.now < end, "the child goes on")
            await Task.yield()
        }
    }

    @Test func `that puts another socket in its link's place is ended`() async throws {
        let hostile = try HostileBench(.worker) { $0.idleProcessor = .milliseconds(200) }
        defer { hostile.remove() }
        let process = try #require(try hostile.health.processes.first)
        #expect(try await hostile.trying("leave_host") == "done")

        #expect(try await hostile.reasonOfEnd().hasPrefix("took over 0.2 seconds of processor time"))
        #expect(!runs(pid_t(process)))
    }
}

struct `Users for plugins` {
    @Test func `differ, and stay while the host runs`() {
        let users = WorkerUsers(100..<108, stateFolder: "/data")
        let given = (0..<8).compactMap { users.user(of: "plugin-\($0)") }

        #expect(Set(given) == Set(100..<108))
        #expect(users.user(of: "plugin-3") == given[3])
        #expect(users.user(of: "one-more") == nil)
    }
}
