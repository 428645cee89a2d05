import Foundation
import Gateway

/// A file that a command sends.
struct SentFile {
    /// Its type and its bytes.
    let content: (type: String, bytes: [UInt8])

    /// Reads it, where the operation takes files of its type, which its name tells; whoever looks on is told how long it
    /// is.
    init(_ path: String, to operation: Operation) throws(GatewayError) {
        let isSheet = path.lowercased().hasSuffix(".xlsx")
        guard let type = operation.fileTypes.first(where: { $0.contains("spreadsheetml") == isSheet }) else {
            throw GatewayError(.invalidArgument, "\(operation.name) takes no file of this type.")
        }
        let bytes = try NamedFile.read(path)
        content = (type, bytes)
        guard isatty(STDERR_FILENO) == 1 else { return }
        FileHandle.standardError.write(Data("\(path): \(bytes.count) bytes are sent and checked …\n".utf8))
    }
}
