import Cryptography
import Foundation
import Gateway

/// The files of the master key: the key, and, once it was changed, the root that other keys are made of, sealed by it.
///
/// Callbacks' addresses, the digests of phones, sessions and seals are made of the root, which is the first master key a
/// host had: they must outlive a change, or open payments could not be told. Beside a file `master.key`:
///
///     master.key.root         the root, sealed by master.key; missing where master.key is the root itself
///     master.key.next         the key of a rotation that is under way
///     master.key.next.root    the root, sealed by it
///     master.key.old          the key before, for backups of the database; the operator takes it away
struct MasterKeyFiles: Sendable {
    let file: String
    /// Ends the process in tests, where they say so.
    var reach: @Sendable (Step) throws -> Void = { _ in }

    /// A moment at which the process may end.
    enum Step: CaseIterable, Sendable { case nextWritten, rootWritten, oldKept, rootTaken }

    /// What a host starts with.
    struct Keys: Sendable {
        let files: MasterKeyFiles
        let newest: Secret<[UInt8]>
        let older: [Secret<[UInt8]>]
        let root: Secret<[UInt8]>
        /// Whether a rotation was under way.
        let isRotating: Bool
    }

    private var next: String { file + ".next" }
    private var old: String { file + ".old" }
    private static let place = Array("master-key-root".utf8)

    private func exists(_ file: String) -> Bool { FileManager.default.fileExists(atPath: file) }

    /// Reads all of them.
    /// - Throws: `notConfigured` where a file is damaged, or the root's key is missing.
    func read() throws(GatewayError) -> Keys {
        let current = try DataFolder.readMasterKey(file)
        let isRotating = exists(next) && exists(next + ".root")
        let coming = isRotating ? try DataFolder.readMasterKey(next) : nil
        let before = exists(old) ? [try DataFolder.readMasterKey(old)] : []
        let known = [coming, current].compactMap { $0 } + before
        let sealed = try root(by: known)
        return Keys(
            files: self,
            newest: known[0],
            older: Array(known.dropFirst()),
            root: sealed ?? current,
            isRotating: isRotating
        )
    }

    /// Nil where the master key is the root itself.
    private func root(by keys: [Secret<[UInt8]>]) throws(GatewayError) -> Secret<[UInt8]>? {
        guard exists(file + ".root") else { return nil }
        for name in [file + ".root", next + ".root"] {
            guard let data = FileManager.default.contents(atPath: name),
                let sealed = Hexadecimal.decode(String(decoding: data, as: UTF8.self).filter { !$0.isWhitespace })
            else { continue }
            for key in keys {
                let opened = try? AESGCM.open(sealed, key: key.reveal(), associatedData: MasterKeyFiles.place)
                if let opened { return Secret(opened) }
            }
        }
        throw GatewayError(.notConfigured, "No master key beside \(file) opens \(file).root. Restore the one that did.")
    }

    /// Makes the next key durable, or answers the one of a rotation that was cut off; nothing is wrapped by it yet.
    func begin() throws -> Secret<[UInt8]> {
        let keys = try read()
        if keys.isRotating { return keys.newest }
        let made = SecureRandom.bytes(32)
        try write(Hexadecimal.encode(made), to: next)
        try reach(.nextWritten)
        let sealed = try AESGCM.seal(keys.root.reveal(), key: made, associatedData: MasterKeyFiles.place)
        try write(Hexadecimal.encode(sealed), to: next + ".root")
        try reach(.rootWritten)
        return Secret(made)
    }

    /// Puts the next key in the place of the one before, once nothing needs that one; again where it was cut off.
    func finish() throws {
        let (current, coming) = (try DataFolder.readMasterKey(file), try DataFolder.readMasterKey(next))
        if current.reveal() != coming.reveal() { try write(Hexadecimal.encode(current.reveal()), to: old) }
        try reach(.oldKept)
        let root = try String(contentsOfFile: next + ".root", encoding: .utf8)
        try write(root, to: file + ".root")
        try reach(.rootTaken)
        // Reading goes on to know the root by either file until both are in their place.
        try write(Hexadecimal.encode(coming.reveal()), to: file)
        for name in [next, next + ".root"] { try FileManager.default.removeItem(atPath: name) }
    }

    /// Whole or not at all, and on the disk when this returns: secrets are about to depend on it.
    private func write(_ text: String, to file: String) throws(GatewayError) {
        try NamedFile.write(Array(text.utf8), to: file)
    }
}
