import Gateway
import OrderedJSON

/// Everything that an organization owns, to be taken along; and its erasure, as far as the law lets it be erased.
struct OwnershipActions: Sendable {
    let house: Administration
    let data: any OwnedDataRepository

    var all: [Action] { [export, erase] }

    private var export: Action {
        let parts = data.ownedParts + [OrganizationArchive.audit]
        return Action(
            ActionRules(
                "organization.export",
                auditAction: "ORGANIZATION_EXPORTED",
                role: .orgAdmin,
                isPersonal: true,
                isOpenWhenSuspended: true
            ),
            title: "Save what the organization owns",
            summary: """
                All of it, or one part, as a tar archive that is written while it is read: lines of JSON, files that \
                plugins made, the audit where the plan has audit_export; manifest.json comes last. Secrets are left out.
                """,
            route: Route("GET", "/admin/organization/export"),
            arguments: ["part": ["enum": .array(parts.map { .string($0) })]],
            output: .file
        ) { [house, data] use throws(GatewayError) in
            let hasAudit = use.membership.has(.auditExport)
            let part = use.text("part")
            if part == OrganizationArchive.audit, !hasAudit { throw Feature.auditExport.missing }
            let chosen = part.map { [$0] } ?? (hasAudit ? parts : data.ownedParts)
            let archive = OrganizationArchive(
                data: data,
                audit: hasAudit ? house.parts.reading : nil,
                use: use,
                now: house.parts.entropy.now()
            )
            return .stream(
                try house.stream(
                    "\(use.membership.organization.slug)\(part.map { "-" + $0 } ?? "").tar",
                    "application/x-tar",
                    ended: "ORGANIZATION_EXPORT_ENDED",
                    use
                ) { write throws(GatewayError) in
                    let rows = try await archive.write(chosen, to: write).reduce(0) { $0 + $1.rows }
                    return ["rows": .integer(Int64(rows))]
                }
            )
        }
    }

    private var erase: Action {
        Action(
            ActionRules(
                "organizations.erase",
                auditAction: "ORGANIZATION_ERASED",
                role: .superAdmin,
                isPersonal: true,
                reach: .host
            ),
            title: "Erase an organization",
            summary: """
                Of one that is closed and has nothing open at M-Pesa: secrets, keys, sessions, settings, plugins' data, \
                files, raw callbacks and people's names, for good. Transactions, invoices, usage and its audit are kept, \
                as the law asks. slug is said again, so that it is no other.
                """,
            route: Route("POST", "/admin/organizations/{org_id}/erase"),
            arguments: ["org_id": Arguments.id, "slug": Arguments.slug],
            required: ["slug"],
            output: .data(["type": "null"])
        ) { [house, data] use throws(GatewayError) in
            let organization = try await house.named(use)
            guard use.text("slug") == organization.slug else {
                throw Administration.wrong("slug", "the slug of the organization that is to be erased")
            }
            guard !organization.isHost, !organization.isActive else {
                throw GatewayError(.conflict, "The organization is open. Close it first: is_active false.")
            }
            guard try await data.closeForErasing(organization.id) else {
                throw GatewayError(
                    .conflict,
                    "Transactions of the organization have not ended: what M-Pesa answers must still be understood."
                )
            }
            // In its own chain before anything is gone, and again after.
            try await house.note("ORGANIZATION_ERASED", on: organization.id, use)
            try await data.erase(organization.id)
            _ = try await house.directory.change(organization.id) { organization in
                // Anew but for what tells it from others: settings hold addresses and people's phone numbers.
                organization = Organization(
                    id: organization.id,
                    slug: organization.slug,
                    name: "Erased",
                    isActive: false,
                    subscription: .cancelled,
                    plan: organization.plan,
                    version: organization.version
                )
            }
            house.forget()
            return .data(.null, message: "The organization was erased.")
        }
    }
}
