import Gateway

/// `GET /exports/{id}`: what a plugin made for the organization that was too large for an answer.
struct ExportRoutes: Sendable {
    let exports: any PluginDataRepository
    let pipeline: Pipeline
    let entropy: Entropy

    func serve(_ reader: RequestReader, id: Substring, call: CallID) async throws(GatewayError) -> Response {
        let action = try reader.action(call)
        return try await pipeline.perform(.readExport, action) { principal, _ throws(GatewayError) in
            try await export(id, for: principal, call)
        }
    }

    private func export(
        _ id: Substring,
        for principal: Principal,
        _ call: CallID
    ) async throws(GatewayError) -> Response {
        let missing = GatewayError(.notFound, "There is no export with this id, or it has expired.")
        guard let id = Identifier(String(id)) else { throw missing }
        let found = try await exports.export(
            id,
            organization: principal.organization,
            environment: principal.environment,
            now: entropy.now()
        )
        // The role `user` sees what it had made itself.
        guard let (export, bytes) = found, principal.role > .user || export.madeBy == principal.subjectText else {
            throw missing
        }
        return Response(
            .ok,
            headers: [
                // Saved, never shown: a plugin must not be able to write a page of this address.
                (.contentType, export.mediaType), (.contentDisposition, "attachment; filename=\"\(export.name)\""),
                (.contentTypeOptions, "nosniff"), (.cacheControl, "no-store"), (.requestID, call.description),
            ],
            body: bytes
        )
    }
}
