import OrderedJSON

/// `transactions.resolve`: what M-Pesa does not say, a person who has seen it does.
package struct ResolutionActions: Sendable {
    private let records: any RecordRepository
    private let resolutions: Resolutions
    private let entropy: Entropy

    init(records: any RecordRepository, resolutions: Resolutions, entropy: Entropy) {
        self.records = records
        self.resolutions = resolutions
        self.entropy = entropy
    }

    /// The actions.
    package var all: [Action] { [resolve] }

    private var resolve: Action {
        Action(
            ActionRules(
                "transactions.resolve",
                auditAction: "TRANSACTION_RESOLVED",
                role: .manager,
                isPersonal: true,
                isOpenWhenSuspended: true,
                // What is said not to have left is paid again.
                isOpenToAgents: false
            ),
            title: "Resolve a transaction",
            summary: """
                Says what became of a transaction of which M-Pesa states no outcome (state manual, unknown or \
                reconciling; accepted once the time has passed in which it says so), or that has ended and is disputed, by \
                somebody who has looked it up in the M-Pesa statement. It ends the transaction and its disputes; what \
                M-Pesa says later is shown beside it, and a success that M-Pesa proves overrides a failure.
                """,
            route: Route("POST", "/transactions/{id}/resolution"),
            arguments: [
                "id": ["type": "string", "maxLength": 64, "description": "The transaction's."],
                "outcome": [
                    "enum": .array(Resolution.Outcome.allCases.map { .string($0.rawValue) }),
                    "description":
                        "succeeded: the statement has its line; failed: it has none, and the money did not move.",
                ],
                "receipt": [
                    "type": "string", "minLength": 1, "maxLength": 64,
                    "description": "The receipt in the statement; required where it succeeded.",
                ],
                "amount": [
                    "type": "integer", "minimum": 1,
                    "description": "The amount in the statement, in whole shillings; required where it succeeded.",
                ],
                "evidence": [
                    "type": "string", "minLength": 8, "maxLength": 500,
                    "description": "What was looked at: which statement, which line, by whom it was confirmed.",
                ],
                "version": [
                    "type": "integer", "minimum": 0,
                    "description": """
                    The transaction's, as it was looked at; required where it is disputed. Where it has changed since, nothing \
                    is done.
                    """,
                ],
            ],
            required: ["outcome", "evidence"],
            output: .data(TransactionDocument.schema),
            target: "id"
        ) { [records, resolutions, entropy] use throws(GatewayError) in
            let missing = GatewayError(.notFound, "There is no transaction with this id.")
            guard let id = RecordID(use.text("id") ?? ""),
                let outcome = use.text("outcome").flatMap(Resolution.Outcome.init(rawValue:))
            else { throw missing }
            let (organization, environment) = (use.principal.organization, use.principal.environment)
            let found = try await records.record(id, organization: organization, environment: environment)
            guard let found, use.principal.sees(found) else { throw missing }
            let resolution = Resolution(
                outcome: outcome,
                receipt: use.text("receipt")?.uppercased(),
                evidence: use.text("evidence") ?? "",
                by: use.principal.subjectText,
                at: entropy.now()
            )
            let amount = use.arguments["amount"]?.integerValue
            let seen = use.arguments["version"]?.integerValue.flatMap { Int(exactly: $0) }
            let record = try await resolutions.resolve(found, as: resolution, amount: amount, seen: seen)
            var writer = JSONWriter(capacity: 1024)
            PluginDocuments.write(record, to: &writer)
            return .data(writer.bytes)
        }
    }
}
