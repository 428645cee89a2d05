import OrderedJSON

/// `x-transaction.aggregate` and `x-report.keep`: sums of an organization's transactions, and reports that never change.
extension PluginServices {
    // MARK: Sums

    /// What is summed up of some days, told in as many ways as are asked for, and what is open.
    ///
    /// All of one answer is of one moment. Whoever sees only their own, or some accounts, gets the sums of these.
    func aggregate(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        try await demandReports("transactions", of: request)
        let question = ReportQuestion(try days(request), seenBy: request.principal)
        let groups = try groups(request)
        let now = entropy.now()
        let totals = try await reports.totals(question)
        var answer: JSONObject = [
            "as_of_ms": .integer(now.milliseconds), "position": .integer(totals.position),
            "newest": .integer(totals.newest),
            "groups": .array(groups.map { .array(ReportGroup.rows(of: totals, by: $0)) }),
        ]
        if request.body["open"] == true {
            answer["open"] = .array(try await reports.open(question).map { $0.document(at: now) })
        }
        return .object(answer)
    }

    /// The plugin must have been granted it, and the organization's plan must have reports.
    private func demandReports(_ family: String, of request: ServiceRequest) async throws(GatewayError) {
        try demand(family, of: request)
        guard try await directory.membership(of: request.principal.organization).has(.reports) else {
            throw Feature.reports.missing
        }
    }

    private func days(_ request: ServiceRequest) throws(GatewayError) -> ClosedRange<Int64> {
        guard let first = NairobiDay.number(try request.text("from")) else {
            throw request.wrong("from", "a date such as 2026-11-27")
        }
        guard let last = NairobiDay.number(try request.text("to")) else {
            throw request.wrong("to", "a date such as 2026-11-27")
        }
        guard first <= last, last - first < Int64(settings.reportDaysMax) else {
            throw request.wrong("to", "a date from that of `from` on, at most \(settings.reportDaysMax) days")
        }
        return first...last
    }

    private func groups(_ request: ServiceRequest) throws(GatewayError) -> [[ReportGroup]] {
        let expected = "1 to \(settings.reportGroupsMax) lists of \(ReportGroup.allCases.map(\.rawValue))"
        guard let lists = request.body["groups"]?.arrayValue, (1...settings.reportGroupsMax).contains(lists.count)
        else {
            throw request.wrong("groups", expected)
        }
        var groups: [[ReportGroup]] = []
        for list in lists {
            let names = list.arrayValue ?? []
            let group = names.compactMap { $0.stringValue.flatMap(ReportGroup.init(rawValue:)) }
            guard list.arrayValue != nil, group.count == names.count, Set(group).count == group.count,
                !group.contains(.hour) || group.allSatisfy(ReportGroup.besideHour.contains)
            else { throw request.wrong("groups", expected + "; hour beside \(ReportGroup.besideHour.map(\.rawValue))") }
            groups.append(group)
        }
        return groups
    }

    // MARK: Reports

    /// Keeps a report as it is, with its id and what became true since the last one of its kind, which it answers.
    func keepReport(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        try await demandReports("x-reports", of: request)
        let kind = try request.text("kind", upTo: 32)
        guard case .object(var document)? = request.body["document"],
            JSON.object(document).bytes.count <= settings.reportBytesMax
        else { throw request.wrong("document", "an object of at most \(settings.reportBytesMax) bytes") }
        let now = entropy.now()
        let question = ReportQuestion(try days(request), seenBy: request.principal)
        let position = try request.whole("position", 0...Int64.max)
        var added: JSONObject = [:]
        let id = entropy.identifier()
        added["report_id"] = .string(id.description)
        added["expires_at_ms"] = .integer((now + settings.reportLife).milliseconds)
        added["corrections"] = try await corrections(of: kind, question, upTo: position, at: now)
        for (name, value) in added { document[name] = value }
        let report = StoredReport(
            id: id,
            kind: kind,
            question: question,
            madeBy: request.principal.subjectText,
            madeAt: now,
            expiresAt: now + settings.reportLife,
            position: position,
            document: JSON.object(document).bytes
        )
        try await reports.keep(report, reportsMax: settings.reportsMax)
        return .object(added)
    }

    /// What has become true since the last report of this kind, of days that earlier ones told of; null where there is
    /// none.
    private func corrections(
        of kind: String,
        _ question: ReportQuestion,
        upTo position: Int64,
        at now: Timestamp
    ) async throws(GatewayError) -> JSON {
        let kept = try await reports.reports(
            organization: question.organization,
            environment: question.environment,
            kind: kind,
            before: nil,
            limit: settings.reportsMax,
            now: now
        )
        let earlier = kept.filter { $0.question.madeBy == question.madeBy && $0.question.accounts == question.accounts }
        guard let last = earlier.first else { return .null }
        let days = Array(Set(earlier.map(\.question.days)))
        let asked = Corrections.Question(scope: question, days: days, since: last)
        let found = try await Corrections(reports: reports).find(asked, upTo: position)
        return found.document { day in earlier.filter { $0.question.days.contains(day) }.map(\.id) }
    }
}

/// By what sums are told apart.
enum ReportGroup: String, CaseIterable {
    case day, account, source, direction, tool
    case madeBy = "made_by"
    case state, status, hour

    /// What an hour of the day can be told apart by further.
    static let besideHour: [ReportGroup] = [.hour, .direction, .state, .status]

    /// The sums by these, in the order of the values.
    static func rows(of totals: ReportTotals, by group: [ReportGroup]) -> [JSON] {
        var sums: [[String]: RollupSum] = [:]
        if group.contains(.hour) {
            for (hour, sum) in totals.hours { sums[group.map { $0.value(hour) }, default: RollupSum()].add(sum) }
        } else {
            for (place, sum) in totals.rows { sums[group.map { $0.value(place) }, default: RollupSum()].add(sum) }
        }
        return sums.filter { $0.value != RollupSum() }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map { key, sum in
                var row: JSONObject = [:]
                for (member, value) in zip(group, key) { row[member.rawValue] = .string(value) }
                row["transactions"] = .integer(sum.transactions)
                row["amount"] = .integer(sum.amount)
                row["fee_cents"] = .integer(sum.feeCents)
                row["fees_stated"] = .integer(sum.feesStated)
                return .object(row)
            }
    }

    private func value(_ place: RollupPlace) -> String {
        switch self {
        case .day: NairobiDay.text(place.day)
        case .account: place.account
        case .source: place.source
        case .direction: place.direction.rawValue
        case .tool: place.tool
        case .madeBy: place.madeBy
        case .state: place.outcome.rawValue
        case .status: place.outcome.status
        case .hour: ""
        }
    }

    private func value(_ hour: ReportHour) -> String {
        switch self {
        case .hour: (hour.hour < 10 ? "0" : "") + String(hour.hour)
        case .direction: hour.direction.rawValue
        case .state: hour.outcome.rawValue
        case .status: hour.outcome.status
        case .day, .account, .source, .tool, .madeBy: ""
        }
    }
}

extension OpenSum {
    fileprivate func document(at now: Timestamp) -> JSON {
        [
            "state": .string(state.rawValue), "direction": .string(direction.rawValue), "tool": .string(tool),
            "account": .string(account), "transactions": .integer(transactions), "amount": .integer(amount),
            "oldest_ms": .integer(oldest.milliseconds),
            "oldest_age_ms": .integer(max(0, (now - oldest).wholeMilliseconds)),
        ]
    }
}
