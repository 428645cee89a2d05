import Cryptography
import OrderedJSON

/// `export.…`: what is too large for an answer, kept by the host and answered as a link.
extension PluginServices {
    func openExport(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        try demand("exports", of: request)
        guard try await directory.membership(of: request.principal.organization).has(.exports) else {
            throw Feature.exports.missing
        }
        let now = entropy.now()
        let export = PluginExport(
            id: entropy.identifier(),
            owner: request.owner,
            name: try request.text("name"),
            mediaType: try request.text("mime_type", upTo: 128),
            expiresAt: now + settings.exportLife,
            madeBy: request.principal.subjectText,
            purview: request.principal.purview
        )
        guard (export.name + export.mediaType).utf8.allSatisfy({ (0x20...0x7E).contains($0) && $0 != 0x22 }) else {
            throw request.wrong("name", "visible ASCII without quotes")
        }
        if request.isOfTask, try await data.exportedBytes(of: request.owner) >= settings.exportsBytesMax {
            throw GatewayError(
                .limitExceeded,
                "All files of the plugin hold \(settings.exportsBytesMax) bytes; the oldest ones expire within a day."
            )
        }
        try await data.add(export, exportsMax: settings.exportsMax)
        return ["export": .string(export.id.description)]
    }

    /// Adds `text`, or bytes as `base64`.
    func append(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        let bytes: [UInt8]
        if let encoded = request.body["base64"]?.stringValue {
            guard let decoded = Base64.decode(encoded) else { throw request.wrong("base64", "base64") }
            bytes = decoded
        } else {
            bytes = Array(try request.text("text", upTo: 1 << 20).utf8)
        }
        let length = try await data.append(
            bytes,
            to: try export(request),
            of: request.owner,
            bytesMax: request.isOfTask ? settings.taskExportBytesMax : settings.exportBytesMax
        )
        return ["bytes": .integer(Int64(length))]
    }

    func closeExport(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        let id = try export(request)
        let length = try await data.closeExport(id, of: request.owner)
        return ["path": .string("/exports/\(id)"), "bytes": .integer(Int64(length))]
    }

    private func export(_ request: ServiceRequest) throws(GatewayError) -> Identifier {
        try demand("exports", of: request)
        guard let id = Identifier(try request.text("export")) else { throw request.wrong("export", "an export's id") }
        return id
    }
}
