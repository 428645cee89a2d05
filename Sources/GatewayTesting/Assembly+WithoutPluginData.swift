import Gateway

extension Assembly.Repositories {
    /// All of one store, which keeps nothing of plugins.
    ///
    /// - Parameters:
    ///   - records: In the place of the store's own, for a test that has some go wrong.
    ///   - batches: The same.
    package init(
        withoutPluginData store: some RecordRepository & DueRepository & CallbackRepository & ClaimRepository
            & DirectoryRepository & PlanRepository & QuotaRepository & KeyUseRepository & AuditRepository
            & OnceRepository & FeedRepository & RollupRepository & ReportRepository & BatchRepository,
        records: (any RecordRepository & DueRepository)? = nil,
        batches: (any BatchRepository)? = nil
    ) {
        self.init(
            records: records ?? store,
            callbacks: store,
            claims: store,
            directory: store,
            plans: store,
            quotas: store,
            uses: store,
            audit: store,
            once: store,
            data: NoPluginData(),
            feed: store,
            batches: batches ?? store
        )
    }
}
