import Gateway

/// One transaction for many jobs, of which none may fail for another's sake.
///
/// A savepoint for each job would copy every page that the job touches, and, behind a network, cost a journey each; and
/// nearly every job holds. So they are run without, each presuming what nearly always holds:
///
///     1st pass  all together                              somebody fails, or presumed wrongly: undone
///     2nd pass  the others together, then these alone      somebody else fails: undone
///     3rd pass  everybody alone, each in a savepoint       who fails is undone alone
///
/// A job that fails before it has written anything needs no second pass.
extension GroupCommit {
    struct Batch {
        let jobs: [Job]
        let extras: Extras
        let beginning: Beginning

        /// What rides along is the last member.
        var riders: Int { jobs.count }
        var everybody: Set<Int> { Set(0...jobs.count) }
    }

    struct Pass {
        var finishes: [@Sendable () -> Void] = []
        var usage: [UsageRecord: Int64] = [:]
        /// Jobs that the engine asks to try again.
        var again: [Job] = []
        /// Why a job does not hold, where that is the engine's fault.
        var failure: SQLError?
        var hasWritten = false
        /// Who must be run otherwise; nothing is committed then.
        var misjudged = Misjudged()
    }

    /// Runs a batch until it holds.
    ///
    /// - Throws: Why none of it holds.
    func transaction(_ batch: Batch) throws -> Pass {
        var alone: Set<Int> = []
        var refused: [Int: SQLError] = [:]
        while true {
            let pass = try pass(batch, alone: alone, refused: refused)
            if pass.misjudged.isEmpty { return pass }
            undo()
            refused.merge(pass.misjudged.refused) { first, _ in first }
            if let error = refused[batch.riders] { throw error }
            // Each pass settles the fate of somebody: a batch needs three, and one more for each whom locks stop.
            alone = alone.isEmpty ? pass.misjudged.members : batch.everybody
        }
    }

    /// Runs one transaction; commits it unless somebody was misjudged.
    private func pass(_ batch: Batch, alone: Set<Int>, refused: [Int: SQLError]) throws -> Pass {
        var pass = Pass()
        let start = engine.changesSoFar
        engine.mayPresume = true
        try engine.begin(batch.beginning)
        for (index, job) in batch.jobs.enumerated() where !alone.contains(index) && engine.misjudged.isEmpty {
            if let error = refused[index] { pass.finish(job, by: error) } else { try run(job, index, into: &pass) }
        }
        if !alone.isEmpty || !pass.misjudged.isEmpty { try settle(&pass) }
        guard pass.misjudged.isEmpty else { return pass }
        engine.mayPresume = false
        for (index, job) in batch.jobs.enumerated() where alone.contains(index) {
            if let error = refused[index] { pass.finish(job, by: error) } else { try runAlone(job, index, into: &pass) }
        }
        engine.mayPresume = !alone.contains(batch.riders)
        engine.mark(batch.riders)
        try write(batch.extras, into: &pass)
        try settle(&pass)
        guard pass.misjudged.isEmpty else { return pass }
        try engine.commit()
        chain.hold()
        feed.hold()
        pass.hasWritten = engine.changesSoFar != start
        return pass
    }

    private func settle(_ pass: inout Pass) throws {
        if engine.misjudged.isEmpty { try engine.settle() }
        pass.misjudged.add(engine.misjudged)
    }

    /// Writes what rides along, and where each chain ends.
    private func write(_ extras: Extras, into pass: inout Pass) throws {
        let added = try chain.append(extras.lines, in: engine.session)
        // Where its lines are there already, an earlier try held of which that was not known.
        if extras.lines.isEmpty || added > 0 {
            if pass.usage.isEmpty {
                pass.usage = extras.usage
            } else {
                pass.usage.merge(extras.usage, uniquingKeysWith: +)
            }
        }
        try pass.usage.add(in: engine.session)
        try chain.keepHeads(in: engine.session)
    }

    /// Runs a job of which nearly always all holds.
    private func run(_ job: Job, _ index: Int, into pass: inout Pass) throws {
        // Its caller was told meanwhile that nothing was done.
        guard job.begin() else { return }
        engine.mark(index)
        let before = engine.changesSoFar
        let session = WriteSession(engine.session, scratch: scratch)
        let (failure, finish) = job.run(session)
        // Before it, or in it, something was not as presumed: whatever it made of that.
        guard engine.misjudged.isEmpty else { return }
        try note(failure, in: &pass)
        try engine.check()
        if let failure {
            guard engine.changesSoFar == before else {
                pass.misjudged.members.insert(index)
                return
            }
            return pass.end(job, failure, finish, settings)
        }
        do { try ride(session) } catch is PresumedWrongly {
            // A question of the feed's met what the job had presumed.
            return
        } catch let error as SQLError where !error.isAway {
            pass.misjudged.members.insert(index)
            return
        }
        pass.usage.merge(session.usage, uniquingKeysWith: +)
        pass.finishes.append { finish(nil) }
    }

    /// Runs a job that is undone alone where it does not hold; its audit lines are part of it.
    private func runAlone(_ job: Job, _ index: Int, into pass: inout Pass) throws {
        guard job.begin() else { return }
        engine.mark(index)
        let (mark, told) = (chain.mark, feed.mark)
        try engine.savepoint()
        let session = WriteSession(engine.session, scratch: scratch)
        let (thrown, finish) = job.run(session)
        var failure = thrown
        try note(failure, in: &pass)
        do {
            try engine.check()
            if failure == nil { try ride(session) }
        } catch let error as SQLError where !error.isAway {
            failure = failure ?? error
        }
        try engine.release(undone: failure != nil)
        guard let failure else {
            pass.usage.merge(session.usage, uniquingKeysWith: +)
            pass.finishes.append { finish(nil) }
            return
        }
        chain.restore(mark)
        feed.restore(told)
        pass.end(job, failure, finish, settings)
    }

    /// Writes what a job's commit takes along.
    private func ride(_ session: WriteSession) throws {
        try chain.append(session.audit, in: engine.session)
        try feed.append(session.told, in: engine.session)
    }

    /// - Throws: What ends the transaction for everybody.
    private func note(_ failure: (any Error)?, in pass: inout Pass) throws {
        guard let error = failure as? SQLError else { return }
        if error.isLost { throw error }
        if error.isAway { pass.failure = error }
    }
}

extension GroupCommit.Pass {
    /// What becomes of a job that does not hold.
    mutating func end(
        _ job: GroupCommit.Job,
        _ failure: any Error,
        _ finish: @escaping @Sendable ((any Error)?) -> Void,
        _ settings: StoreSettings
    ) {
        if let error = failure as? SQLError, error.isWorthAnotherTry, job.attempt < settings.attemptsMax {
            var job = job
            job.attempt += 1
            again.append(job)
        } else {
            finishes.append { finish(failure) }
        }
    }

    fileprivate mutating func finish(_ job: GroupCommit.Job, by error: SQLError) {
        failure = error
        finishes.append { job.fail(error) }
    }
}
