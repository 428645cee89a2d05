import Foundation
import PluginLoader

/// Where the worker program is, and what it must be able to read.
package enum WorkerProgram {
    /// The program beside this executable; nil when it was not built or not installed.
    package static func find() -> String? {
        let own = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        let path = own.deletingLastPathComponent().appending(path: "mpesa-gateway-worker").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }

    /// The folder of the Swift runtime that this process runs on, so that a sandboxed plugin can use the same.
    package static func swiftRuntimeFolders() -> [String] {
        var folder = [CChar](repeating: 0, count: 4096)
        return gateway_swift_runtime_folder(&folder, folder.count) > 0 ? [String(padded: folder)] : []
    }
}
