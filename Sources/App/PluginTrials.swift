import Foundation
import Gateway
import PluginCheck
import PluginHost

/// What a gateway tries of a library that somebody installs: every probe of `plugin check`, in processes that are confined
/// as a sandbox is.
enum PluginTrials {
    /// What a library may allocate where no entry says so: as its worker.
    static let memoryMiB = 512
    /// How long one probe may take by the clock, and all of them.
    ///
    /// They share the machine with the calls that are served; and less than the two minutes that `plugin install` waits for
    /// its answer.
    private static let (probeClockSeconds, totalClockSeconds): (Double, Double) = (50, 100)
    /// How many threads all of its processes may have together.
    private static let threadsMax = 4_096

    /// Tries a library and answers what it breaks, a sentence each; blocks.
    static func run(_ trial: PluginTrial) -> [String] {
        var limits = PluginChecker.Limits()
        limits.probeClockSeconds = probeClockSeconds
        limits.totalClockSeconds = totalClockSeconds
        let checker = PluginChecker(
            trial.library,
            seed: UInt64.random(in: 0...UInt64(UInt32.max)),
            program: URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().path,
            confinement: confinement(user: trial.user, memoryMiB: trial.memoryMiB),
            limits: limits
        )
        let findings = checker.run().filter { $0.problem != nil }
        let broken = findings.filter(\.isTried)
        // What could not be tried is no broken rule, and no passed one: it refuses only by itself.
        return (broken.isEmpty ? findings : broken)
            .map { "\($0.probe) (rule \($0.rule)): \($0.problem ?? "")" }
    }

    /// The confinement of a library that is tried.
    static func confinement(user: UInt32, memoryMiB: Int) -> PluginChecker.Confinement {
        PluginChecker.Confinement(
            readable: WorkerProgram.swiftRuntimeFolders(),
            user: user,
            memoryBytes: memoryMiB << 20,
            threadsMax: threadsMax
        )
    }
}
