import ArgumentParser
import Cryptography
import Egress
import Foundation
import Gateway
import Logging
import OrderedJSON
import PluginHost

/// Makes a key pair for signing plugins.
struct MakePluginKey: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen",
        abstract: "Make an Ed25519 key pair: FILE, which stays with whoever signs, and FILE.pub, which hosts are given."
    )

    @Argument(help: "The private key's file; it must not exist.") var file: String

    func run() throws {
        guard let key = SigningKey() else { throw ValidationError("OpenSSL makes no Ed25519 keys.") }
        // Made with its rights, and never over another key.
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ValidationError("The file \(file) cannot be made: \(String(cString: strerror(errno))).")
        }
        defer { close(descriptor) }
        let pem = key.privatePEM
        guard write(descriptor, pem, pem.count) == pem.count else {
            throw ValidationError("The file \(file) cannot be written.")
        }
        try Data(key.publicPEM).write(to: URL(filePath: file + ".pub"))
        print("key \(key.id): \(file) signs, \(file).pub is for GATEWAY_PLUGIN_KEYS_FILE")
    }
}

/// Vouches for a library.
struct SignPlugin: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign",
        abstract: "Sign a library, its id, version and levels, and what it needs; writes FILE.sig.",
        discussion: "What it needs is asked of it in a sandbox, and printed: read it before you hand the signature on."
    )

    @Argument(help: "The library.") var file: String
    @Option(help: "The private key's file.") var key: String

    func run() throws {
        do {
            guard let signing = SigningKey(pem: try NamedFile.read(key)) else {
                throw GatewayError(.invalidArgument, "\(key): expected an Ed25519 private key as PEM.")
            }
            let folder = FileManager.default.temporaryDirectory.appending(path: "signing-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let document = try sign(with: signing, in: folder)
            try Data(document.bytes).write(to: URL(filePath: file + ".sig"))
            print("\(file).sig, by \(signing.id), over: \(document["statement"]?.stringValue ?? "")")
        } catch {
            throw explain(error)
        }
    }

    private func sign(with signing: SigningKey, in folder: String) throws(GatewayError) -> JSON {
        let random = RandomWords()
        do {
            return try PluginSigner.sign(
                try NamedFile.read(file),
                with: signing,
                settings: App.pluginHostSettings(folder: folder, trust: TrustPolicy(allowsUnsigned: true)),
                entropy: Entropy(now: { .now }, random: { random.next() }),
                logger: Logger(label: "mpesa-gateway") { JSONLogHandler(logLevel: .warning, label: $0) }
            )
        } catch let refusal as PluginRefusal {
            throw GatewayError(.invalidArgument, "\(file) is not signed: \(refusal.description).")
        } catch let error as GatewayError {
            throw error
        } catch {
            throw GatewayError(.internalFault, "\(error)")
        }
    }
}
