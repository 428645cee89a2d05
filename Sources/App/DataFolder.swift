import Cryptography
import Foundation
import Gateway
import Store

/// The folder that belongs to one running host: locked while it runs, readable by nobody else.
struct DataFolder: Sendable {
    let path: String
    /// Names the file that this process has locked, as no other does while it lives.
    ///
    /// This start of the machine, and the file as its kernel knows it: a copy of the folder is another place. Nil where the
    /// machine does not say.
    let place: String?

    /// Makes the folder where it is missing, locks it, and takes away what others may do with it and the files in it.
    ///
    /// - Throws: `conflict` when another host serves it; `invalidArgument` when it cannot be made, or others may read it
    ///   and that cannot be changed.
    init(path: String) throws(GatewayError) {
        self.path = path
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw GatewayError(
                .invalidArgument,
                "The data folder \(path) cannot be made: \(error.localizedDescription)"
            )
        }
        // The descriptor stays open for the life of the process; the lock goes with it, however the process ends.
        let lock = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw GatewayError(
                .conflict,
                "Another gateway serves the data folder \(path). Stop it, or use another folder."
            )
        }
        var locked = stat()
        let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        place = fstat(lock, &locked) == 0 ? boot.map { "\($0) \(locked.st_dev) \(locked.st_ino)" } : nil
        try FileMode.tighten(path, to: 0o700)
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
            let file = path + "/" + name
            var facts = stat()
            // Nothing that a link points to: that stands elsewhere, and is not the gateway's.
            guard lstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { continue }
            try FileMode.tighten(file, to: 0o600)
        }
    }

    /// The files of the master key: in this folder, unless a setting names another.
    func masterKeyFiles(_ file: String?) -> MasterKeyFiles { MasterKeyFiles(file: file ?? path + "/master.key") }

    /// The master key: 64 hexadecimal digits in a file that only its owner may read; made when `makes` says so.
    func masterKeys(_ files: MasterKeyFiles, makes: Bool) throws(GatewayError) -> MasterKeyFiles.Keys {
        if makes && !FileManager.default.fileExists(atPath: files.file) {
            try write(Array(Hexadecimal.encode(SecureRandom.bytes(32)).utf8), to: files.file)
        }
        return try files.read()
    }

    /// - Throws: `notConfigured` when the file cannot be read, or holds anything else.
    static func readMasterKey(_ file: String) throws(GatewayError) -> Secret<[UInt8]> {
        let digits = try NamedFile.word(
            file,
            as: "The master key file",
            advice: "mpesa-gateway init makes one; GATEWAY_MASTER_KEY_FILE names another. For a database that has been "
                + "used it must be the one that it was used with."
        )
        guard let key = Hexadecimal.decode(digits.lowercased()), key.count == 32 else {
            throw GatewayError(
                .notConfigured,
                "The master key file \(file) must hold 64 hexadecimal digits, as openssl rand -hex 32 writes them."
            )
        }
        return Secret(key)
    }

    /// The file of the operator's token, made where it is missing.
    func operatorTokenFile() throws(GatewayError) -> String {
        let file = path + "/operator.token"
        if !FileManager.default.fileExists(atPath: file) {
            try write(Array(Hexadecimal.encode(SecureRandom.bytes(32)).utf8), to: file)
        }
        return file
    }

    /// The key that signs where the audit ends, made where it is missing; its public half stands beside it.
    func auditKey() throws(GatewayError) -> SigningKey {
        let file = path + "/audit.key"
        if !FileManager.default.fileExists(atPath: file) {
            guard let made = SigningKey() else {
                throw GatewayError(.notSupported, "OpenSSL makes no Ed25519 keys.")
            }
            try write(made.publicPEM, to: file + ".pub")
            try write(made.privatePEM, to: file)
        }
        guard let key = SigningKey(pem: try NamedFile.read(file)) else {
            throw GatewayError(
                .notConfigured,
                "The file \(file), which signs where the audit ends, must hold an Ed25519 private key as PEM. Restore it, "
                    + "or move it away: another one is made at the next start."
            )
        }
        return key
    }

    /// Writes a file that only its owner may read, whole or not at all.
    func write(_ bytes: [UInt8], to file: String) throws(GatewayError) {
        try NamedFile.write(bytes, to: file)
    }
}

/// What an operator shows to change plugins.
enum OperatorToken {
    /// - Throws: `notConfigured` when the file cannot be read, or holds less than 32 characters.
    static func read(_ file: String) throws(GatewayError) -> Secret<[UInt8]> {
        let token = try NamedFile.word(
            file,
            as: "The operator token file",
            advice: "GATEWAY_OPERATOR_TOKEN_FILE names it; make one by: openssl rand -hex 32 > \(file)"
        )
        guard token.utf8.count >= 32 else {
            throw GatewayError(
                .notConfigured,
                "The operator token file \(file) must hold at least 32 characters. Make another: openssl rand -hex 32 > \(file)"
            )
        }
        return Secret(Array(token.utf8))
    }
}
