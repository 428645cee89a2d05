import OrderedJSON
import Synchronization

/// Keeps what strangers can make the audit keep within bounds.
///
/// Whoever has no credential, or a wrong one, can call as often as the network lets them, and an audit line stays for
/// ever. So of failures that name an organization or user that there is, the first is written, then one line a minute
/// with the number of them; all others are counted by metrics alone.
package final class SampleFailures: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How long after a line the next one of the same name is written.
        ///
        /// Default 60 s.
        package var period: Duration = .seconds(60)
        /// Of how many names failures are told apart at a time; past that they are counted by metrics alone.
        ///
        /// Default 1,000.
        package var namesMax = 1_000

        /// The defaults.
        package init() {}
    }

    private struct Name: Hashable {
        let whom: GatewayError.Attempted
        let action: String
    }

    private struct Sample {
        var writtenAt: Timestamp
        /// Failures since then.
        var count = 0
        /// The newest of them.
        var newest: AuditRecord
    }

    private let audit: any AuditRepository
    private let entropy: Entropy
    private let settings: Settings
    private let samples = Mutex<[Name: Sample]>([:])

    /// Makes it of its parts.
    init(audit: any AuditRepository, entropy: Entropy, settings: Settings = Settings()) {
        self.audit = audit
        self.entropy = entropy
        self.settings = settings
    }

    /// Notes a failure; writes its line when it is the first for a while.
    package func note(_ line: AuditRecord, naming whom: GatewayError.Attempted) {
        let name = Name(whom: whom, action: line.action)
        let now = entropy.now()
        let isFirst = samples.withLock { samples in
            if samples[name] != nil {
                samples[name]?.count += 1
                samples[name]?.newest = line
                return false
            }
            if samples.count >= settings.namesMax {
                samples = samples.filter { !isOver($0.value, now) || $0.value.count > 0 }
            }
            guard samples.count < settings.namesMax else { return false }
            samples[name] = Sample(writtenAt: now, newest: line)
            return true
        }
        if isFirst { write(line, name, standingFor: 1) }
    }

    /// Writes the numbers of names whose minute has passed, and forgets those of which nothing more was heard.
    package func flush() {
        let now = entropy.now()
        let due = samples.withLock { samples in
            let over = samples.filter { isOver($0.value, now) }
            for (name, sample) in over {
                samples[name] = sample.count > 0 ? Sample(writtenAt: now, newest: sample.newest) : nil
            }
            return over.filter { $0.value.count > 0 }
        }
        for (name, sample) in due { write(summary(sample, at: now), name, standingFor: sample.count) }
    }

    /// Writes numbers until it is cancelled.
    package func run() async {
        await entropy.sleep.repeating(every: .seconds(1)) { flush() }
    }

    /// Where the audit's queue is full the failures are counted into the next line: the call is refused as it is.
    private func write(_ line: AuditRecord, _ name: Name, standingFor count: Int) {
        do { try audit.enqueue(line, usage: nil) } catch {
            samples.withLock { $0[name]?.count += count }
        }
    }

    /// A clock that was set back ends a minute too.
    private func isOver(_ sample: Sample, _ now: Timestamp) -> Bool {
        now < sample.writtenAt || now - sample.writtenAt >= settings.period
    }

    private func summary(_ sample: Sample, at now: Timestamp) -> AuditRecord {
        let newest = sample.newest
        let detail: JSON = ["failures": .integer(Int64(sample.count)), "since": .string(sample.writtenAt.description)]
        return AuditRecord(
            id: entropy.identifier(),
            organization: newest.organization,
            at: now,
            call: newest.call,
            subject: newest.subject,
            action: newest.action,
            door: newest.door,
            outcome: newest.outcome,
            code: newest.code,
            address: newest.address,
            detail: detail.text
        )
    }
}
