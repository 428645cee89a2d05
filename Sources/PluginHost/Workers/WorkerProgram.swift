import Foundation

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
        guard let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8) else { return [] }
        for line in maps.split(separator: "\n") where line.hasSuffix("/libswiftCore.so") {
            guard let start = line.firstIndex(of: "/") else { continue }
            return [String(line[start...].dropLast("/libswiftCore.so".count))]
        }
        return []
    }
}
