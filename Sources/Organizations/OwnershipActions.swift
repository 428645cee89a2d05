import Gateway
import OrderedJSON

/// Everything that an organization owns, to be taken along; and its erasure, as far as the law lets it be erased.
struct OwnershipActions: Sendable {
    let house: Administration
    let data: any OwnedDataRepository

    var all: [Action] { [export, erase] }

    /// How many rows one file has at most.
    private static let rowsMax = 20_000
    private static let pageMax = 1_000

    private var export: Action {
        Action(
            ActionRules(
                "organization.export",
                auditAction: "ORGANIZATION_EXPORTED",
                role: .orgAdmin,
                isPersonal: true,
                isOpenWhenSuspended: true
            ),
            title: "Save what the organization owns",
            summary: """
                A part of it as a file, a line of JSON a row, at most 20,000; its last line says where the next goes on \
                ({"$next": …}), which is given as after. Secrets are left out; the audit is saved by audit.export.
                """,
            route: Route("GET", "/admin/organization/export"),
            arguments: [
                "part": ["enum": .array(data.ownedParts.map { .string($0) })],
                "after": ["type": "string", "maxLength": 2048, "description": "As $next was."],
            ],
            required: ["part"],
            output: .file
        ) { [data] use throws(GatewayError) in
            var place = try OwnershipActions.place(use)
            let part = use.text("part") ?? ""
            var bytes: [UInt8] = []
            var left = OwnershipActions.rowsMax
            repeat {
                let page = try await data.owned(
                    part,
                    of: use.principal.organization,
                    after: place,
                    limit: min(left, OwnershipActions.pageMax)
                )
                for row in page.rows { bytes.append(contentsOf: Array((row + "\n").utf8)) }
                left -= page.rows.count
                place = page.next
            } while place != nil && left > 0
            if let place {
                let next = JSON.array(place.map { .string($0) }).text
                bytes.append(contentsOf: Array((JSON.object(["$next": .string(next)]).text + "\n").utf8))
            }
            return .file(
                name: "\(use.membership.organization.slug)-\(part).jsonl",
                mediaType: "application/x-ndjson",
                bytes: bytes
            )
        }
    }

    private static func place(_ use: Action.Use) throws(GatewayError) -> [String]? {
        guard let text = use.text("after") else { return nil }
        guard let place = (try? JSON(parsing: text))?.arrayValue else {
            throw Administration.wrong("after", "what $next said in the file before")
        }
        return place.map { $0.stringValue ?? "" }
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
                organization.name = "Erased"
                organization.subscription = .cancelled
            }
            house.forget()
            return .data(.null, message: "The organization was erased.")
        }
    }
}
