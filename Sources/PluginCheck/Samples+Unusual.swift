import Gateway
import OrderedJSON

extension Samples {
    /// Every call of a pure function that a probe may want to make often: the usual ones, the unusual, and what was made
    /// from schemas and recordings.
    static func manyCalls(_ plugin: ProbedPlugin, _ catalogue: Catalogue) throws -> [PureCall] {
        let recordings = try Recording.all(plugin, catalogue).flatMap(\.somewhatWrong)
        return calls(catalogue) + unusualCalls(catalogue) + madeCalls(catalogue) + recordings
    }

    /// Calls that a host makes seldom: other profiles, records of which much is known, and every source of evidence.
    static func unusualCalls(_ catalogue: Catalogue) -> [PureCall] {
        preparations(catalogue) + showings(catalogue) + questions(catalogue) + evidences(catalogue)
    }

    /// Organizations of other kinds than the usual one.
    private static let profiles: [(text: String, profile: Profile, settings: JSONObject)] = [
        (
            "for a till",
            Profile(
                environment: .test,
                shortCode: "600002",
                shortCodeType: "till",
                tillNumber: "5000001",
                organizationName: "Duka la Mama Njeri"
            ), [:]
        ),
        (
            "where money is real",
            Profile(
                environment: .live,
                shortCode: "7654321",
                shortCodeType: "paybill",
                organizationName: "Wanjiku & \"Sons\" – 日本 \\"
            ), [:]
        ),
        (
            "with settings that it does not know",
            profile, ["x-unknown": ["list": [1, .null, ["deep": [:]]], "text": "", "number": -1]]
        ),
    ]

    private static func preparations(_ catalogue: Catalogue) -> [PureCall] {
        catalogue.tools.flatMap { tool -> [PureCall] in
            guard case .operation(let index) = tool.kind else { return [] }
            let kind = catalogue.operations[index]
            let found: [(record: Record, left: Int64)?] = kind.original == nil ? [nil] : originals(of: kind)
            let arguments =
                tool.examples.flatMap { prepared(tool, $0.arguments) } + MadeArguments.values(for: tool).prefix(2)
            return profiles.flatMap { other in
                arguments.flatMap { arguments in
                    found.map { original in
                        let input = PluginDocuments.prepare(
                            arguments: arguments.bytes,
                            profile: other.profile,
                            settings: other.settings,
                            // The last moment of a year, in Nairobi.
                            now: Timestamp(milliseconds: 1_798_750_799_999),
                            record: RecordID(Identifier(high: 9, low: 9)),
                            originator: Identifier(high: 9, low: 10),
                            original: original,
                            row: tool.items == nil ? nil : 1
                        )
                        let call = PureCall(.prepare(tool.index, input), "\(tool.name) \(other.text)")
                        return kind.direction == .reverse ? call.reversing(original?.record.id) : call
                    }
                }
            }
        }
    }

    private static func showings(_ catalogue: Catalogue) -> [PureCall] {
        catalogue.tools.flatMap { tool -> [PureCall] in
            guard let kind = kind(of: tool) else { return [] }
            let open = knownRecords(catalogue.operations[kind], catalogue, tool: tool.name, state: .reconciling)
            let later = open.map { text, record in
                let input = inLaterState(PluginDocuments.render(record: record, events: events(of: record)))
                return PureCall(.render(tool.index, input, tool), "\(tool.name) showing an unheard-of state \(text)")
            }
            return later
                + RecordState.allCases.flatMap { state in
                    knownRecords(catalogue.operations[kind], catalogue, tool: tool.name, state: state)
                        .map { text, record in
                            let input = PluginDocuments.render(record: record, events: events(of: record))
                            return PureCall(.render(tool.index, input, tool), "\(tool.name) showing \(state) \(text)")
                        }
                }
        }
    }

    /// The same of a record in a state that only a later host knows: to a plugin it is another than those that it knows
    /// (docs/abi.md, section 10, 4).
    private static func inLaterState(_ input: [UInt8]) -> [UInt8] {
        guard var document = (try? JSON(parsing: input))?.objectValue, var record = document["record"]?.objectValue
        else { return input }
        record["state"] = "later"
        document["record"] = .object(record)
        return JSON.object(document).bytes
    }

    private static func questions(_ catalogue: Catalogue) -> [PureCall] {
        catalogue.operations.enumerated()
            .flatMap { index, kind in
                [RecordState.sending, .unknown, .reconciling, .manual]
                    .flatMap { state in
                        knownRecords(kind, catalogue, tool: "", state: state)
                            .map { text, record in
                                let input = PluginDocuments.query(
                                    record: record,
                                    profile: profiles[1].profile,
                                    settings: [:],
                                    now: moment + .seconds(86_401)
                                )
                                return PureCall(.query(index, input), "\(kind.name), asking about \(state) \(text)")
                            }
                    }
            }
    }

    private static func evidences(_ catalogue: Catalogue) -> [PureCall] {
        catalogue.operations.enumerated()
            .flatMap { index, kind in
                let record = knownRecords(kind, catalogue, tool: "", state: .reconciling)[0].record
                let seldom: [(Evidence.Source, Int?)] =
                    [100, 204, 302, 400, 401, 404, 429, 500, 503, 599].map { (.reply, $0) } + [(.statement, nil)]
                    + kind.callbacks.map { (.callback($0.name), nil) }
                return seldom.flatMap { source, status in
                    ["{}", "", "{\"errorCode\":\"500.003.02\",\"errorMessage\":\"x\",\"requestId\":\"1\"}"]
                        .map { body in
                            let input = PluginDocuments.interpret(source: source, status: status, record: record)
                            let text = status.map { " with status \($0)" } ?? ""
                            return PureCall(
                                .interpret(index, input, Array(body.utf8)),
                                "\(kind.name), \(source.text)\(text): \(body)"
                            )
                        }
                }
            }
    }

    /// A record of which everything is known that may be, one of which M-Pesa said almost nothing, and one that stands in
    /// dispute in every way.
    private static func knownRecords(
        _ kind: OperationKind,
        _ catalogue: Catalogue,
        tool: String,
        state: RecordState
    ) -> [(text: String, record: Record)] {
        var full = record(kind, catalogue, tool: tool, state: state)
        full.version = 7
        full.externalIDs = [
            "checkout_request_id": "ws_CO_1", "merchant_request_id": "1-2-3", "conversation_id": "AG_1", "x": "",
        ]
        full.receipt = "NLJ7RT61SV"
        full.code = "1032"
        full.meaning = "Request cancelled by user."
        full.whoseMove = "customer"
        full.chargeAgain = "check_first"
        full.attempts = 3
        full.data = ["Balance": "Working Account|KES|481000.00", "list": [1, .null, "x"]]
        full.sentAt = moment + .seconds(1)
        full.updatedAt = moment + .seconds(2)
        full.endedAt = state.isEnded ? moment + .seconds(2) : nil
        var odd = record(kind, catalogue, tool: tool, state: state)
        odd.code = "a code that nobody has heard of"
        odd.meaning = ""
        odd.data = .null
        var disputed = full
        disputed.disputes = Dispute.Kind.allCases.map {
            Dispute($0, stated: "150", expected: "100", other: RecordID(Identifier(high: 7, low: 9)))
        }
        disputed.disputes.append(Dispute(.noReceipt))
        let known = [("of which all is known", full), ("of which little is known", odd), ("in dispute", disputed)]
        guard kind.direction == .incoming else { return known }
        return known + [("of which a part was given back", partlyReversed(full))]
    }

    private static func events(of record: Record) -> [RecordEvent] {
        let sources = ["commit", "send", "reply", "callback:result", "query", "sweeper", "restart", "person"]
        return sources.enumerated()
            .map { index, source in
                RecordEvent(
                    sequence: index + 1,
                    at: moment + .seconds(Int64(index)),
                    source: source,
                    verdict: index > 1 ? "pending" : nil,
                    code: index == 3 ? "1032" : nil,
                    meaning: index == 3 ? "Request cancelled by user." : nil,
                    from: index == 0 ? .created : .sending,
                    to: index == sources.count - 1 ? record.state : .sending
                )
            }
    }

    /// What stands beside a call of a function tool, an ordinary one left out.
    static func unusualMetas(_ tool: ToolDescriptor) -> [JSONObject] {
        var metas: [JSONObject] = [
            ["caller": "mcp", "attempt": 2, "idempotency_key": "a key"], ["caller": "timer", "attempt": 10],
            ["caller": "rest", "attempt": 1, "idempotency_key": "", "x-unknown": [1, .null, [:]]],
            // As a later host may say it.
            ["caller": "later", "attempt": 1],
        ]
        guard tool.asks else { return metas }
        for action in ["accept", "decline", "cancel"] {
            metas.append(["caller": "mcp", "attempt": 1, "input": ["action": .string(action), "content": [:]]])
            metas.append(["caller": "rest", "attempt": 1, "input": ["action": .string(action)], "state": "a state"])
        }
        return metas
    }
}
