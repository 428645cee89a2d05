/// `exports.read`: what a plugin made for the organization that was too large for an answer.
package struct ExportActions: Sendable {
    private let exports: any PluginDataRepository
    private let entropy: Entropy

    /// Makes it over the files it gives out.
    package init(exports: any PluginDataRepository, entropy: Entropy) {
        self.exports = exports
        self.entropy = entropy
    }

    /// The actions.
    package var all: [Action] {
        [
            Action(
                ActionRules(
                    "exports.read",
                    auditAction: "EXPORT_READ",
                    scopes: ["exports:read"],
                    isOpenWhenSuspended: true
                ),
                title: "Save an export",
                summary: "A file that a tool made; role user gets its own. It is kept until the time the tool named.",
                route: Route("GET", "/exports/{id}"),
                arguments: ["id": ["type": "string", "maxLength": 64]],
                output: .file
            ) { [exports, entropy] use throws(GatewayError) in
                let missing = GatewayError(.notFound, "There is no export with this id, or it has expired.")
                guard let id = Identifier(use.text("id") ?? "") else { throw missing }
                let principal = use.principal
                let found = try await exports.export(
                    id,
                    organization: principal.organization,
                    environment: principal.environment,
                    now: entropy.now()
                )
                // Of what an export is, nobody knows but that whoever had it made saw it then.
                guard let (export, bytes) = found, export.purview.isSeen(by: principal) else { throw missing }
                return .file(name: export.name, mediaType: export.mediaType, bytes: bytes)
            }
        ]
    }
}
