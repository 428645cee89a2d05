/// A folder that a plugin begins as: the project's own first examples, under another name.
///
/// The files are links into Examples/ and the protocol's headers, embedded when this is built, so that what a newcomer
/// gets is what the tests build.
package struct PluginTemplate: Sendable {
    /// The languages there are templates for.
    package enum Language: String, Sendable, CaseIterable {
        /// C99, with nothing but the C library.
        case c
        /// Rust, without a crate.
        case rust
        /// Swift, with PluginKit.
        case swift
    }

    /// What its tool is.
    package enum Tool: Sendable {
        /// A function, which moves no money.
        case function
        /// An operation that asks M-Pesa, with recorded messages; in Swift alone.
        case operation
    }

    /// Paths and contents.
    package let files: [(path: String, bytes: [UInt8])]

    /// The folder of a new plugin.
    ///
    /// - Parameters:
    ///   - tool: What its tool is; `operation` goes with `swift`.
    ///   - name: `[a-z][a-z0-9-]*`, at most 40 characters.
    ///   - gateway: Where the gateway's package is, for Swift.
    package init(_ language: Language, _ tool: Tool = .function, name: String, gateway: String) {
        let sources: [(String, [UInt8])] =
            switch (language, tool) {
            case (.c, _):
                [
                    ("plugin.c", PackageResources.c_plugin_txt), ("json.h", PackageResources.c_json_txt),
                    ("Makefile", PackageResources.c_makefile_txt),
                    ("include/gateway/base.h", PackageResources.header_base_txt),
                    ("include/gateway/context.h", PackageResources.header_context_txt),
                    ("include/gateway/function.h", PackageResources.header_function_txt),
                    ("include/gateway/operation.h", PackageResources.header_operation_txt),
                    ("include/gateway/plugin.h", PackageResources.header_plugin_txt),
                ]
            case (.rust, _):
                [
                    ("plugin.rs", PackageResources.rust_plugin_txt), ("gateway.rs", PackageResources.rust_gateway_txt),
                    ("Makefile", PackageResources.rust_makefile_txt),
                ]
            case (.swift, .operation):
                [
                    ("Package.swift", PackageResources.operation_package_txt),
                    ("Makefile", PackageResources.operation_makefile_txt),
                    ("exports.map", PackageResources.operation_exports_txt),
                    ("Sources/TillRequest/Plugin.swift", PackageResources.operation_plugin_txt),
                    ("Sources/Entry/Entry.swift", PackageResources.operation_entry_txt),
                    ("Sources/Manifest/manifest.c", PackageResources.operation_manifest_txt),
                    ("Tests/TillRequestTests/TillRequestTests.swift", PackageResources.operation_tests_txt),
                ]
            case (.swift, .function):
                [
                    ("Package.swift", PackageResources.swift_package_txt),
                    ("Makefile", PackageResources.swift_makefile_txt),
                    ("exports.map", PackageResources.swift_exports_txt),
                    ("Sources/Hello/Plugin.swift", PackageResources.swift_plugin_txt),
                    ("Sources/Entry/Entry.swift", PackageResources.swift_entry_txt),
                    ("Sources/Manifest/manifest.c", PackageResources.swift_manifest_txt),
                    ("Tests/HelloTests/HelloTests.swift", PackageResources.swift_tests_txt),
                ]
            }
        let rename = { (text: String) in PluginTemplate.renamed(text, to: name, gateway: gateway) }
        files = sources.map { path, bytes in
            let isTheirs = !path.hasPrefix("include/") && path != "json.h" && path != "gateway.rs"
            let text = String(decoding: bytes, as: UTF8.self)
            return (rename(path), isTheirs ? Array(rename(text).utf8) : bytes)
        }
    }

    private static func renamed(_ text: String, to name: String, gateway: String) -> String {
        let words = name.split(separator: "-")
        // No module of the gateway's, nor of Swift's, ends so.
        let type = words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined() + "Plugin"
        // In one pass: a name may hold the word that it replaces.
        let placeholders = /--crate-name hello|hello_|hello|Hello|till_request|till-request|TillRequest/
        let renamed = text.replacing(placeholders) { match in
            switch match.output {
            case "--crate-name hello": "--crate-name " + words.joined(separator: "_")
            case "hello_": words.joined(separator: "_") + "_"
            case "Hello", "TillRequest": type
            case "till_request": words.joined(separator: "_")
            default: name
            }
        }
        return renamed.replacing("path: \"../../Kit\"", with: "path: \"\(gateway)/Kit\"")
    }
}
