import OrderedJSON

/// What a plugin asks of the host while it serves a call.
package struct ServiceRequest: Sendable {
    /// Such as `store.get`.
    package let service: String
    /// Its arguments.
    package let body: JSON
    /// The plugin.
    package let plugin: String
    /// What it was granted.
    package let grants: Catalogue.Needs
    /// Whose call it serves: the only place that an organization comes from.
    package let principal: Principal
    /// Whether that goes on after its reply: a task may write longer files.
    package let isOfTask: Bool

    /// States a request.
    package init(
        service: String,
        body: JSON,
        plugin: String,
        grants: Catalogue.Needs,
        principal: Principal,
        isOfTask: Bool = false
    ) {
        self.isOfTask = isOfTask
        self.service = service
        self.body = body
        self.plugin = plugin
        self.grants = grants
        self.principal = principal
    }

    /// The drawer of data that the request may reach.
    var owner: PluginOwner {
        PluginOwner(organization: principal.organization, environment: principal.environment, plugin: plugin)
    }

    // MARK: Reading arguments

    func text(_ name: String, upTo most: Int = 256) throws(GatewayError) -> String {
        guard let text = body[name]?.stringValue, (1...most).contains(text.utf8.count) else {
            throw wrong(name, "text of 1 to \(most) bytes")
        }
        return text
    }

    func optionalText(_ name: String, upTo most: Int = 256) throws(GatewayError) -> String? {
        guard let value = body[name], !value.isNull else { return nil }
        return try text(name, upTo: most)
    }

    func whole(_ name: String, _ range: ClosedRange<Int64>, default fallback: Int64? = nil) throws(GatewayError)
        -> Int64
    {
        guard let value = body[name], !value.isNull else {
            guard let fallback else { throw wrong(name, "a whole number") }
            return fallback
        }
        guard let whole = value.integerValue, range.contains(whole) else {
            throw wrong(name, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return whole
    }

    func optionalWhole(_ name: String, _ range: ClosedRange<Int64>) throws(GatewayError) -> Int64? {
        guard let value = body[name], !value.isNull else { return nil }
        return try whole(name, range)
    }

    func word<Word: RawRepresentable & CaseIterable>(_ name: String, _: Word.Type) throws(GatewayError) -> Word?
    where Word.RawValue == String {
        guard let text = try optionalText(name) else { return nil }
        guard let word = Word(rawValue: text) else {
            throw wrong(name, "one of \(Word.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return word
    }

    func wrong(_ name: String, _ expected: String) -> GatewayError {
        GatewayError(
            .invalidArgument,
            "\(service): \(name): expected \(expected).",
            errors: [.init(pointer: "/" + name, message: "expected \(expected)")]
        )
    }
}

/// The host services of docs/abi.md, section 9: names to work, grants before anything else.
package struct PluginServices: Sendable {
    /// What bounds them.
    package struct Settings: Sendable {
        /// The longest value in a collection.
        package var valueBytesMax = 64 << 10
        /// How many values one organization may have in one collection.
        package var valuesMax = 10_000
        /// How many timers one organization may have open with one plugin.
        package var timersMax = 1_000
        /// The furthest time a timer may be set to.
        package var timerMax: Duration = .seconds(366 * 86_400)
        /// The longest export.
        package var exportBytesMax = 16 << 20
        /// The longest export that a task writes.
        ///
        /// Default 256 MiB: a million transactions.
        package var taskExportBytesMax = 256 << 20
        /// How long all exports of one organization with one plugin may be before a task begins another.
        ///
        /// Default 1 GiB.
        package var exportsBytesMax = 1 << 30
        /// How many exports one organization may have with one plugin.
        package var exportsMax = 100
        /// How long an export is kept.
        package var exportLife: Duration = .seconds(86_400)
        /// The most days that sums are asked of at once.
        ///
        /// Default 366.
        package var reportDaysMax = 366
        /// The most ways in which the same sums are told at once.
        ///
        /// Default 16.
        package var reportGroupsMax = 16
        /// The most rows of sums in one answer, all ways together.
        ///
        /// Default 20,000; for more it is refused.
        package var reportRowsMax = 20_000
        /// How many events sums may hold that the feed's reader has not come to yet.
        ///
        /// Default 10,000; what is further behind is not answered.
        package var reportLateMax = 10_000
        /// The longest report.
        ///
        /// Default 512 KiB.
        package var reportBytesMax = 512 << 10
        /// How many reports of one organization and environment are kept.
        ///
        /// Default 1,000.
        package var reportsMax = 1_000
        /// How long a report is kept.
        ///
        /// Default 30 days.
        package var reportLife: Duration = .seconds(30 * 86_400)
        /// What bounds the looking for what earlier reports did not know.
        package var corrections = Corrections.Settings()
        /// How many earlier reports of a kind are looked through for the days that they told of, the newest.
        ///
        /// Default 1,000.
        package var reportsRememberedMax = 1_000
        /// How many earlier reports a correction names that told of its day, the newest.
        ///
        /// Default 10.
        package var reportsNamedMax = 10

        /// The defaults.
        package init() {}
    }

    let data: any PluginDataRepository
    let records: any RecordRepository
    let reports: any ReportRepository
    let corrections: Corrections
    let places: FeedPlaces
    let directory: DirectoryCache
    let entropy: Entropy
    let settings: Settings

    /// Makes them of what they stand on.
    init(
        data: any PluginDataRepository,
        records: any RecordRepository,
        reports: any ReportRepository,
        feed: any FeedRepository,
        places: FeedPlaces,
        directory: DirectoryCache,
        entropy: Entropy,
        settings: Settings = Settings()
    ) {
        self.data = data
        self.records = records
        self.reports = reports
        corrections = Corrections(feed: feed, settings: settings.corrections)
        self.places = places
        self.directory = directory
        self.entropy = entropy
        self.settings = settings
    }

    /// Answers a request.
    ///
    /// - Throws: `permissionDenied` for what was not granted, `notSupported` for what there is not, `invalidArgument`,
    ///   `notFound`, `conflict`, `limitExceeded`, `unavailable`.
    package func answer(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        switch request.service {
        case "store.get": return try await get(request)
        case "store.put": return try await put(request)
        case "store.delete": return try await delete(request)
        case "store.list": return try await list(request)
        case "transaction.find": return try await findTransaction(request)
        case "transaction.list": return try await listTransactions(request)
        case "x-transaction.page": return try await pageTransactions(request)
        case "x-transaction.aggregate": return try await aggregate(request)
        case "x-report.keep": return try await keepReport(request)
        case "timer.schedule": return try await schedule(request)
        case "timer.cancel": return try await cancelTimer(request)
        case "export.open": return try await openExport(request)
        case "export.append": return try await append(request)
        case "export.close": return try await closeExport(request)
        default: throw GatewayError(.notSupported, "There is no service \(request.service).")
        }
    }

    /// Rule G1.
    func demand(_ family: String, of request: ServiceRequest) throws(GatewayError) {
        guard request.grants.services.contains(family) else {
            throw GatewayError(
                .permissionDenied,
                "The plugin was not granted the service \(family).",
                detail: "rule G1"
            )
        }
    }
}
