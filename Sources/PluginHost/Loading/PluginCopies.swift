import Foundation
import Gateway
import Glibc

/// The private copies of libraries in a data folder, and which hosts use them.
///
/// A copy is made for each version that is opened (`PluginFile`). What no version needs any more is taken away when a host
/// starts, unless another host lives on the same folder: each holds a lock on a file of its own there, which ends with its
/// process, however that comes.
final class PluginCopies: Sendable {
    private let folder: String
    private let hosts: String
    private let own: String
    private let lock: Int32
    /// How many copies and hosts are looked at in one start: far more than there are versions.
    ///
    /// 100,000.
    private let entriesMax = 100_000

    init(stateFolder: String) {
        folder = stateFolder + "/plugins"
        hosts = stateFolder + "/plugin-hosts"
        own = hosts + "/" + UUID().uuidString
        try? FileManager.default.createDirectory(
            atPath: hosts,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        lock = open(own, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if lock >= 0 { flock(lock, LOCK_EX | LOCK_NB) }
    }

    deinit {
        guard lock >= 0 else { return }
        unlink(own)
        close(lock)
    }

    /// Takes away the copies of all libraries but those, and what a host that was killed left beside them.
    ///
    /// - Returns: How many libraries were forgotten; none where another host lives on the folder, or it cannot be told.
    func removeAll(but digests: Set<String>) -> Int {
        guard lock >= 0, isAlone() else { return 0 }
        return entries(folder)
            .count { digest in
                let place = folder + "/" + digest
                guard digest.count == 64, digest.allSatisfy(\.isHexDigit) else { return false }
                guard digests.contains(digest) else { return remove(place) }
                // Drafts and throwaway copies: their names go on behind the library's.
                for file in entries(place) where !file.hasSuffix(".so") { unlink(place + "/" + file) }
                return false
            }
    }

    private func remove(_ place: String) -> Bool {
        for file in entries(place) { unlink(place + "/" + file) }
        return rmdir(place) == 0
    }

    /// Whether no other host lives on the folder; the marks of those that have gone are taken away.
    private func isAlone() -> Bool {
        entries(hosts)
            .allSatisfy { name in
                let path = hosts + "/" + name
                guard path != own else { return true }
                let file = open(path, O_RDWR | O_CLOEXEC)
                guard file >= 0 else { return errno == ENOENT }
                defer { close(file) }
                guard flock(file, LOCK_EX | LOCK_NB) == 0 else { return false }
                unlink(path)
                return true
            }
    }

    private func entries(_ folder: String) -> [String] {
        Array(((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).prefix(entriesMax))
    }
}

extension PluginHost {
    /// Takes away the private copies of libraries that no version needs: neither one that is loaded, nor one that the
    /// store keeps, nor what plugins.json names, though it is disabled or was refused.
    func forgetCopies(besides configurations: [PluginConfiguration], in folder: String) async {
        guard let installed = try? await repository.installedPlugins() else { return }
        var digests = Set(installed.flatMap(\.versions).map(\.digest))
        digests.formUnion(slots.withLock { $0.values.flatMap(\.generations) }.map(\.plugin.digest))
        for configuration in configurations {
            if let digest = PluginsFile.digest(configuration, in: folder) { digests.insert(digest) }
        }
        let (copies, needed) = (opener.copies, digests)
        let count = await LoadingThread.run { () throws(Never) in copies.removeAll(but: needed) }
        guard count > 0 else { return }
        logger.notice("took away copies of libraries that no version needs", metadata: ["libraries": "\(count)"])
    }
}
