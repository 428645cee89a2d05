import OrderedJSON

/// Stopping what moves money at once: everything, what programs that decide for themselves ask for, a tool, a key.
extension ApprovalActions {
    var stopActions: [Action] { [stop, resume] }

    private static let what: JSON = [
        "type": "string", "maxLength": 80, "pattern": "^(all|agents|tool:.+|key:.+)$",
        "description": "all, agents, tool:NAME or key:ID.",
    ]

    private var stop: Action {
        Action(
            ActionRules(
                "payments.stop",
                auditAction: "PAYMENTS_STOPPED",
                role: .manager,
                isPersonal: true,
                isOpenWhenSuspended: true
            ),
            title: "Stop payments",
            summary: """
                Nothing of it is sent from now on; what has left goes on, and its callbacks are taken. What waits for people \
                goes on waiting and is withdrawn with its time; withdraw takes it back at once, and of batches all that has \
                not left.
                """,
            route: Route("POST", "/payment-stops"),
            arguments: ["what": Self.what, "withdraw": ["type": "boolean", "description": "Whether what waits is."]],
            required: ["what"],
            output: .data(Self.rulesSchema)
        ) { use throws(GatewayError) in
            let stop = try Self.named(use)
            let changed = try await change(use) { policy in
                guard policy.stops.count < PaymentStop.countMax else { return false }
                policy.stops.insert(stop)
                return true
            }
            guard changed.approvals.stops.contains(stop) else {
                throw GatewayError(
                    .limitExceeded,
                    "More than \(PaymentStop.countMax) things would be stopped. Stop all."
                )
            }
            if use.arguments["withdraw"] == true { try await withdraw(stop, use) }
            return .data(document(changed), message: "Stopped.")
        }
    }

    private var resume: Action {
        Action(
            ActionRules("payments.resume", auditAction: "PAYMENTS_RESUMED", role: .orgAdmin, isPersonal: true),
            title: "Let payments go on",
            summary: "Takes back what was stopped. Needs a second factor.",
            route: Route("DELETE", "/payment-stops/{what}"),
            arguments: ["what": Self.what],
            output: .data(Self.rulesSchema)
        ) { use throws(GatewayError) in
            let stop = try Self.named(use)
            try await checkMayAgree(use)
            let changed = try await change(use) { $0.stops.remove(stop) != nil }
            return .data(document(changed), message: "Not stopped any more.")
        }
    }

    private static func named(_ use: Action.Use) throws(GatewayError) -> PaymentStop {
        guard let stop = PaymentStop(use.text("what") ?? "") else {
            throw GatewayError.wrong("what", "expected all, agents, tool:NAME or key:ID.")
        }
        return stop
    }

    /// Takes back all that a stop is about and that has not left: drafts, and batches with what waits of them.
    private func withdraw(_ stop: PaymentStop, _ use: Action.Use) async throws(GatewayError) {
        let reason = "Payments were stopped (\(stop.text))."
        try await batches.cancel(
            by: stop,
            of: use.principal.organization,
            by: use.principal.subjectText,
            because: reason
        )
        var before: RecordID?
        while true {
            let found = try await records.drafts(
                of: use.principal.organization,
                in: Environment.allCases,
                madeBy: nil,
                before: before,
                limit: 100
            )
            for record in found where stop.stops(tool: record.tool, madeBy: record.madeBy, record.caller) {
                do throws(GatewayError) {
                    try await drafts.withdraw(
                        record.id,
                        organization: record.organization,
                        environment: record.environment,
                        as: .cancelled,
                        by: use.principal.subjectText,
                        because: reason
                    )
                    // Others may have decided about it meanwhile, which is as good.
                } catch  where error.code == .conflict {}
            }
            guard found.count == 100 else { return }
            before = found.last?.id
        }
    }
}
