import OrderedJSON

/// What an operator sees and changes of an organization while the gateway runs.
///
/// Answers are documents for operators. Each change is two lines of the organization's audit chain: what is about to be
/// done, and what came of it.
package struct OrganizationChanges: Sendable {
    /// What an operator may switch of an organization.
    package enum Switch: String, Sendable, CaseIterable {
        /// Whether a payout that M-Pesa says it does not know may be sent once more.
        case resendsNotFound = "resends_not_found"

        fileprivate func isOn(in organization: Organization) -> Bool {
            switch self {
            case .resendsNotFound: organization.resendsNotFound
            }
        }

        fileprivate func set(_ isOn: Bool, in organization: inout Organization) {
            switch self {
            case .resendsNotFound: organization.resendsNotFound = isOn
            }
        }
    }

    private let directory: any DirectoryRepository
    private let cache: DirectoryCache
    private let audit: any AuditRepository
    private let entropy: Entropy

    /// Makes it; `cache` is what the sender asks.
    init(
        directory: any DirectoryRepository,
        cache: DirectoryCache,
        audit: any AuditRepository,
        entropy: Entropy
    ) {
        self.directory = directory
        self.cache = cache
        self.audit = audit
        self.entropy = entropy
    }

    /// The organization of a slug, with its switches.
    /// - Throws: `notFound`.
    package func show(_ slug: String) async throws(GatewayError) -> JSON {
        document(try await find(slug))
    }

    /// Sets switches, and nothing else of the organization; every call and every visit from now on feels it.
    ///
    /// - Throws: `notFound`; `conflict` when others change the organization all the time.
    package func set(
        _ switches: [Switch: Bool],
        of slug: String,
        by caller: Accounts.Caller
    ) async throws(GatewayError) -> JSON {
        let organization = try await find(slug)
        var detail = JSONObject()
        for (name, isOn) in switches.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            detail[name.rawValue] = ["from": .bool(name.isOn(in: organization)), "to": .bool(isOn)]
        }
        let line = line(of: organization.id, .object(detail), caller)
        // First the intent: a change without a line in the chain must not be possible.
        try await audit.append([line(.begun, nil)], usage: [])
        do throws(GatewayError) {
            let changed = try await directory.change(organization.id) { organization in
                for (name, isOn) in switches { name.set(isOn, in: &organization) }
            }
            cache.forget()
            guard let changed else { throw Self.unknown(slug) }
            try await audit.append([line(.success, nil)], usage: [])
            return document(changed)
        } catch {
            cache.forget()
            try await audit.append([line(.failed, error.code)], usage: [])
            throw error
        }
    }

    private func find(_ slug: String) async throws(GatewayError) -> Organization {
        guard let organization = try await directory.organization(slug: slug) else { throw Self.unknown(slug) }
        return organization
    }

    private static func unknown(_ slug: String) -> GatewayError {
        GatewayError(.notFound, "There is no organization with the slug \(slug).")
    }

    private func document(_ organization: Organization) -> JSON {
        var document: JSONObject = [
            "organization_id": .string(organization.id.description), "slug": .string(organization.slug),
            "name": .string(organization.name), "is_active": .bool(organization.isActive),
        ]
        for name in Switch.allCases { document[name.rawValue] = .bool(name.isOn(in: organization)) }
        return .object(document)
    }

    private func line(
        of organization: OrganizationID,
        _ detail: JSON,
        _ caller: Accounts.Caller
    ) -> (AuditRecord.Outcome, GatewayError.Code?) -> AuditRecord {
        { outcome, code in
            AuditRecord(
                id: entropy.identifier(),
                organization: organization,
                at: entropy.now(),
                call: caller.call,
                subject: "operator",
                action: "ORGANIZATION_CHANGED",
                door: "management",
                outcome: outcome,
                code: code?.rawValue,
                address: caller.address,
                detail: detail.text
            )
        }
    }
}
