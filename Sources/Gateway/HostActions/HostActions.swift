/// Every action of the host's own that Gateway itself has: the one list.
package enum HostActions {
    /// All of them, over the repositories and services that they show.
    package static func all(
        records: any RecordRepository,
        exports: any PluginDataRepository,
        reports: any ReportRepository & RollupRepository & FeedRepository,
        reader: RollupReader,
        corrections: Corrections,
        places: FeedPlaces,
        news: FeedNews,
        resolutions: Resolutions,
        logIns: LogIns,
        registry: ToolRegistry,
        directory: DirectoryCache,
        approvals: ApprovalActions,
        batches: Batches,
        tasks: TaskActions,
        contexts: ContextCalls,
        entropy: Entropy
    ) -> [Action] {
        TransactionActions(records: records, registry: registry, directory: directory).all
            + ResolutionActions(records: records, resolutions: resolutions, entropy: entropy).all
            + ExportActions(exports: exports, entropy: entropy).all + tasks.all + SessionActions(logIns: logIns).all
            + ReportActions(
                reports: reports,
                reader: reader,
                corrections: corrections,
                places: places,
                sheets: batches.sheets,
                entropy: entropy
            )
            .all
            + TransactionFile(records: records, entropy: entropy).all
            + EventActions(feed: reports, places: places, news: news, entropy: entropy).all
            + BalanceActions(reports: reports, entropy: entropy).all
            + ContextActions(registry: registry, calls: contexts).all + BatchActions(batches: batches).all
            + approvals.all + AnswerActions(drafts: approvals.drafts).all
            + ExplainActions(
                records: records,
                search: RecordSearch(records: records, registry: registry, directory: directory),
                directory: approvals.directory,
                batches: batches.batches,
                places: batches.places,
                cache: directory,
                registry: registry,
                entropy: entropy,
                page: approvals.drafts.calls.operations.page
            )
            .all
    }
}
