import Sheets

extension Assembly.Ports {
    /// Who makes batches, and who sends them.
    func batches(
        _ money: Money,
        _ held: HeldCalls,
        _ authenticate: Authenticate,
        _ quotas: Quotas,
        _ sheets: SheetThread,
        _ settings: Assembly.Settings
    ) -> (Batches, BatchRunner) {
        let runner = BatchRunner(
            batches: store.batches,
            records: store.records,
            calls: held,
            sender: money.sender,
            settlement: money.settlement,
            authenticate: authenticate,
            doubts: BatchDoubts(
                batches: store.batches,
                records: store.records,
                entropy: entropy,
                settings: settings.batches
            ),
            entropy: entropy,
            logger: logger,
            settings: settings.batchRunner
        )
        let batches = Batches(
            batches: store.batches,
            operations: money.operations,
            authenticate: authenticate,
            directory: store.directory,
            registry: registry,
            runner: runner,
            sheets: sheets,
            reports: store.feed,
            quotas: quotas,
            entropy: entropy,
            settings: settings.batches
        )
        return (batches, runner)
    }

    /// What withdraws drafts that will never leave.
    func lapsedDrafts(_ drafts: Drafts, _ batches: Batches) -> LapsedDrafts {
        LapsedDrafts(
            due: store.records,
            items: store.batches,
            drafts: drafts,
            batches: batches,
            configuration: configuration,
            logger: logger
        )
    }
}
