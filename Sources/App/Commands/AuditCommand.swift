import ArgumentParser
import Cryptography
import Foundation
import Gateway
import OrderedJSON
import Store

/// The audit, checked by whoever has the file: no gateway and no database is asked.
struct AuditVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check a file of the audit: nothing changed, removed, reordered or cut off.",
        discussion: """
            FILE is what audit.export saved; several that follow each other are one. Heads are what audit.heads answered \
            at some time, kept outside of the gateway, and the key is its public_key, known from elsewhere. Without heads \
            the end of the file is not proved. Heads that were signed after a file was saved say that it was cut off: sign \
            first, then save.
            """
    )

    @Argument(help: "The audit's files, in order.") var files: [String]
    @Option(help: "A file of signed heads; may be repeated.") var heads: [String] = []
    @Option(help: "The public key's file, PEM.") var key: String?
    @Flag(help: "The files continue others: that a chain does not begin with its first line is no fault.")
    var continues = false

    func run() throws {
        do {
            var bytes: [UInt8] = []
            for file in files { bytes += try NamedFile.read(file) }
            var keys: [VerifyingKey] = []
            if let key {
                guard let read = VerifyingKey.all(pem: try NamedFile.read(key)) else {
                    throw GatewayError(.invalidArgument, "\(key): expected an Ed25519 public key as PEM.")
                }
                keys = read
            }
            guard heads.isEmpty || !keys.isEmpty else {
                throw GatewayError(.invalidArgument, "Heads are believed by a key: name one by --key.")
            }
            var documents: [JSON] = []
            for file in heads { documents += try HeadsFile.documents(in: try NamedFile.read(file), of: bytes, file) }
            let verdict = try AuditFile.verify(bytes, heads: documents, keys: keys, continues: continues)
            for fault in verdict.faults { print("FAULT  \(fault)") }
            for remark in verdict.remarks { print("note   \(remark)") }
            guard verdict.faults.isEmpty else {
                throw GatewayError(.conflict, "\(verdict.lines) lines: the audit is not as it was written.")
            }
            print("\(verdict.lines) lines are as they were written.")
        } catch {
            throw explain(error)
        }
    }
}
