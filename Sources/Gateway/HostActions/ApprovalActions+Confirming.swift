import OrderedJSON

/// What a person confirms of their own by their own session: `approvals.confirm`, and what they are shown before it.
extension ApprovalActions {
    var confirm: Action {
        Action(
            // An agent's log-in is refused below, with where its person confirms it.
            ActionRules(
                "approvals.confirm",
                auditAction: "APPROVAL_CONFIRMED",
                isPersonal: true,
                isOpenToAgents: true,
                writesItsLines: true
            ),
            title: "Confirm a payment",
            summary: """
                Lets a held payment be sent whose rule asks whoever asked for it to confirm it: by themselves, or by the owner \
                of the key that did. It is no approval. Others who may approve it can approve or decline it instead.
                """,
            route: Route("POST", "/approvals/{id}/confirm"),
            arguments: [
                "id": Self.id,
                "sha256": [
                    "type": "string", "maxLength": 64,
                    "description": "Of what you were shown, as to_confirm says it: nothing else is confirmed.",
                ],
            ],
            output: .data(Self.schema),
            target: "transaction/id"
        ) { use throws(GatewayError) in
            let record = try await held(use)
            guard try await mayConfirm(record, use.principal) else {
                throw GatewayError(
                    .permissionDenied,
                    "Whoever asked for this confirms it, or the owner of the key that did.",
                    record: record.id
                )
            }
            let shown = try await wordsInPerson(about: record)
            if record.state == .draft {
                guard !isByThisLogIn(record, use.principal) else { throw sameLogIn(record) }
                try await voidIfChanged(record, use.principal.organization)
                if let seen = use.text("sha256"), seen != record.digest(shown: shown) {
                    let words = "It is shown in other words by now: look at it again."
                    throw GatewayError(.staleVersion, words, record: record.id)
                }
            }
            let confirmed = try await drafts.confirm(
                record,
                by: use.principal.subjectText,
                .session,
                shown: shown,
                with: use.lines
            )
            return .data(Self.document(confirmed))
        }
    }

    /// Whether a program that decides for itself has asked for it, or for anything else, with the very log-in that is shown
    /// now: whoever has given a program their token has not given it their word.
    private func isByThisLogIn(_ record: Record, _ principal: Principal) -> Bool {
        principal.logIn?.isAgents ?? false || record.hold?.asked?.session.map { $0 == principal.session } ?? false
    }

    private func sameLogIn(_ record: Record) -> GatewayError {
        let page = drafts.calls.operations.page.address(of: record.id)
        return GatewayError(
            .permissionDenied,
            "A program asked for this with this very log-in: log in anew to confirm it"
                + "\(page.map { ", or on the gateway's page (\($0))" } ?? "").",
            record: record.id
        )
    }

    // MARK: What is shown

    static let toConfirmSchema: JSON = [
        "type": "object", "required": ["shown", "sha256"],
        "properties": [
            "shown": ["type": "string", "description": "What is kept as what you were shown, once you confirm it."],
            "sha256": [
                "type": "string",
                "description": "Of arguments, shown, tool and transaction_id, as canonical JSON (RFC 8785).",
            ],
        ],
        "description": "Where it waits for you to confirm it.",
    ]

    /// What is told of a record to whoever may confirm it alone.
    func ownView(of record: Record, for principal: Principal) async throws(GatewayError) -> JSONObject {
        guard case .user = principal.subject, try await mayConfirm(record, principal) else { return [:] }
        let waits = record.state == .draft && record.hold?.asked?.isConfirmation == true
        guard waits, !isByThisLogIn(record, principal) else { return ["is_own": true] }
        let shown = try await wordsInPerson(about: record)
        let digest = record.digest(shown: shown)
        return ["is_own": true, "to_confirm": ["shown": .string(shown), "sha256": .string(digest)]]
    }

    /// What a person is shown, who has nothing else before them: with who asked for it, why it waits and until when.
    func wordsInPerson(about record: Record) async throws(GatewayError) -> String {
        var lines = [record.wordsToConfirm]
        lines.append("Asked for by: \(try await name(of: record.madeBy, record.organization))")
        if let hold = record.hold {
            lines.append("Why it waits: \(PlainText.name.shown(hold.reason))")
            lines.append("Waits until: \(NairobiDay.moment(hold.until)) in Nairobi")
        }
        return lines.joined(separator: "\n")
    }

    /// A subject as people know it.
    private func name(of subject: String, _ organization: OrganizationID) async throws(GatewayError) -> String {
        switch Principal.Subject(subject) {
        case .user(let id)?:
            guard let user = try await directory.user(id, organization: organization) else { return subject }
            return PlainText.name.shown(user.username)
        case .apiKey(let id)?:
            guard let key = try await directory.apiKey(id, organization: organization) else { return subject }
            return "the key \(PlainText.name.shown(key.name))"
        case nil: return subject
        }
    }

    /// Whether somebody is who asked for a payment, or owns the key that did; nobody where that is gone.
    func mayConfirm(_ record: Record, _ principal: Principal) async throws(GatewayError) -> Bool {
        if record.madeBy == principal.subjectText { return true }
        guard case .apiKey(let id)? = Principal.Subject(record.madeBy), case .user(let user) = principal.subject else {
            return false
        }
        return try await directory.apiKey(id, organization: record.organization)?.isOf(user) ?? false
    }
}
