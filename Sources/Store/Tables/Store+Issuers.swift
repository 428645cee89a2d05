import Gateway
import OrderedJSON

/// Whose tokens organizations take.
extension Store {
    private static let issuerColumns = "issuer_id, url, environment, detail, is_active, version"

    package func issuers(of organization: OrganizationID) async throws(GatewayError) -> [TokenIssuer] {
        try await read { sql in
            try sql.query(
                """
                SELECT organization_id, \(Store.issuerColumns) FROM token_issuers
                WHERE organization_id = $1 ORDER BY issuer_id
                """,
                [.text(organization.description)],
                Store.issuer
            )
        }
    }

    package func save(_ issuer: TokenIssuer) async throws(GatewayError) {
        let owner: [SQLValue] = [.text(issuer.organization.description)]
        try await change(of: issuer.organization, conflict: "The organization has an issuer of this address.") { sql in
            try sql.execute(
                """
                INSERT INTO token_issuers (organization_id, \(Store.issuerColumns)) VALUES ($1, $2, $3, $4, $5, $6, 1)
                """,
                owner + [
                    .text(issuer.id.description), .text(issuer.url), .text(issuer.environment.rawValue),
                    .text(Store.detail(of: issuer).text), .flag(issuer.isActive),
                ]
            )
            try Store.holdChanges(in: sql)
            let count = try sql.first(
                "SELECT COUNT(*) FROM token_issuers WHERE organization_id = $1",
                owner
            ) { $0.integer(0) ?? 0 }
            guard (count ?? 0) <= TokenIssuer.countMax else { throw TokenIssuer.tooMany }
        }
    }

    package func changeIssuer(
        _ id: Identifier,
        of organization: OrganizationID,
        telling news: IssuerNews?,
        _ change: @escaping @Sendable (inout TokenIssuer) -> Void
    ) async throws(GatewayError) -> TokenIssuer? {
        let place = Store.place(id, organization)
        return try await noting(of: organization, conflict: "The issuer is being changed.") { sql in
            guard let old = try Store.issuer(at: place, in: sql) else { return .some(nil) }
            var new = old
            change(&new)
            if new == old { return .some((old, [])) }
            new.version = old.version + 1
            let changed = try sql.execute(
                """
                UPDATE token_issuers SET detail = $1, is_active = $2, version = $3
                WHERE organization_id = $4 AND issuer_id = $5 AND version = $6
                """,
                [.text(Store.detail(of: new).text), .flag(new.isActive), .integer(Int64(new.version))] + place + [
                    .integer(Int64(old.version))
                ]
            )
            guard changed == 1 else { return nil }
            return .some((new, try Store.lines(news, of: old, to: new, in: sql)))
        }
    }

    package func removeIssuer(
        _ id: Identifier,
        of organization: OrganizationID,
        telling news: IssuerNews?
    ) async throws(GatewayError) -> Bool {
        let place = Store.place(id, organization)
        let removed: Bool? = try await noting(of: organization, conflict: "The issuer is being changed.") { sql in
            guard let old = try Store.issuer(at: place, in: sql) else { return .some(nil) }
            let removed = try sql.execute(
                "DELETE FROM token_issuers WHERE organization_id = $1 AND issuer_id = $2",
                place
            )
            // What it was is told as it was last.
            guard removed == 1 else { return nil }
            return .some((true, try Store.lines(news, of: old, to: nil, in: sql)))
        }
        return removed ?? false
    }

    private static func place(_ id: Identifier, _ organization: OrganizationID) -> [SQLValue] {
        [.text(organization.description), .text(id.description)]
    }

    private static func issuer(at place: [SQLValue], in sql: any SQLSession) throws -> TokenIssuer? {
        try sql.first(
            """
            SELECT organization_id, \(Store.issuerColumns) FROM token_issuers
            WHERE organization_id = $1 AND issuer_id = $2
            """,
            place,
            Store.issuer
        )
    }

    /// What the organizations are told that have accepted an issuer of the operator's, by their own registrations.
    private static func lines(
        _ news: IssuerNews?,
        of before: TokenIssuer,
        to now: TokenIssuer?,
        in sql: any SQLSession
    ) throws -> [AuditRecord] {
        guard let news else { return [] }
        // Whoever is accepting it meanwhile has done so, or finds it as it is then.
        try Store.holdChanges(in: sql)
        let registrations = try sql.query(
            """
            SELECT organization_id, \(Store.issuerColumns) FROM token_issuers
            WHERE url = $1 AND environment = $2 AND organization_id <> $3 ORDER BY organization_id LIMIT $4
            """,
            [
                .text(before.url), .text(before.environment.rawValue), .text(before.organization.description),
                .integer(Int64(IssuerNews.toldMax)),
            ],
            Store.issuer
        )
        return news.lines(of: before, to: now, among: registrations)
    }

    private static func detail(of issuer: TokenIssuer) -> JSON {
        var detail: JSONObject = ["algorithms": .array(issuer.algorithms.map { .string($0.rawValue) })]
        detail["keys_url"] = issuer.keysURL.map { .string($0) }
        detail["key"] = issuer.key.map { .string($0.description) }
        var subjects = JSONObject()
        for (subject, key) in issuer.subjects.sorted(by: { $0.key < $1.key }) {
            subjects[subject] = .string(key.description)
        }
        detail["subjects"] = .object(subjects)
        detail["accepted"] = issuer.accepted.map { .string($0.description) }
        detail["shared"] = issuer.shared.map { .object(Store.detail(of: $0)) }
        return .object(detail)
    }

    private static func detail(of shared: SharedIssuer) -> JSONObject {
        var tenants = JSONObject()
        for (tenant, organization) in shared.tenants.sorted(by: { $0.key < $1.key }) {
            tenants[tenant] = .string(organization.description)
        }
        var detail: JSONObject = ["subject_claim": .string(shared.subjectClaim), "tenants": .object(tenants)]
        detail["tenant_claim"] = shared.tenantClaim.map { .string($0) }
        return detail
    }

    private static func shared(_ detail: JSON) throws -> SharedIssuer {
        guard let claim = detail["subject_claim"]?.stringValue, let named = detail["tenants"]?.objectValue else {
            throw SQLError(message: "an issuer of the operator's is damaged")
        }
        var tenants: [String: OrganizationID] = [:]
        for (tenant, organization) in named {
            guard let organization = organization.stringValue.flatMap({ OrganizationID($0) }) else {
                throw SQLError(message: "an issuer's tenants are damaged")
            }
            tenants[tenant] = organization
        }
        return SharedIssuer(
            subjectClaim: claim,
            tenantClaim: detail["tenant_claim"]?.stringValue,
            tenants: tenants
        )
    }

    /// What is not understood lets nobody in.
    private static func issuer(_ row: any SQLRow) throws -> TokenIssuer {
        let detail = try JSON(parsing: row.text(4) ?? "")
        guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
            let id = row.text(1).flatMap({ Identifier($0) }),
            let environment = row.text(3).flatMap(Environment.init(rawValue:)),
            let algorithms = detail["algorithms"]?.arrayValue, let subjects = detail["subjects"]?.objectValue
        else { throw SQLError(message: "an issuer is damaged") }
        var keys: [String: APIKeyID] = [:]
        for (subject, key) in subjects {
            guard let key = key.stringValue.flatMap({ APIKeyID($0) }) else {
                throw SQLError(message: "an issuer's subjects are damaged")
            }
            keys[subject] = key
        }
        let accepted = detail["accepted"]?.stringValue.flatMap { Identifier($0) }
        guard accepted != nil || detail["accepted"] == nil else {
            throw SQLError(message: "an issuer that was accepted is damaged")
        }
        return TokenIssuer(
            id: id,
            organization: organization,
            url: row.text(2) ?? "",
            environment: environment,
            keysURL: detail["keys_url"]?.stringValue,
            algorithms: algorithms.compactMap { $0.stringValue.flatMap(SigningAlgorithm.init(rawValue:)) },
            key: detail["key"]?.stringValue.flatMap { APIKeyID($0) },
            subjects: keys,
            accepted: accepted,
            shared: try detail["shared"].map { try Store.shared($0) },
            isActive: row.integer(5) == 1,
            version: Int(row.integer(6) ?? 1)
        )
    }
}
