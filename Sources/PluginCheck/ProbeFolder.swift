import Foundation

/// What probes read: the library twice, where a process that became somebody else can read it too.
struct ProbeFolder {
    /// The folder, which nobody else has written to.
    let path: String
    /// The library that is tried.
    let library: String

    /// Makes the folder; nil, with nothing left behind, where there is no room for it.
    init?(_ bytes: [UInt8]) {
        path = NSTemporaryDirectory() + "/check-\(UUID().uuidString)"
        library = path + "/plugin.so"
        let manager = FileManager.default
        do {
            let mayEnter: [FileAttributeKey: Any] = [.posixPermissions: 0o755]
            try manager.createDirectory(atPath: path, withIntermediateDirectories: false, attributes: mayEnter)
            for file in [library, ProbeFolder.another(library)] {
                try Data(bytes).write(to: URL(filePath: file))
                try manager.setAttributes([.posixPermissions: 0o444], ofItemAtPath: file)
            }
        } catch {
            remove()
            return nil
        }
    }

    /// The second file of the two.
    static func another(_ library: String) -> String { library + ".again" }

    /// Keeps what one process was answered, for the next.
    func keep(_ answers: String, to probe: String) {
        let path = ProbeFolder.answersPath(probe, library)
        _ = FileManager.default.createFile(
            atPath: path,
            contents: Data(answers.utf8),
            attributes: [.posixPermissions: 0o444]
        )
    }

    /// What another process was answered; nil where none was asked before.
    static func answers(to probe: String, of library: String) -> [Substring]? {
        FileManager.default.contents(atPath: answersPath(probe, library))
            .map { String(decoding: $0, as: UTF8.self).split(separator: " ") }
    }

    private static func answersPath(_ probe: String, _ library: String) -> String { "\(library).\(probe)" }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
