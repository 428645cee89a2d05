import Cryptography
import Gateway
import OrderedJSON

/// The audit handed out with what proves it: the lines as a file, and signed heads that say how far each chain goes.
struct AuditProof: Sendable {
    let house: Administration
    /// What signs heads; nil where the host has no key.
    let signer: AuditSigner?

    var all: [Action] { [export, heads] }

    /// How much of the file is put together before it is handed on.
    private static let pieceBytes = 64 << 10

    private static func rules(_ name: String, _ audit: String) -> ActionRules {
        ActionRules(
            name,
            auditAction: audit,
            role: .orgAdmin,
            scopes: ["administration:read"],
            isOpenWhenSuspended: true,
            showsAllAccounts: true,
            feature: .auditExport
        )
    }

    private var export: Action {
        Action(
            AuditProof.rules("audit.export", "AUDIT_EXPORTED"),
            title: "Save the audit",
            summary: """
                The lines as a file, chain by chain, for mpesa-gateway audit verify: all that there are as it begins, or \
                those after a line, written while they are read. after is a line's id, or says how far each chain is in \
                hand: WRITER/SEQUENCE, several with commas. Its first line says where it begins and ends.
                """,
            route: Route("GET", "/admin/audit-logs/export"),
            arguments: [
                "after": AuditProof.after,
                "limit": ["type": "integer", "minimum": 1],
            ],
            output: .file
        ) { [self] use throws(GatewayError) in
            let pages = AuditPages(
                reading: house.parts.reading,
                use: use,
                places: try await places(after: use.text("after"), use.principal.organization),
                most: use.arguments["limit"]?.integerValue.map(Int.init)
            )
            return .stream(
                try house.stream(
                    "audit-\(use.membership.organization.slug).jsonl",
                    "application/x-ndjson",
                    ended: "AUDIT_EXPORT_ENDED",
                    use
                ) { write throws(GatewayError) in
                    var lines = 0
                    let end = try await pages.end(at: house.parts.entropy.now())
                    var piece = pages.beginning(end).bytes + [UInt8(ascii: "\n")]
                    try await pages.forEach(until: end) { line throws(GatewayError) in
                        piece.append(contentsOf: line.utf8)
                        piece.append(UInt8(ascii: "\n"))
                        lines += 1
                        guard piece.count >= AuditProof.pieceBytes else { return }
                        try await write(piece)
                        piece = []
                    }
                    try await write(piece)
                    return ["lines": .integer(Int64(lines))]
                }
            )
        }
    }

    private static let after: JSON = [
        "type": "string", "maxLength": 4096, "pattern": "^[A-Za-z0-9-]+(/[0-9]{1,18}(,[A-Za-z0-9-]+/[0-9]{1,18})*)?$",
        "description": "A line's id, or WRITER/SEQUENCE of each chain, as audit.heads and audit verify name them.",
    ]

    /// How far each chain is in hand, as somebody says it.
    private func places(
        after text: String?,
        _ organization: OrganizationID
    ) async throws(GatewayError) -> [String: Int64] {
        guard let text else { return [:] }
        if let id = Identifier(text) {
            guard let places = try await house.parts.reading.places(of: id, organization: organization) else {
                throw Administration.wrong("after", "the id of a line of the audit")
            }
            return places
        }
        var places: [String: Int64] = [:]
        for pair in text.split(separator: ",") {
            let parts = pair.split(separator: "/")
            guard parts.count == 2, let sequence = Int64(parts[1]) else {
                throw Administration.wrong("after", "a line's id, or WRITER/SEQUENCE of each chain")
            }
            places[String(parts[0])] = sequence
        }
        return places
    }

    private var heads: Action {
        Action(
            AuditProof.rules("audit.heads", "AUDIT_HEADS_SIGNED"),
            title: "Sign where the audit ends",
            summary: """
                The number and hash of each chain's last line, signed: kept outside of the gateway, it shows later that \
                nothing was changed or cut off until then.
                """,
            route: Route("GET", "/admin/audit-logs/heads"),
            output: .data([
                "type": "object", "required": ["organization_id", "at", "heads", "key", "signature", "public_key"],
                "properties": [
                    "organization_id": ["type": "string"], "at": ["type": "string"], "key": ["type": "string"],
                    "signature": ["type": "string"], "public_key": ["type": "string"],
                    "heads": [
                        "type": "array",
                        "items": ["type": "object", "required": ["writer", "sequence", "hash"]],
                    ],
                ],
            ])
        ) { [house, signer] use throws(GatewayError) in
            guard let signer else {
                throw GatewayError(.notConfigured, "This gateway has no key to sign the audit's heads with.")
            }
            let heads = try await house.parts.reading.heads(organization: use.principal.organization)
            return .data(try signer.document(of: heads, use.principal.organization, at: house.parts.entropy.now()))
        }
    }
}

/// What signs the audit's heads.
package struct AuditSigner: Sendable {
    /// The key's name.
    let key: String
    /// Its public half, PEM.
    let publicKey: String
    /// A signature over heads of an organization at a time.
    let sign: @Sendable ([AuditHead], String, String) -> [UInt8]?

    /// Signs by a key what `statement` makes of heads.
    package init(_ signing: SigningKey, statement: @escaping @Sendable ([AuditHead], String, String) -> [UInt8]) {
        key = signing.id
        publicKey = String(decoding: signing.publicPEM, as: UTF8.self)
        sign = { signing.sign(statement($0, $1, $2)) }
    }

    /// Heads of an organization at a time, signed: what `audit verify` believes by the key.
    func document(
        of heads: [AuditHead],
        _ organization: OrganizationID,
        at moment: Timestamp
    ) throws(GatewayError) -> JSON {
        guard let signature = sign(heads, organization.description, moment.description) else {
            throw GatewayError.fault("the audit's heads could not be signed")
        }
        let documents = heads.map { head -> JSON in
            ["writer": .string(head.writer), "sequence": .integer(head.sequence), "hash": .string(head.hash)]
        }
        return [
            "organization_id": .string(organization.description), "at": .string(moment.description),
            "heads": .array(documents), "key": .string(key), "signature": .string(Hexadecimal.encode(signature)),
            "public_key": .string(publicKey),
        ]
    }
}
