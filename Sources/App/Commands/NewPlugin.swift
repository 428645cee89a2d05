import ArgumentParser
import Foundation
import Gateway
import PluginTemplates

extension PluginTemplate.Language: ExpressibleByArgument {}

/// A folder to begin a plugin from.
struct NewPlugin: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Make a folder with a plugin that builds, to begin from."
    )

    @Option(help: "swift, c or rust.") var language: PluginTemplate.Language
    @Flag(help: "An operation tool that asks M-Pesa, with recorded messages; in Swift.") var operation = false
    @Argument(help: "The plugin's id: small letters, digits and dashes. It is the folder's name too.") var name: String
    @Option(help: "Where the gateway's package is, for Swift; found by itself in a checkout.") var gateway: String?

    func run() throws {
        do throws(GatewayError) {
            try make()
        } catch {
            throw explain(error)
        }
    }

    private func make() throws(GatewayError) {
        guard name.wholeMatch(of: /[a-z][a-z0-9]*(-[a-z0-9]+)*/) != nil, name.utf8.count <= 40 else {
            throw GatewayError(
                .invalidArgument,
                "NAME: expected small letters, digits and single dashes, such as my-tool."
            )
        }
        guard !operation || language == .swift else {
            throw GatewayError(
                .invalidArgument,
                "--operation: its template is in Swift. Say --language swift, or read Examples/till-request."
            )
        }
        guard !FileManager.default.fileExists(atPath: name) else {
            throw GatewayError(.conflict, "\(name) exists already. Choose another name, or remove it.")
        }
        let template = PluginTemplate(language, operation ? .operation : .function, name: name, gateway: try package())
        for (path, bytes) in template.files { try write(bytes, to: name + "/" + path) }
        print(
            """
            \(name) is a plugin in \(language.rawValue). Build it, and install it into a running gateway:

              make -C \(name)
              mpesa-gateway plugin install \(name)/\(name).so

            The second finds the gateway by GATEWAY_MANAGEMENT_URL and GATEWAY_OPERATOR_TOKEN_FILE.
            """
        )
    }

    private func package() throws(GatewayError) -> String {
        guard language == .swift else { return "" }
        if let gateway { return URL(filePath: gateway).standardizedFileURL.path }
        var folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        while folder.path != "/" {
            let isPackage = FileManager.default.fileExists(atPath: folder.appending(path: "Sources/PluginKit").path)
            if isPackage { return folder.path }
            folder.deleteLastPathComponent()
        }
        throw GatewayError(.notConfigured, "Say where the gateway's package is: --gateway FOLDER.")
    }

    private func write(_ bytes: [UInt8], to path: String) throws(GatewayError) {
        let file = URL(filePath: path)
        do {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(bytes).write(to: file)
        } catch {
            throw GatewayError(.unavailable, "\(path) cannot be written: \(error.localizedDescription)")
        }
    }
}
