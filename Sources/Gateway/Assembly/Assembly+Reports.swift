// What sums up, and what reads the sums.
extension Assembly.Ports {
    func rollupReader(_ settings: RollupReader.Settings) -> RollupReader {
        RollupReader(
            feed: store.feed,
            rollups: store.feed,
            entropy: entropy,
            logger: logger,
            settings: settings
        )
    }

    func forgetting(_ settings: Forgetting.Settings) -> Forgetting {
        Forgetting(
            feed: store.feed,
            plans: store.plans,
            reports: store.feed,
            entropy: entropy,
            logger: logger,
            settings: settings
        )
    }

    func orphanWatch() -> OrphanWatch {
        OrphanWatch(records: store.records, registry: registry, health: health, entropy: entropy, logger: logger)
    }

    func services(
        _ directory: DirectoryCache,
        _ places: FeedPlaces,
        _ settings: PluginServices.Settings
    ) -> PluginServices {
        PluginServices(
            data: store.data,
            records: store.records,
            reports: store.feed,
            feed: store.feed,
            places: places,
            directory: directory,
            entropy: entropy,
            settings: settings
        )
    }
}
