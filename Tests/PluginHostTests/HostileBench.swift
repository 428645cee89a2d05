import Foundation
import Gateway
import OrderedJSON
import PluginLoader
import Testing

@testable import PluginHost

/// As whom a worker is started.
enum Standing: String, CaseIterable {
    /// As the one who runs the tests: root gives each plugin a user of its own.
    case own
    /// As an ordinary user, who can change to nobody else.
    case ordinary
    /// As an ordinary user of a system that lets no user have namespaces.
    case withoutNamespaces
    /// As an ordinary user whose limits are tighter already than what the host gives a worker.
    case limited

    static let ordinaryUser: uid_t = 61_000
    /// Another one, so that nobody else's threads count.
    static let limitedUser: uid_t = 61_001

    /// Those that can be tried here: only root can start a process as somebody else.
    static var available: [Standing] {
        geteuid() == 0 ? [.own, .ordinary, .withoutNamespaces] : [.own]
    }

    /// Who a plugin's process counts as, for files and signals, if its user is not changed.
    var user: uid_t {
        switch self {
        case .own: geteuid()
        case .ordinary, .withoutNamespaces: Standing.ordinaryUser
        case .limited: Standing.limitedUser
        }
    }

    /// A program that starts the worker so.
    func program(_ worker: String, in folder: String) throws -> String {
        guard self != .own else { return worker }
        // The tests' own folders may be closed to others.
        let copy = folder + "/worker"
        try FileManager.default.copyItem(atPath: worker, toPath: copy)
        let run = "exec \(copy) \"$@\""
        let inside =
            switch self {
            case .withoutNamespaces: "exec unshare -r sh -c '\(Standing.closed); \(run)' sh \"$@\""
            case .limited: "exec \(Standing.tight) \(copy) \"$@\""
            case .own, .ordinary: run
            }
        let script = """
            #!/bin/sh
            if [ -z "$GATEWAY_AGAIN" ]; then
                isolation=$1 memory=$2 result=$3
                shift 4
                export GATEWAY_AGAIN=1
                exec setpriv --reuid \(user) --regid \(user) --clear-groups \
            "$0" "$isolation" "$memory" "$result" 0 "$@"
            fi
            unset GATEWAY_AGAIN
            \(inside)
            """
        let path = folder + "/start-worker"
        try script.write(toFile: path, atomically: true, encoding: .utf8)
        chmod(path, 0o755)
        chmod(folder, 0o755)
        return path
    }

    /// Less than the host gives each worker: address space, threads, open files, length of files.
    private static let tight = "prlimit --as=460800000 --nproc=200 --nofile=50 --fsize=0"
    private static let closed = "echo 0 > /proc/sys/user/max_user_namespaces"
}

/// A host with the hostile plugin, and what it would harm.
struct HostileBench {
    let bench: Bench
    let plugin: LoadedPlugin
    let standing: Standing
    /// A file of the host's user, with five bytes in it.
    let file: String
    /// A process of the host's user.
    let victim: Process

    init(
        _ isolation: Bench.Isolation,
        as standing: Standing = .own,
        framesMax: Int? = nil,
        change: (inout PluginConfiguration.Limits) -> Void = { _ in }
    ) throws {
        self.standing = standing
        bench = try Bench(isolation) { settings in
            let worker = try #require(settings.workerProgram)
            settings.workerFramesMax = framesMax ?? settings.workerFramesMax
            settings.workerProgram = try standing.program(worker, in: settings.stateFolder)
        }
        file = bench.folder + "/gateway.db"
        try "money".write(toFile: file, atomically: true, encoding: .utf8)
        chmod(file, 0o600)
        chown(file, standing.user, standing.user)
        victim = Process()
        victim.executableURL = URL(filePath: "/usr/bin/env")
        let sleep = ["sleep", "600"]
        let user = "\(standing.user)"
        victim.arguments =
            standing == .own ? sleep : ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"] + sleep
        victim.standardOutput = FileHandle.nullDevice
        victim.standardError = FileHandle.nullDevice
        try Starting.start(victim)
        var configuration = bench.configuration(try bench.compile([], source: "hostile"), id: "hostile")
        configuration.grants = Catalogue.Needs()
        configuration.limits.restart.backoff = .milliseconds(1)
        change(&configuration.limits)
        plugin = try bench.host.load(configuration, relativeTo: "/")
    }

    var health: PluginHealth { get throws { try #require(bench.host.health(of: "hostile")) } }

    /// What the plugin got when it was asked to do something; "status N" when its call failed.
    func trying(_ deed: String) async throws -> String {
        let process = victim.processIdentifier
        let arguments = Array(#"{"do":"\#(deed)","path":"\#(file)","process":\#(process)}"#.utf8)
        let completion = try #require(await plugin.asynchronous.invoke?(0, arguments, .ofATest()))
        guard completion.status == 0 else { return "status \(completion.status)" }
        return try JSON(parsing: completion.payload)["got"]?.stringValue ?? "no answer"
    }

    /// Waits until a worker has ended, and answers why.
    func reasonOfEnd() async throws -> String {
        let end = ContinuousClock.now + .seconds(30)
        while true {
            if let reason = try health.lastCrash { return reason }
            try #require(ContinuousClock.now < end, "no worker ended")
            await Task.yield()
        }
    }

    func remove() {
        kill(victim.processIdentifier, SIGKILL)
        bench.remove()
    }
}

/// Whether a process runs; one that has ended and was not waited for does not.
func runs(_ process: pid_t) -> Bool {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
    return text.split(separator: ")").last?.dropFirst().first != "Z"
}
