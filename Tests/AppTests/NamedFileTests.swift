import Foundation
import Gateway
import Testing

@testable import App

struct `A file that an operator names` {
    private let folder = FileManager.default.temporaryDirectory.path + "/named-" + UUID().uuidString

    @Test func `is said to be missing, not to hold the wrong thing`() throws {
        var settings = Settings()
        let wrong = settings.reading([
            "GATEWAY_OPERATOR_TOKEN_FILE": "/no/such/token", "GATEWAY_PLUGIN_KEYS_FILE": "/no/such/keys",
            "GATEWAY_CERTIFICATE_LIVE_FILE": "/no/such/live.pem", "GATEWAY_DARAJA_CA_FILE": "/no/such/ca.pem",
            "GATEWAY_MAIL_PASSWORD_FILE": "/no/such/password", "GATEWAY_MAIL_CA_FILE": "/no/such/mail.pem",
        ])
        #expect(wrong == [])

        let readings: [(String, () throws(GatewayError) -> Void)] = [
            (
                "/no/such/master.key",
                { () throws(GatewayError) in _ = try DataFolder.readMasterKey("/no/such/master.key") }
            ),
            ("/no/such/token", { () throws(GatewayError) in _ = try settings.operatorToken() }),
            ("/no/such/keys", { () throws(GatewayError) in _ = try settings.pluginTrust() }),
            ("/no/such/live.pem", { () throws(GatewayError) in _ = try settings.certificates() }),
            ("/no/such/ca.pem", { () throws(GatewayError) in _ = try settings.darajaAuthorities() }),
            ("/no/such/password", { () throws(GatewayError) in _ = try settings.mail.password() }),
            ("/no/such/mail.pem", { () throws(GatewayError) in _ = try settings.mail.authorities() }),
        ]

        for (file, read) in readings {
            let error = #expect(throws: GatewayError.self) { try read() }
            let message = error?.message ?? ""
            #expect(message.contains("\(file) cannot be read: No such file or directory."), "\(message)")
            #expect(!message.contains("must hold"), "\(message)")
        }
    }

    @Test func `of the operator's token says how one is made`() {
        let error = #expect(throws: GatewayError.self) { _ = try OperatorToken.read("/no/such/token") }

        #expect(error?.message.contains("openssl rand -hex 32 > /no/such/token") == true)
    }

    @Test func `that is a folder is said to be one`() {
        let error = #expect(throws: GatewayError.self) { _ = try NamedFile.read("/") }

        #expect(error?.message == "The file / cannot be read: it is a folder.")
    }

    @Test func `is written whole for its owner alone, or is as it was and says why`() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = folder + "/a"

        try NamedFile.write(Array("one".utf8), to: file)
        try NamedFile.write(Array("two".utf8), to: file)

        #expect(try NamedFile.read(file) == Array("two".utf8))
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? NSNumber
        #expect(mode?.intValue == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a"])
        let error = #expect(throws: GatewayError.self) { try NamedFile.write([1], to: file + "/b") }
        #expect(error?.message == "The file \(file)/b cannot be written: Not a directory.")
    }
}

struct `A file of heads` {
    private let file = FileManager.default.temporaryDirectory.path + "/heads-" + UUID().uuidString + ".jsonl"
    private let own = #"{"organization_id":"A1"}"#
    private let other = #"{"organization_id":"B2"}"#

    private func read(_ text: String, of audit: String) throws(GatewayError) -> [String] {
        try HeadsFile.documents(in: Array(text.utf8), of: Array(audit.utf8), file).map(\.text)
    }

    @Test func `is added to, its owner's alone, and ends first what was left unfinished`() async throws {
        defer { try? FileManager.default.removeItem(atPath: file) }
        let heads = HeadsFile(path: file)
        try await heads.append(Array("one\n".utf8))
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        try NamedFile.append(Array("tw".utf8), to: file)
        try await heads.append(Array("three\n".utf8))

        #expect(try String(contentsOfFile: file, encoding: .utf8) == "one\ntw\nthree\n")
        let error = await #expect(throws: GatewayError.self) {
            try await HeadsFile(path: "/no/such/folder/heads").append([1])
        }
        #expect(error?.message == "The file /no/such/folder/heads cannot be written: No such file or directory.")
    }

    @Test func `vouches for the organization whose audit is looked at, and says where a line is none`() throws {
        let audit = #"{"organization_id":"A1","writer":"w"}"#
        #expect(try read(own + "\n" + other + "\n" + own + "\n", of: audit) == [own, own])
        // What audit.heads answered is one document, whomever it is about: verifying says so.
        #expect(try read(other, of: audit) == [other])

        for wrong in [own + "\n{\n" + own, other + "\n" + other + "\n", "", "\n"] {
            #expect(throws: GatewayError.self) { try read(wrong, of: audit) }
        }
    }
}
