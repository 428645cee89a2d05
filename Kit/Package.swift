// swift-tools-version: 6.2
import PackageDescription

// What a plugin in Swift is built against, and nothing else of the house: its author fetches and compiles no server, no
// database and no certificates. `Sources` is a link to the house's own; the package above has the same targets.

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]
let json: Target.Dependency = "OrderedJSON"

let package = Package(
    name: "mpesa-gateway",
    products: [
        .library(name: "PluginKit", targets: ["PluginKit", "PluginAPI", "OrderedJSON", "Daraja", "DarajaKit"]),
        .library(name: "PluginKitTesting", targets: ["PluginKitTesting"]),
    ],
    targets: [
        .target(name: "PluginAPI"),
        .target(name: "OrderedJSON", swiftSettings: strict),
        .target(name: "JSONSchema", dependencies: [json], swiftSettings: strict),
        .target(name: "Daraja", dependencies: [json], swiftSettings: strict),
        .target(name: "PluginKit", dependencies: ["PluginAPI", json], swiftSettings: strict),
        .target(name: "DarajaKit", dependencies: ["PluginKit", "Daraja", json], swiftSettings: strict),
        .target(name: "PluginKitTesting", dependencies: ["PluginKit", "JSONSchema", json], swiftSettings: strict),
    ]
)
