import Dispatch
import Gateway
import OrderedJSON

/// A file outside of the data folder to which signed heads of the audit are added, a line for each organization and time.
struct HeadsFile: Sendable {
    let path: String
    /// Waits for the disk, so that nothing else does.
    private let queue = DispatchQueue(label: "audit heads")

    /// Adds lines, and returns once they are on the disk.
    func append(_ lines: [UInt8]) async throws(GatewayError) {
        let result: Result<Void, GatewayError> = await withCheckedContinuation { continuation in
            queue.async { [path] in
                do throws(GatewayError) {
                    try NamedFile.append(lines, to: path)
                    continuation.resume(returning: .success(()))
                } catch { continuation.resume(returning: .failure(error)) }
            }
        }
        try result.get()
    }

    /// The heads in a file: what `audit.heads` answered, or lines that were added, of which those count that are about an
    /// organization whose audit is looked at.
    ///
    /// - Throws: `invalidArgument` with the line that is none.
    static func documents(
        in bytes: [UInt8],
        of audit: [UInt8],
        _ file: String
    ) throws(GatewayError) -> [JSON] {
        if let one = try? JSON(parsing: bytes) { return [one] }
        let text = String(decoding: audit, as: UTF8.self)
        var documents: [JSON] = []
        for (number, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
            guard let document = try? JSON(parsing: Array(line)),
                let organization = document["organization_id"]?.stringValue
            else {
                throw GatewayError(
                    .invalidArgument,
                    "\(file): line \(number + 1) is not what audit.heads answers. If it was cut off, take it away."
                )
            }
            if text.contains(organization) { documents.append(document) }
        }
        guard !documents.isEmpty else {
            throw GatewayError(.invalidArgument, "\(file): no line is about an organization of this audit.")
        }
        return documents
    }
}
