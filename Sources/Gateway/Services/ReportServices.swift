import OrderedJSON

/// `x-transaction.aggregate` and `x-report.keep`: sums of an organization's transactions, and reports that never change.
extension PluginServices {
    // MARK: Sums

    /// What is summed up of some days, told in as many ways as are asked for, and what is open.
    ///
    /// All of one answer is of one place in the feed. Whoever sees only their own, or some accounts, gets the sums of these.
    func aggregate(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        try await demandReports("transactions", of: request)
        let asked = ReportTotals.Asked(
            ReportQuestion(try days(request), seenBy: request.principal),
            by: try groups(request),
            hasOpen: request.body["open"] == true,
            rowsMax: settings.reportRowsMax,
            lateMax: settings.reportLateMax
        )
        let totals = try await reports.totals(asked)
        let now = entropy.now()
        var answer: JSONObject = [
            "as_of_ms": .integer(now.milliseconds),
            "position": .string(places.text(totals.position, for: request.principal.organization)),
            "late": .integer(Int64(totals.late)),
            "groups": .array(zip(asked.groups, totals.groups).map { group, sums in .array(group.rows(of: sums)) }),
        ]
        if asked.hasOpen { answer["open"] = .array(totals.open.map { $0.document(at: now) }) }
        if request.body["batches"] == true {
            answer["batches"] = try await batches(asked.question)
        }
        if request.body["balances"] == true, request.principal.maySeeBalances {
            let question = asked.question
            let told = try await reports.balances(
                of: question.organization,
                in: question.environment,
                accounts: question.accounts,
                before: min(now + .milliseconds(1), RollupPlace.start(of: question.days.upperBound + 1))
            )
            answer["balances"] = .array(told.map { $0.document(at: now) })
        }
        return .object(answer)
    }

    /// How many batches were made; nil where there are more than are counted, for which no report is refused.
    private func batches(_ question: ReportQuestion) async throws(GatewayError) -> JSON? {
        do throws(GatewayError) {
            let made = try await reports.batchesMade(question, countMax: settings.reportRowsMax)
            return .array(
                made.sorted { $0.key < $1.key }.map { ["tool": .string($0.key), "batches": .integer($0.value)] }
            )
        } catch {
            guard error.code == .limitExceeded else { throw error }
            return nil
        }
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
            guard list.arrayValue != nil, group.count == names.count, Set(group).count == group.count else {
                throw request.wrong("groups", expected)
            }
            groups.append(group)
        }
        return groups
    }

    // MARK: Reports

    /// Keeps a report as it is, with its id and what became true since the last one of its kind, which it answers.
    ///
    /// Where one was kept by this key, that is answered, as it is.
    func keepReport(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        try await demandReports("x-reports", of: request)
        let kind = try request.text("kind", upTo: 32)
        let key = try request.optionalText("key", upTo: 64)
        guard case .object(var document)? = request.body["document"],
            JSON.object(document).bytes.count <= settings.reportBytesMax
        else { throw request.wrong("document", "an object of at most \(settings.reportBytesMax) bytes") }
        let now = entropy.now()
        let question = ReportQuestion(try days(request), seenBy: request.principal)
        guard let position = places.position(try request.text("position"), for: question.organization) else {
            throw request.wrong("position", "the position of x-transaction.aggregate")
        }
        var added: JSONObject = [:]
        let id = entropy.identifier()
        added["report_id"] = .string(id.description)
        added["expires_at_ms"] = .integer((now + settings.reportLife).milliseconds)
        let corrected = try await corrected(kind, question, upTo: position)
        added["organization_id"] = .string(question.organization.description)
        added["corrections"] = corrected.document
        for (name, value) in added { document[name] = value }
        let report = StoredReport(
            id: id,
            kind: kind,
            question: question,
            madeBy: request.principal.subjectText,
            madeAt: now,
            expiresAt: now + settings.reportLife,
            position: position,
            correctedTo: corrected.upTo,
            // Another plugin's same key is another.
            key: key.map { "\(request.plugin) \($0)" },
            document: JSON.object(document).bytes
        )
        let kept = try await reports.keep(report, reportsMax: settings.reportsMax)
        return kept.id == id ? .object(added) : try answer(kept, request)
    }

    /// What was kept before by the key that is asked by, with all that it says: whoever keeps it again answers that.
    private func answer(_ kept: StoredReport, _ request: ServiceRequest) throws(GatewayError) -> JSON {
        guard kept.isSeen(by: request.principal), let document = try? JSON(parsing: kept.document) else {
            throw GatewayError(.conflict, "This key was used for another report.")
        }
        var answer: JSONObject = ["document": document]
        for name in ["report_id", "expires_at_ms", "organization_id", "corrections"] { answer[name] = document[name] }
        return .object(answer)
    }

    /// What has become true since the last report of this kind, of days that earlier ones told of, and up to which event
    /// that is; null where there is no earlier one.
    ///
    /// It goes on where the last report's corrections ended, so that what was too much for one stands in the next.
    private func corrected(
        _ kind: String,
        _ question: ReportQuestion,
        upTo position: Int64
    ) async throws(GatewayError) -> (document: JSON, upTo: Int64) {
        let earlier = try await reports.reports(kind: kind, like: question, limit: settings.reportsRememberedMax)
        // Not by when they were made: a clock may have been set back.
        guard let last = earlier.map(\.correctedTo).max() else { return (.null, position) }
        let asked = Corrections.Question(
            scope: question,
            days: earlier.map(\.question.days),
            after: last,
            upTo: position
        )
        let found = try await corrections.find(asked)
        let document = found.document { day in
            earlier.lazy.filter { $0.question.days.contains(day) }.prefix(settings.reportsNamedMax).map(\.id)
        }
        return (document, max(found.upTo, last))
    }
}

extension Principal {
    /// Who asks for the sums of a report, or makes a batch, may know what accounts hold where they may ask for that by
    /// itself, by `balances.list`.
    var maySeeBalances: Bool { role >= .manager && scopes?.contains("mpesa:balance") ?? true }
}

extension [ReportGroup] {
    /// Sums by these, in the order of their values.
    fileprivate func rows(of sums: [[String]: RollupSum]) -> [JSON] {
        sums.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map { key, sum in
                var row: JSONObject = [:]
                for (member, value) in zip(self, key) { row[member.rawValue] = .string(value) }
                row["transactions"] = .integer(sum.transactions)
                row["amount"] = .integer(sum.amount)
                row["fee_cents"] = .integer(sum.feeCents)
                row["fees_stated"] = .integer(sum.feesStated)
                return .object(row)
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
