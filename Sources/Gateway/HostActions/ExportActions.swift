/// `exports.read`: what a plugin made for the organization that was too large for an answer.
package struct ExportActions: Sendable {
    private let exports: any PluginDataRepository
    private let entropy: Entropy

    /// The longest that is given out whole; a longer one is read piece by piece while it is saved.
    private static let wholeBytesMax = 1 << 20

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
            ) { [self] use throws(GatewayError) in
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
                guard let export = found, export.purview.isSeen(by: principal) else { throw missing }
                guard export.bytes <= ExportActions.wholeBytesMax else { return .stream(stream(export, use)) }
                var bytes: [UInt8] = []
                for part in 0..<export.parts { bytes += try await piece(part, of: export) }
                return .file(name: export.name, mediaType: export.mediaType, bytes: bytes)
            }
        ]
    }

    private func stream(_ export: PluginExport, _ use: Action.Use) -> FileStream {
        FileStream(name: export.name, mediaType: export.mediaType) { write async throws(GatewayError) in
            for part in 0..<export.parts {
                try await use.mayGoOn()
                try await write(try await piece(part, of: export))
            }
        }
    }

    private func piece(_ part: Int, of export: PluginExport) async throws(GatewayError) -> [UInt8] {
        let bytes = try await exports.part(part, of: export.id, organization: export.owner.organization)
        // It has expired while it was read: what was saved is not whole.
        guard let bytes else { throw GatewayError(.notFound, "The export has expired.") }
        return bytes
    }
}
